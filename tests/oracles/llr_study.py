"""LLRs of backend "fused" against Sionna in float64, over many symbols; a study, not a test.

    PYTHONPATH=tests python -m oracles.llr_study [--symbols 1000000]

Each order is measured from -20 to 60 dB: half of the symbols with Rayleigh gains taken out, so that each has
a noise variance of its own, half anywhere in and around the constellation. Printed are the largest error of
float64 LLRs over |LLR| + 1, of float32 LLRs over 1e-4·|LLR| + 1e-4 + 1e-6/N0, and the largest relative error
of the gradient of their weighted sum, by received symbols and by noise variances.
"""

import argparse
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim import Modem
from linksim.config import DEMAPPERS
from linksim.fused.certificate import certified, error_in_tolerances
from linksim.seeds import stream

SNRS_DB = range(-20, 61, 5)
PART = 4000
"""Symbols at a time: Sionna keeps 2^m distances of each."""


@dataclass(frozen=True)
class Received:
    """Symbols after equalisation: [S] complex128, and the variance of the noise on each, [S] float64."""

    symbols: Tensor
    variance: Tensor


def received(bits_per_symbol: int, snr_db: float, count: int, generator: torch.Generator) -> Received:
    """Half of the symbols through fading channels whose gain is taken out, half anywhere."""
    half = count // 2
    modem = Modem(bits_per_symbol)
    bits = torch.randint(2, (half * bits_per_symbol,), generator=generator).double()
    gain, noise = torch.randn(2, half, dtype=torch.complex128, generator=generator)
    variance = torch.full((count,), 10 ** (-snr_db / 10), dtype=torch.float64)
    variance[:half] /= gain.abs().square().clamp_min(1e-4)
    faded = modem.modulate(bits) + variance[:half].sqrt() * noise
    anywhere = 3 * torch.rand(count - half, 2, dtype=torch.float64, generator=generator) - 1.5
    symbols = torch.cat([faded, torch.view_as_complex(anywhere)])
    # Both precisions get the same numbers.
    return Received(symbols.to(torch.complex64).to(torch.complex128), variance.float().double())


def errors(bits_per_symbol: int, demapper: str, given: Received, generator: torch.Generator) -> Tensor:
    """[4] largest errors: float64, float32, gradient by symbols, gradient by variances."""
    sionna, fused = (Modem(bits_per_symbol, demapper, backend) for backend in ("sionna", "fused"))
    right, *slopes = _with_gradient(sionna, given.symbols, given.variance, generator)
    double, *_ = _with_gradient(fused, given.symbols, given.variance, generator)
    single, *found = _with_gradient(
        fused, given.symbols.to(torch.complex64), given.variance.float(), generator
    )
    variance = given.variance.repeat_interleave(bits_per_symbol)
    return torch.tensor(
        [
            float(((double - right).abs() / (1 + right.abs())).max()),
            error_in_tolerances(single, right, variance),
            *(
                float((mine - other).abs().max() / other.abs().max())
                for mine, other in zip(found, slopes, strict=True)
            ),
        ]
    )


def _with_gradient(
    modem: Modem, symbols: Tensor, variance: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """LLRs, and the gradient of their sum, weighted at random, over noise variance."""
    symbols, variance = symbols.clone().requires_grad_(), variance.clone().requires_grad_()
    llr = modem.demodulate(symbols, variance)
    weights = torch.rand(llr.shape, dtype=torch.float64, generator=generator.manual_seed(1)).to(llr.dtype)
    slopes = torch.autograd.grad((weights * llr).sum(), (symbols, variance))
    return llr.detach(), slopes[0] * variance.detach(), slopes[1] * variance.detach().square()


def main() -> None:
    """Print a row for each order and demapper."""
    parser = argparse.ArgumentParser(description="LLRs of backend fused against Sionna in float64")
    parser.add_argument("--symbols", type=int, default=1_000_000, help="for each order and demapper")
    parser.add_argument("--orders", type=int, nargs="+", default=[2, 4, 6, 8, 10], help="bits per symbol")
    options = parser.parse_args()
    print("compiled loops" if certified(options.orders[0], "app") else "no compiled loops")
    print("   m demapper   symbols  float64  float32  by symbols  by variances")
    for m in options.orders:
        for demapper in DEMAPPERS:
            worst, count = torch.zeros(4), 0
            while count < options.symbols:
                for snr_db in SNRS_DB:
                    generator = stream(0, "LLR study", m, demapper, snr_db, count)
                    given = received(m, snr_db, PART, generator)
                    worst = torch.maximum(worst, errors(m, demapper, given, generator))
                count += PART * len(SNRS_DB)
            figures = "  ".join(f"{figure:.2e}" for figure in worst.tolist())
            print(f"  {m:2d} {demapper:8s} {count:9d} {figures}", flush=True)


if __name__ == "__main__":
    main()
