"""Random inputs of a link and of its decision."""

import torch
from torch import Tensor

from linksim.link import Link


def random_index(link: Link, frames: int, generator: torch.Generator) -> Tensor:
    """[B, N] uniform indices."""
    shape = (frames, link.config.tokens)
    return torch.randint(link.config.codebook_size, shape, generator=generator)


def random_latents(link: Link, frames: int, generator: torch.Generator) -> Tensor:
    """[B, N, D] normal latents in the precision of the link."""
    shape = (frames, link.config.tokens, link.config.embedding_dim)
    return torch.randn(shape, dtype=link.codebook.dtype, generator=generator)


def random_llr(link: Link, frames: int, generator: torch.Generator) -> Tensor:
    """[B, N·b] standard normal LLRs of the information bits in the precision of the link."""
    shape = (frames, link.layout.information_bits)
    return torch.randn(shape, dtype=link.codebook.dtype, generator=generator)


def every_index(link: Link) -> Tensor:
    """[B, N] indices among which every index of the codebook is at least once."""
    size, tokens = link.config.codebook_size, link.config.tokens
    frames = -(-size // tokens)
    return (torch.arange(frames * tokens) % size).reshape(frames, tokens)


def random_distributions(
    frames: int,
    tokens: int,
    codebook_size: int,
    sharpness: float,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """[B, N, K] random distributions: the larger the sharpness, the closer to one-hot; some exact zeros."""
    shape = (frames, tokens, codebook_size)
    logits = sharpness * torch.randn(shape, dtype=dtype, generator=generator)
    missing = torch.rand(shape, generator=generator) < 0.2
    missing[..., 0] = False
    return logits.masked_fill(missing, -torch.inf).softmax(-1)
