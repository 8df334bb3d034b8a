"""Policies for `linksim/Transmit-v0` with bits as actions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from linksim import Link
from linksim.bits import index_to_bits
from linksim.seeds import stream

FRAMES = 4000
MOST_BITS = 10


class RandomBits:
    """Bits that say nothing.

    Args:
        link: of the environment.
        seed: of the bits.
    """

    name = "random"

    def __init__(self, link: Link, seed: int = 0) -> None:
        self._bits = link.layout.information_bits
        self._seed = seed
        self.begin(1)

    def begin(self, count: int) -> None:
        """The same bits again."""
        self._generator = np.random.default_rng(self._seed)

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[np.int8]:
        """[count, N·b] bits."""
        return self._generator.integers(0, 2, (len(observations["snr_db"]), self._bits), dtype=np.int8)


class Labels:
    """The bits that the deployed link sends: the labels of the codewords.

    Args:
        link: of the environment.
    """

    name = "labels"

    def __init__(self, link: Link) -> None:
        self._width = link.layout.bits_per_token

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[np.int8]:
        """[count, N·b] bits."""
        return _bits(infos["next_index"], self._width).reshape(len(infos["next_index"]), -1)


class PatternMap:
    """A pattern of bits for each codeword, whatever the SNR.

    Args:
        name: for tables and pictures.
        patterns: [K] numbers of patterns.
        width: bits of a token.
    """

    def __init__(self, name: str, patterns: NDArray[np.int64], width: int) -> None:
        self.name = name
        self._bits = _bits(patterns, width)

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[np.int8]:
        """[count, N·b] bits."""
        return self._bits[infos["next_index"]].reshape(len(infos["next_index"]), -1)


class BestBits:
    """The bits with the least expected distortion, found by trying all of them beforehand.

    For each SNR and each pattern of bits, frames are sent over the exact link; the mean of the embedding e
    and of its energy give the expected distortion of every codeword c, E|e|² − 2·c·E[e] + |c|². The SNR
    observed is rounded to the nearest of those tried.

    Args:
        link: of the environment, with one token.
        snr_db: Es/N0 in dB to try.
        seed: of the frames.
        frames: for each pattern at each SNR.

    Raises:
        ValueError: if there are too many patterns, or frames of more than one token.
    """

    name = "best"

    def __init__(self, link: Link, snr_db: Sequence[float], seed: int = 0, frames: int = FRAMES) -> None:
        width = link.layout.information_bits
        if link.config.tokens != 1 or width > MOST_BITS:
            raise ValueError(
                f"all patterns can be tried of one token of at most {MOST_BITS} bits, got "
                f"{link.config.tokens} tokens and {width} bits"
            )
        self._snr_db = np.asarray(snr_db, dtype=np.float64)
        self._patterns = _bits(np.arange(2**width), width)
        self._best = np.stack([self._tried(link, float(one), seed, frames) for one in self._snr_db])

    def _tried(self, link: Link, snr_db: float, seed: int, frames: int) -> NDArray[np.int64]:
        """[K] the best pattern for each codeword."""
        generator = stream(seed, "best bits", f"{snr_db:g}")
        codebook = link.codebook.detach().double()
        cost = []
        with torch.inference_mode():
            draw = link.draw(frames, snr_db, generator)  # the same for all patterns: differences are clearer
            for pattern in self._patterns:
                sent = torch.from_numpy(pattern).to(link.codebook).expand(frames, -1)
                embedding = link.hard(bits=sent, draw=draw).embedding
                assert embedding is not None
                arrived = embedding[:, 0].double()
                energy = arrived.square().sum(-1).mean()
                cost.append(energy - 2 * codebook @ arrived.mean(0) + codebook.square().sum(-1))
        return torch.stack(cost).argmin(0).cpu().numpy()

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[np.int8]:
        """[count, b] bits."""
        nearest = np.abs(observations["snr_db"] - self._snr_db).argmin(-1)
        return self._patterns[self._best[nearest, infos["next_index"][:, 0]]]


def _bits(numbers: NDArray[Any], width: int) -> NDArray[np.int8]:
    """[…, width] bits of numbers, most significant first."""
    return index_to_bits(torch.as_tensor(numbers, dtype=torch.int64), width).numpy().astype(np.int8)
