"""Points and labels of the modulations."""

import torch
from torch import Tensor

from linksim.config import BACKENDS
from linksim.modem import Modem
from linksim.verification.broken import during, near, require
from linksim.verification.formulas import PSK_WIDTHS, WIDTHS, label_bits, points_of
from linksim.verification.links import PRECISIONS, precision_name

ALLOWED = {torch.float32: 1e-6, torch.float64: 1e-12}


def qam_constellation(seed: int) -> str:
    """Points of 4- to 1024-QAM, mapped and listed, against the formulas of 3GPP TS 38.211."""
    return _constellations("qam", WIDTHS)


def psk_constellation(seed: int) -> str:
    """Points of BPSK to 64-PSK, mapped and listed, against Gray labels on the circle."""
    return _constellations("psk", PSK_WIDTHS)


def gray_labels(seed: int) -> str:
    """Nearest neighbours differ in one bit; the mean energy is one."""
    pairs = 0
    for modulation, widths in (("qam", WIDTHS), ("psk", PSK_WIDTHS)):
        for width in widths:
            with during(f"2^{width}-{modulation.upper()}"):
                points = Modem(width, modulation=modulation).constellation(torch.float64)
                energy = points.abs().square().mean()
                require(abs(energy - 1) < ALLOWED[torch.float64], f"mean energy is {energy:.6f}")
                pairs += _neighbours_differ_in_one_bit(points)
    return f"{pairs} pairs of neighbours, unit energy"


def _constellations(modulation: str, widths: tuple[int, ...]) -> str:
    count, share = 0, dict.fromkeys(PRECISIONS, 0.0)
    for backend in BACKENDS:
        for width in widths:
            modem, expected = (
                Modem(width, backend=backend, modulation=modulation),
                points_of(modulation, width),
            )
            bits = torch.tensor([label_bits(label, width) for label in range(2**width)]).flatten()
            for dtype in PRECISIONS:
                with during(f"2^{width}-{modulation.upper()} of {backend} in {precision_name(dtype)}"):
                    mapped, listed = modem.modulate(bits.to(dtype)), modem.constellation(dtype)
                    for name, points in (("mapped points", mapped), ("listed points", listed)):
                        error = near(name, points, expected, absolute=ALLOWED[dtype])
                        share[dtype] = max(share[dtype], error)
            count += len(expected)
    errors = [
        f"{share[dtype] * ALLOWED[dtype]:.0e} (allowed {ALLOWED[dtype]:.0e}) in {precision_name(dtype)}"
        for dtype in PRECISIONS
    ]
    return f"{count} points, off by at most {', '.join(errors)}"


def _neighbours_differ_in_one_bit(points: Tensor) -> int:
    distance = (points[:, None] - points).abs()
    nearest = distance[distance > 1e-9].min()
    first, second = torch.nonzero((distance - nearest).abs() < 1e-9, as_tuple=True)
    wrong = [
        f"{a}-{b}" for a, b in zip(first.tolist(), second.tolist(), strict=True) if (a ^ b).bit_count() != 1
    ]
    require(not wrong, f"labels of neighbours that differ in more than one bit: {', '.join(wrong[:4])}")
    return len(first) // 2
