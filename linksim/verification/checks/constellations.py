"""Points and labels of the modulations."""

import numpy as np
import torch

from linksim.config import BACKENDS
from linksim.modem import Modem
from linksim.verification.broken import during, near, require
from linksim.verification.formulas import PSK_WIDTHS, WIDTHS, Points, label_bits, points_of
from linksim.verification.links import PRECISIONS, precision_name

ALLOWED = {torch.float32: 1e-6, torch.float64: 1e-12}
ALLOWED_LLR = {torch.float32: 1e-5, torch.float64: 1e-10}
"""At the middle between two neighbours, for a noise variance of 1."""


def qam_constellation(seed: int) -> str:
    """Points of 4- to 1024-QAM in mapper, list and demapper against 3GPP TS 38.211."""
    return _constellations("qam", WIDTHS)


def psk_constellation(seed: int) -> str:
    """Points of BPSK to 64-PSK in mapper, list and demapper against Gray labels on the circle."""
    return _constellations("psk", PSK_WIDTHS)


def gray_labels(seed: int) -> str:
    """Nearest neighbours differ in one bit; the mean energy is one."""
    pairs = 0
    for modulation, widths in (("qam", WIDTHS), ("psk", PSK_WIDTHS)):
        for width in widths:
            with during(f"2^{width}-{modulation.upper()}"):
                points = Modem(width, modulation=modulation).constellation(torch.float64).numpy()
                energy = float((np.abs(points) ** 2).mean())
                require(abs(energy - 1) < ALLOWED[torch.float64], f"mean energy is {energy:.6f}")
                first, second = _neighbours(points)
                wrong = [f"{a}-{b}" for a, b in zip(first, second, strict=True) if (a ^ b).bit_count() != 1]
                message = f"labels of neighbours that differ in more than one bit: {', '.join(wrong[:4])}"
                require(not wrong, message)
                pairs += len(first)
    return f"{pairs} pairs of neighbours, unit energy"


def _constellations(modulation: str, widths: tuple[int, ...]) -> str:
    count, share = 0, dict.fromkeys(PRECISIONS, 0.0)
    for backend in BACKENDS:
        for width in widths:
            expected = points_of(modulation, width)
            for dtype in PRECISIONS:
                with during(f"2^{width}-{modulation.upper()} of {backend} in {precision_name(dtype)}"):
                    modem = Modem(width, "maxlog", backend, modulation=modulation)
                    share[dtype] = max(share[dtype], _check_points(modem, expected, dtype))
                    _check_boundaries(modem, expected, dtype)
            count += len(expected)
    errors = [
        f"{share[dtype] * ALLOWED[dtype]:.1g} (allowed {ALLOWED[dtype]:.0e}) in {precision_name(dtype)}"
        for dtype in PRECISIONS
    ]
    return f"{count} points, off by at most {', '.join(errors)}"


def _check_points(modem: Modem, expected: Points, dtype: torch.dtype) -> float:
    """Points of the mapper and those listed; returns the largest error over what is allowed."""
    width = modem.bits_per_symbol
    bits = torch.tensor([label_bits(label, width) for label in range(2**width)]).flatten()
    return max(
        near("mapped points", modem.modulate(bits.to(dtype)), expected, absolute=ALLOWED[dtype]),
        near("listed points", modem.constellation(dtype), expected, absolute=ALLOWED[dtype]),
    )


def _check_boundaries(modem: Modem, expected: Points, dtype: torch.dtype) -> None:
    """In the middle between two neighbours the demapper does not know the bit in which they differ."""
    first, second = (np.array(labels) for labels in _neighbours(expected))
    middle = torch.from_numpy((expected[first] + expected[second]) / 2).to(dtype.to_complex())
    llr = modem.demodulate(middle, 1.0).reshape(len(first), modem.bits_per_symbol)
    bit = modem.bits_per_symbol - 1 - np.log2(first ^ second).astype(int)
    undecided = llr[torch.arange(len(first)), torch.from_numpy(bit)]
    nothing = np.zeros(len(first))
    near("LLRs between neighbouring points", undecided, nothing, absolute=ALLOWED_LLR[dtype])


def _neighbours(points: Points) -> tuple[list[int], list[int]]:
    """Labels of each pair of points that are as near to each other as any."""
    distance = np.abs(points[:, None] - points)
    nearest = distance[distance > 1e-9].min()
    first, second = np.nonzero(np.triu(np.abs(distance - nearest) < 1e-9))
    return first.tolist(), second.tolist()
