"""Block error rates of modulation and coding schemes against the SNR, measured over the exact link."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from linksim import Draw, Link, checks
from linksim.files import write_json
from linksim.provenance import configuration_hash
from linksim.seeds import stream
from linksim_envs.link_adaptation_settings import LinkAdaptationSettings

STEP_DB = 0.5
FRAMES = 1000
TOGETHER = 100
LEAST, MOST = 0.003, 0.997
SHIPPED = "error_rates.json"


@dataclass(frozen=True)
class Curve:
    """Block errors of one scheme.

    Attributes:
        snr_db: Es/N0 of the slot in dB, ascending.
        errors: blocks that did not arrive without error.
        frames: blocks sent at each SNR.
    """

    snr_db: tuple[float, ...]
    errors: tuple[int, ...]
    frames: int

    @cached_property
    def _quantiles(self) -> NDArray[np.float64]:
        # A rate that rises by chance would make the curve ambiguous.
        errors = np.minimum.accumulate(np.asarray(self.errors, dtype=float))
        return ndtri((errors + 0.5) / (self.frames + 1))

    def rate(self, snr_db: ArrayLike) -> NDArray[np.float64]:
        """Block error rate: the normal quantiles of the measured ones interpolated, and beyond them extended
        with the slope of the ends.
        """
        grid, quantiles = np.asarray(self.snr_db), self._quantiles
        wanted = np.asarray(snr_db, dtype=np.float64)
        found = np.interp(wanted, grid, quantiles)
        slope = (quantiles[-1] - quantiles[0]) / (grid[-1] - grid[0])
        beyond = np.minimum(wanted - grid[0], 0) + np.maximum(wanted - grid[-1], 0)
        return ndtr(found + slope * beyond)


class BlockErrorRates:
    """Curves of several schemes, and what follows from them.

    Args:
        curves: one for each scheme.
        bits_per_symbol: [schemes] information bits per symbol of a block that arrives.
    """

    def __init__(self, curves: Sequence[Curve], bits_per_symbol: ArrayLike) -> None:
        self.curves = tuple(curves)
        self.bits_per_symbol = np.asarray(bits_per_symbol, dtype=np.float64)

    def rates(self, snr_db: ArrayLike) -> NDArray[np.float64]:
        """[…, schemes] block error rates at an SNR […] in dB."""
        return np.stack([curve.rate(snr_db) for curve in self.curves], axis=-1)

    def goodput(self, snr_db: ArrayLike) -> NDArray[np.float64]:
        """[…, schemes] expected information bits per symbol that arrive."""
        return (1 - self.rates(snr_db)) * self.bits_per_symbol

    @classmethod
    def of_links(cls, links: Sequence[Link], seed: int = 0) -> "BlockErrorRates":
        """The curves of links whose frames are transport blocks.

        Those of the default schemes are shipped (`measure_defaults` made them); measuring others takes
        seconds without a code and minutes with one.

        Args:
            links: as a `LinkAdaptationCore` has them.
            seed: of the measurement, if it takes one.
        """
        shipped = json.loads(files("linksim_envs.policies").joinpath(SHIPPED).read_text(encoding="utf-8"))
        curves = []
        for link in links:
            known = shipped.get(_key(link))
            curves.append(_read(known) if known is not None else measured(link, seed))
        efficiency = [link.layout.information_bits / link.layout.symbols for link in links]
        return cls(curves, efficiency)


@torch.inference_mode()
def measured(link: Link, seed: int = 0, frames: int = FRAMES) -> Curve:
    """Send blocks in slots of known SNR, from where hardly any arrives to where hardly any is lost.

    Args:
        link: with block fading; the gain is set to one.
        seed: of bits and noise.
        frames: blocks at each SNR, in steps of half a dB.
    """
    checks.whole("frames", frames, 1)
    layout = link.layout
    spectral = layout.information_bits / layout.symbols
    start = round(10 * np.log10(2**spectral - 1) / STEP_DB)
    errors: dict[int, int] = {}

    def count(step: int) -> float:
        if step not in errors:
            errors[step] = _errors(link, step * STEP_DB, frames, seed)
        return errors[step] / frames

    upper = start
    while count(upper) > LEAST and upper - start < 120:
        upper += 1
    lower = start
    while count(lower) < MOST and start - lower < 120:
        lower -= 1
    steps = sorted(errors)
    return Curve(tuple(step * STEP_DB for step in steps), tuple(errors[step] for step in steps), frames)


def _errors(link: Link, snr_db: float, frames: int, seed: int) -> int:
    generator = stream(seed, "block errors", _key(link), f"{snr_db:g}")
    wrong = 0
    for start in range(0, frames, TOGETHER):
        few = min(TOGETHER, frames - start)
        bits = torch.randint(2, (few, link.layout.information_bits), generator=generator)
        drawn = link.draw(few, snr_db, generator)
        ones = torch.ones_like(drawn.channel["gain"])
        draw = Draw(drawn.snr_db, {**drawn.channel, "gain": ones}, drawn.uniforms)
        trace = link.hard(bits=bits.float(), draw=draw, decide=False)
        assert trace.crc_ok is not None
        assert trace.information_llr is not None
        right = trace.crc_ok & ((trace.information_llr > 0) == bits.bool()).all(1)
        wrong += int((~right).sum())
    return wrong


def _key(link: Link) -> str:
    return configuration_hash(link.config.as_dict())


def _read(content: dict[str, Any]) -> Curve:
    return Curve(tuple(content["snr_db"]), tuple(content["errors"]), content["frames"])


def measure_defaults(path: Path, seed: int = 0) -> None:
    """Measure the default schemes, coded and not, and write what is shipped of them; takes minutes.

    Args:
        path: of the JSON, curves by the hash of their link's configuration.
        seed: of bits and noise.
    """
    links = [link for coded in (False, True) for link in LinkAdaptationSettings(coded=coded).links()]
    write_json(path, {_key(link): asdict(measured(link, seed)) for link in links})
