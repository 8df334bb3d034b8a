"""From the coded bits of a frame to whole symbols, and back; one function on both paths."""

from torch import Tensor
from torch.nn.functional import pad

from linksim.frame import FrameLayout


def pad_frame(bits: Tensor, layout: FrameLayout) -> Tensor:
    """Append the pad bits, or put them in front and interleave, as the layout says.

    The bit interleaver of 3GPP TS 38.212, section 5.4.2.2, writes the frame row by row into a matrix of
    bits_per_symbol rows and reads it column by column, so that a symbol takes one bit from each row. Pad bits
    in front fall into the first row, the sign bits of QAM, where they leave the energy of a symbol alone.

    Args:
        bits: [B, L] bits, or probabilities of 1.
        layout: of the frame.

    Returns:
        [B, S·m] in the order of transmission.
    """
    if not layout.interleaved:
        return pad(bits, (0, layout.pad_bits))
    rows = pad(bits, (layout.pad_bits, 0)).unflatten(1, (layout.bits_per_symbol, layout.symbols))
    return rows.transpose(1, 2).flatten(1)


def strip_frame(llr: Tensor, layout: FrameLayout) -> Tensor:
    """Undo `pad_frame`: [B, S·m] in the order of transmission to [B, L]."""
    if not layout.interleaved:
        return llr[:, : layout.coded_bits]
    columns = llr.unflatten(1, (layout.symbols, layout.bits_per_symbol))
    return columns.transpose(1, 2).flatten(1)[:, layout.pad_bits :]
