"""Tokens that lie between codewords."""

from torch import Tensor

from linksim.link import Link
from linksim.stages.quantize import Quantize, squared_distances

TIED = 1e-3
"""Difference of two squared distances over √D up to which they count as tied: at a temperature of 1e-4 the
farther codeword still has a probability of e⁻¹⁰."""


def tied_tokens(link: Link, latents: Tensor) -> Tensor | None:
    """Tokens whose two nearest codewords are so nearly equally far that no usual temperature parts them.

    Args:
        link: its codebook counts.
        latents: [B, N, D] from the encoder.

    Returns:
        [B, N] booleans; None with a quantizer of one's own, whose distances are not known.
    """
    if type(link.quantize) is not Quantize:
        return None
    normalised = link.quantize.normalise(latents.to(link.codebook.dtype))
    nearest = squared_distances(normalised, link.codebook).topk(2, largest=False).values
    return (nearest[..., 1] - nearest[..., 0]) / latents.shape[-1] ** 0.5 <= TIED
