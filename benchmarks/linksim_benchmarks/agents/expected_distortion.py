"""Expected distortion of every map from codewords to patterns of bits, over the exact link."""

from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray

from linksim import Link
from linksim.seeds import stream
from linksim_envs.policies.learned import pattern_bits
from linksim_envs.policies.policy import Policy

SNRS = 24
FRAMES = 8000
MOST_CODEWORDS = 8
"""Beyond them there are too many labellings to try."""


def snr_grid(snr_db: tuple[float, float], count: int = SNRS) -> NDArray[np.float64]:
    """Middles of `count` equal parts of a range in dB: their mean stands for the uniform distribution."""
    low, high = snr_db
    return low + (high - low) * (np.arange(count) + 0.5) / count


@torch.inference_mode()
def distortion_matrix(
    link: Link, snr_db: tuple[float, float], seed: int = 0, snrs: int = SNRS, frames: int = FRAMES
) -> NDArray[np.float64]:
    """Expected distortion of sending a pattern of bits for a codeword.

    Frames with each pattern are sent over the exact link; the mean of the embedding e that the receiver hands
    on and of its energy give the expectation for every codeword c, E|e|² − 2·c·E[e] + |c|². All patterns meet
    the same noise.

    Args:
        link: with one token.
        snr_db: range of Es/N0 in dB.
        seed: of the noise.
        snrs: SNRs in the range, see `snr_grid`.
        frames: for each pattern at each SNR.

    Returns:
        [snrs, K, 2^b] squared error per component between what arrives and the codeword.

    Raises:
        ValueError: if frames have more than one token.
    """
    if link.config.tokens != 1:
        raise ValueError(f"link must have one token, got {link.config.tokens}")
    codebook = link.codebook.detach().double()
    width = link.layout.bits_per_token
    patterns = torch.from_numpy(pattern_bits(np.arange(2**width)[:, None], width)).to(link.codebook)
    found = []
    for snr in snr_grid(snr_db, snrs):
        draw = link.draw(frames, float(snr), stream(seed, "expected distortion", f"{snr:g}"))
        for bits in patterns:
            embedding = link.hard(bits=bits.expand(frames, -1), draw=draw).embedding
            assert embedding is not None
            arrived = embedding[:, 0].double()
            cross = codebook @ arrived.mean(0)
            energy = arrived.square().sum(-1).mean() + codebook.square().sum(-1)
            found.append((energy - 2 * cross) / codebook.shape[1])
    return torch.stack(found).unflatten(0, (snrs, -1)).transpose(1, 2).numpy()


def best_labelling(distortion: NDArray[np.float64]) -> NDArray[np.int64]:
    """[K] a pattern of its own for each codeword, the best of all K! labellings, every one of which is tried.

    Args:
        distortion: [K, K] of sending a pattern for a codeword.

    Raises:
        ValueError: if it is not square, or there are too many codewords.
    """
    size = len(distortion)
    if distortion.shape != (size, size) or size > MOST_CODEWORDS:
        raise ValueError(f"distortion must be square of size up to {MOST_CODEWORDS}, got {distortion.shape}")
    labellings = np.array(list(permutations(range(size))))
    return labellings[distortion[np.arange(size), labellings].mean(1).argmin()]


def of_policy(
    policy: Policy, link: Link, distortion: NDArray[np.float64], snr_db: tuple[float, float]
) -> float:
    """Expected distortion of a policy that chooses bits without chance.

    Args:
        policy: is asked for every codeword at every SNR.
        link: with one token.
        distortion: [snrs, K, 2^b], see `distortion_matrix`.
        snr_db: its range.
    """
    snrs, size, _ = distortion.shape
    index = np.tile(np.arange(size), snrs)
    observations = {
        "codewords": link.codebook.detach().float().numpy()[index],
        "snr_db": np.repeat(snr_grid(snr_db, snrs), size)[:, None].astype(np.float32),
    }
    policy.begin(len(index))
    bits = policy.act(observations, {"next_index": index[:, None]})
    patterns = bits.astype(np.int64) @ (1 << np.arange(bits.shape[1])[::-1])
    return float(distortion[np.repeat(np.arange(snrs), size), index, patterns].mean())
