"""Map: indices to bits and symbols."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from linksim.bits import index_to_bits, labels
from linksim.frame import FrameLayout
from linksim.modem import Modem
from linksim.stages.symbol_distribution import SymbolDistribution


class Map(nn.Module):
    """Bits and symbols of a frame (hard), or their exact distributions and means (soft).

    Both maps write each index MSB first, concatenate the tokens of a frame, pad that frame with zero bits to
    whole symbols, and label symbols as the modem does.
    """

    index_labels: Tensor

    def __init__(self, layout: FrameLayout, modem: Modem) -> None:
        super().__init__()
        self.layout = layout
        self.modem = modem
        self.distribution = SymbolDistribution(layout)
        own_labels = labels(layout.codebook_size, layout.bits_per_token)
        self.register_buffer("index_labels", own_labels.float(), persistent=False)

    def hard(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Transmit indices.

        Args:
            index: [B, N] integers in [0, K).

        Returns:
            bits [B, S·m] and complex symbols [B, S].
        """
        bits = index_to_bits(index, self.layout.bits_per_token).flatten(1)
        return self.hard_bits(bits.to(self.index_labels.dtype))

    def hard_bits(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """Transmit the L information bits of each frame as they are.

        Args:
            bits: [B, L] zeros and ones.

        Returns:
            bits with padding [B, S·m] and complex symbols [B, S].
        """
        bits = pad(bits.to(self.index_labels.dtype), (0, self.layout.pad_bits))
        return bits, self.modem.modulate(bits)

    def soft(self, assignment: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
        """Transmit distributions: the exact marginal of each symbol, sharpened, and its mean.

        Sharpening is softmax(log p / T): it leaves a one-hot distribution alone at every temperature and is
        the identity at T = 1. At other temperatures each symbol is sharpened by itself, and the result
        belongs to no distribution of indices.

        Args:
            assignment: [B, N, K] distribution over the codebook.
            temperature: T > 0.

        Returns:
            probabilities of 1 of the bits, before sharpening, [B, S·m]; symbol probabilities [B, S, M];
            complex mean symbols [B, S].
        """
        bits = pad((assignment @ self.index_labels).flatten(1), (0, self.layout.pad_bits))
        probabilities = sharpen(self.distribution(assignment), temperature)
        points = torch.view_as_real(self.modem.constellation(probabilities.dtype, probabilities.device))
        return bits, probabilities, torch.view_as_complex(probabilities @ points)


def sharpen(probabilities: Tensor, temperature: float) -> Tensor:
    """softmax(log p / T) along the last axis; probabilities below the dtype's tiny count as zero."""
    possible = probabilities >= torch.finfo(probabilities.dtype).tiny
    logits = torch.where(possible, probabilities, 1).log() / temperature
    return logits.masked_fill(~possible, -torch.inf).softmax(-1)
