"""`modem-sionna` and `modem-fused`: linksim's `Modem` between PyTorch's random numbers and a comparison."""

from functools import partial

import torch

from linksim import Modem, __version__
from linksim_benchmarks.speed.in_process import Batch, side_by_side, together
from linksim_benchmarks.speed.subject import FRAME_BITS, Case, Subject


def _make(backend: str, case: Case, generator: torch.Generator) -> Batch:
    modem = Modem(case.bits_per_symbol, case.demapper, backend)
    deviation = case.noise_variance**0.5

    def batch(bits: int) -> int:
        sent = torch.randint(2, (bits // FRAME_BITS, FRAME_BITS), generator=generator, dtype=torch.float32)
        symbols = modem.modulate(sent)
        noise = torch.randn(symbols.shape, dtype=torch.complex64, generator=generator)
        llr = modem.demodulate(symbols + deviation * noise, case.noise_variance)
        return int(((llr > 0) != (sent > 0)).sum())

    return batch


def _subject(backend: str) -> Subject:
    make = partial(_make, backend)
    return Subject(f"modem-{backend}", (together(make, __version__), side_by_side(make, __version__)))


MODEM_SIONNA, MODEM_FUSED = _subject("sionna"), _subject("fused")
