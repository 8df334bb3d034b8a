"""The exact distribution of every symbol of a frame, given a distribution over indices for every token."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from linksim.bits import bits_to_index, labels
from linksim.frame import FrameLayout


@dataclass(frozen=True)
class Slice:
    """Part of a token: `width` bits from bit `offset` on."""

    offset: int
    width: int


def slices_of_symbol(layout: FrameLayout, symbol: int) -> tuple[list[int], list[Slice], int]:
    """What a symbol is made of.

    Returns:
        the tokens that it touches, in order; the slice that it takes from each; its number of pad bits.
    """
    tokens, slices = [], []
    start = symbol * layout.bits_per_symbol
    end = min(start + layout.bits_per_symbol, layout.information_bits)
    position = start
    while position < end:
        token, offset = divmod(position, layout.bits_per_token)
        width = min(layout.bits_per_token - offset, end - position)
        tokens.append(token)
        slices.append(Slice(offset, width))
        position += width
    return tokens, slices, start + layout.bits_per_symbol - end


class SymbolDistribution(nn.Module):
    """[B, N, K] token distributions to [B, S, M] symbol distributions, exactly.

    Tokens are independent, bits of one token are not. The distribution of a symbol is therefore the product,
    over the tokens it touches, of the marginal of that token's distribution over just the bits that the
    symbol takes from it: a 0/1 matrix applied to the distribution. Pad bits are zero with certainty. Symbols
    that cut their tokens in the same way are computed together.
    """

    order: Tensor
    matrix: Tensor

    def __init__(self, layout: FrameLayout) -> None:
        super().__init__()
        index_labels = labels(layout.codebook_size, layout.bits_per_token)
        symbols_by_cut: dict[tuple[tuple[Slice, ...], int], list[int]] = defaultdict(list)
        tokens_of: list[list[int]] = []
        for symbol in range(layout.symbols):
            tokens, slices, pad_bits = slices_of_symbol(layout, symbol)
            tokens_of.append(tokens)
            symbols_by_cut[tuple(slices), pad_bits].append(symbol)

        self._cuts = list(symbols_by_cut)
        order = torch.tensor([symbol for symbols in symbols_by_cut.values() for symbol in symbols])
        self.register_buffer("order", order.argsort(), persistent=False)
        for number, symbols in enumerate(symbols_by_cut.values()):
            touched = torch.tensor([tokens_of[symbol] for symbol in symbols])
            self.register_buffer(f"tokens_{number}", touched, persistent=False)
        # Slices in the order in which they are met, beside each other in one matrix.
        self._slices = list(dict.fromkeys(one for slices, _ in self._cuts for one in slices))
        matrices = []
        for cut in self._slices:
            value = bits_to_index(index_labels[:, cut.offset : cut.offset + cut.width])
            matrices.append(torch.nn.functional.one_hot(value, 2**cut.width).float())
        self.register_buffer("matrix", torch.cat(matrices, 1), persistent=False)

    def forward(self, assignment: Tensor) -> Tensor:
        """Compute the distribution of every symbol.

        Args:
            assignment: [B, N, K] distribution over indices for every token.

        Returns:
            [B, S, M] distribution over the MSB-first labels of every symbol.
        """
        # Of all tokens at once: these are small, and picking tokens first would copy the large distributions.
        # Labels first and frames last, [labels, N, B], so that products run along rows of frames.
        marginals = (self.matrix.T @ assignment.flatten(0, 1).T).unflatten(1, assignment.shape[:2])
        parts = marginals.transpose(1, 2).split([2**cut.width for cut in self._slices])
        of_slice = dict(zip(self._slices, parts, strict=True))
        groups = []
        for number, (slices, pad_bits) in enumerate(self._cuts):
            tokens = self.get_buffer(f"tokens_{number}")
            first, *others = (of_slice[cut].index_select(1, tokens[:, i]) for i, cut in enumerate(slices))
            joint = first
            for marginal in others:
                joint = (joint.unsqueeze(1) * marginal).flatten(0, 1)
            if pad_bits:
                zeros = joint.new_zeros(len(joint), 2**pad_bits - 1, *joint.shape[1:])
                joint = torch.cat([joint.unsqueeze(1), zeros], 1).flatten(0, 1)
            groups.append(joint)
        return torch.cat(groups, 1).index_select(1, self.order).permute(2, 1, 0)


def of_independent_bits(probabilities: Tensor, bits_per_symbol: int) -> Tensor:
    """[B, S·m] probabilities of 1 of independent bits to [B, S, M] symbol distributions."""
    one = probabilities.unflatten(1, (-1, bits_per_symbol))
    joint = one.new_ones(*one.shape[:-1], 1)
    for bit in range(bits_per_symbol):
        two = torch.stack([1 - one[..., bit], one[..., bit]], -1)
        joint = (joint.unsqueeze(-1) * two.unsqueeze(-2)).flatten(-2)
    return joint
