"""From the coded bits of a frame to whole symbols, and back; one function on both paths."""

from torch import Tensor
from torch.nn.functional import pad

from linksim.frame import FrameLayout


def pad_frame(bits: Tensor, layout: FrameLayout) -> Tensor:
    """Append the pad bits, and interleave if the layout says so.

    The bit interleaver of 3GPP TS 38.212, section 5.4.2.2, writes the frame row by row into a matrix of
    bits_per_symbol rows and reads it column by column, so that a symbol takes one bit from each row.

    Args:
        bits: [B, L] bits, or probabilities of 1.
        layout: of the frame.

    Returns:
        [B, S·m] in the order of transmission.
    """
    bits = pad(bits, (0, layout.pad_bits))
    if layout.interleaved:
        bits = bits.unflatten(1, (layout.bits_per_symbol, layout.symbols)).transpose(1, 2).flatten(1)
    return bits


def strip_frame(llr: Tensor, layout: FrameLayout) -> Tensor:
    """Undo `pad_frame`: [B, S·m] in the order of transmission to [B, L]."""
    if layout.interleaved:
        llr = llr.unflatten(1, (layout.symbols, layout.bits_per_symbol)).transpose(1, 2).flatten(1)
    return llr[:, : layout.coded_bits]
