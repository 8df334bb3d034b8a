"""Map: indices to bits and symbols."""

import torch
from torch import Tensor, nn

from linksim.bits import index_to_bits, labels
from linksim.frame import FrameLayout
from linksim.modem import Modem
from linksim.stages.code import Code
from linksim.stages.padding import pad_frame
from linksim.stages.sharpening import sharpen
from linksim.stages.symbol_distribution import SymbolDistribution, of_independent_bits


class Map(nn.Module):
    """Bits and symbols of a frame (hard), or their exact distributions and means (soft).

    Both maps write each index MSB first, concatenate the tokens of a frame, encode, pad that frame with zero
    bits to whole symbols, and label symbols as the modem does. Without a code the soft distributions are
    exact; behind one, coded bits count as independent, which is exact on hard bits only.
    """

    index_labels: Tensor

    def __init__(self, layout: FrameLayout, modem: Modem, code: Code) -> None:
        super().__init__()
        self.layout = layout
        self.modem = modem
        self.code = code
        self.distribution = SymbolDistribution(layout)
        own_labels = labels(layout.codebook_size, layout.bits_per_token)
        self.register_buffer("index_labels", own_labels.float(), persistent=False)

    def information_bits(self, index: Tensor) -> Tensor:
        """[B, N] indices as [B, N·b] bits, most significant first."""
        return index_to_bits(index, self.layout.bits_per_token).flatten(1).to(self.index_labels.dtype)

    def information_probabilities(self, assignment: Tensor) -> Tensor:
        """[B, N, K] distributions as [B, N·b] probabilities of 1 of the information bits."""
        return (assignment @ self.index_labels).flatten(1)

    def hard(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Transmit indices.

        Args:
            index: [B, N] integers in [0, K).

        Returns:
            bits [B, S·m] in the order of transmission and complex symbols [B, S].
        """
        return self.hard_bits(self.information_bits(index))

    def hard_bits(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """Transmit the information bits of each frame as they are.

        Args:
            bits: [B, N·b] zeros and ones.

        Returns:
            bits [B, S·m] in the order of transmission and complex symbols [B, S].
        """
        coded = self.code.hard(bits.to(self.index_labels.dtype))
        bits = pad_frame(coded, self.layout)
        return bits, self.modem.modulate(bits)

    def soft(
        self, assignment: Tensor, temperature: float, information: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Transmit distributions: the marginal of each symbol, sharpened, and its mean.

        Sharpening is softmax(log p / T): it leaves a one-hot distribution alone at every temperature and is
        the identity at T = 1. At other temperatures each symbol is sharpened by itself, and the result
        belongs to no distribution of indices.

        Args:
            assignment: [B, N, K] distribution over the codebook.
            temperature: T > 0.
            information: [B, N·b] probabilities of 1 of the information bits, if they are known already.

        Returns:
            probabilities of 1 of the bits, before sharpening, [B, S·m]; symbol probabilities [B, S, M];
            complex mean symbols [B, S].
        """
        information = self.information_probabilities(assignment) if information is None else information
        bits = self._soft_bits_of(assignment, information)
        probabilities = self.symbol_probabilities(assignment, bits, temperature)
        return bits, probabilities, self.mean(probabilities)

    def mean_symbols(self, assignment: Tensor) -> Tensor:
        """[B, S] complex means of the unsharpened symbols of distributions [B, N, K] over the codebook."""
        information = self.information_probabilities(assignment)
        return self.mean(self.marginals(assignment, self._soft_bits_of(assignment, information)))

    def _soft_bits_of(self, assignment: Tensor, information: Tensor) -> Tensor:
        if not self.layout.coded:
            return self.soft_bits(information)
        most_probable = self.information_bits(assignment.argmax(-1))
        return self.soft_bits(self.code.soft(information, most_probable))

    def mean(self, probabilities: Tensor) -> Tensor:
        """[B, S] complex means of symbol distributions [B, S, M]."""
        points = torch.view_as_real(self.modem.constellation(probabilities.dtype, probabilities.device))
        return torch.view_as_complex(probabilities @ points)

    def soft_bits(self, coded: Tensor) -> Tensor:
        """[B, L] probabilities of 1 of the coded bits as [B, S·m] in the order of transmission."""
        return pad_frame(coded, self.layout)

    def symbol_probabilities(self, assignment: Tensor, bits: Tensor, temperature: float) -> Tensor:
        """[B, S, M] distribution of each symbol, sharpened unless it is that of a code word.

        Args:
            assignment: [B, N, K] distribution over the codebook.
            bits: [B, S·m] probabilities of 1.
            temperature: T > 0.
        """
        marginals = self.marginals(assignment, bits)
        # A code word is hard already; sharpening would only take its gradient away.
        return marginals if self.code.rounds else sharpen(marginals, temperature)

    def marginals(self, assignment: Tensor, bits: Tensor) -> Tensor:
        """[B, S, M] distribution of each symbol, given those of the tokens, [B, N, K], and bits, [B, S·m]."""
        if self.layout.coded:
            return of_independent_bits(bits, self.layout.bits_per_symbol)
        return self.distribution(assignment)
