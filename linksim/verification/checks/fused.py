"""The compiled loops of backend "fused"."""

import itertools

import torch

from linksim.config import DEMAPPERS
from linksim.fused import certificate, native
from linksim.fused.count import count_errors, packed_bits, unpacked
from linksim.modem import Modem
from linksim.seeds import stream
from linksim.verification.broken import require
from linksim.verification.formulas import WIDTHS

SYMBOLS = 2000
FRAMES = 100
CLOSE = 1e-4


def fused(seed: int) -> str:
    """Compiled loops: LLRs from -20 to 60 dB within tolerance, as many errors as stage by stage."""
    library = native.library()
    if library is None:
        return "no C compiler: backend fused runs on PyTorch operations, which the check of backends covers"
    worst = 0.0
    for width, demapper in itertools.product(WIDTHS, DEMAPPERS):
        error = certificate.largest_error(library, width, demapper, SYMBOLS)
        require(error <= 1, f"{2**width}-QAM, {demapper}: LLRs off by {error:.3g} times the tolerance")
        worst = max(worst, error)
        _check_count(width, demapper, seed)
    return f"LLRs off by at most {worst:.2%} of 1e-4 (1 + |LLR|) + 1e-6/N0; errors counted alike"


def _check_count(width: int, demapper: str, seed: int) -> None:
    generator = stream(seed, "verify", "fused", width)
    symbols = 120 // width
    bits = packed_bits(FRAMES, symbols * width, generator)
    noise = tuple(torch.randn(2, FRAMES, symbols, generator=generator))
    variance = torch.full((FRAMES, 1), 10 ** (-width / 4))
    weight = (variance / 2).sqrt().to(torch.complex64)
    found = count_errors(bits, (noise[0], noise[1]), weight, variance, width, demapper)
    sent, modem = unpacked(bits, symbols * width), Modem(width, demapper)
    llr = modem.demodulate(modem.modulate(sent) + weight * torch.complex(*noise), variance)
    expected, close = ((llr > 0) != (sent > 0)).sum(1), (llr.abs() < CLOSE).sum(1)
    wrong = int(((found - expected).abs() > close).sum())
    require(not wrong, f"{2**width}-QAM, {demapper}: {wrong} of {FRAMES} frames have other errors")
