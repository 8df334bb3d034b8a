"""Log-likelihood ratios: values and sign."""

import itertools

import numpy as np
import torch
from scipy import special
from torch import Tensor

from linksim.config import BACKENDS, DEMAPPERS, LinkConfig
from linksim.link import Link
from linksim.modem import Modem
from linksim.seeds import stream
from linksim.signals import Draw
from linksim.verification.broken import during, near, require, same, signal
from linksim.verification.formulas import WIDTHS, Reals, llr, points_of
from linksim.verification.links import PRECISIONS, precision_name
from linksim.verification.oracles import check_llr, check_llr_sign
from linksim.verification.random_inputs import random_index

MODULATIONS = [*(("qam", width) for width in WIDTHS), ("psk", 1), ("psk", 3)]
SYMBOLS = 30


def transmission(
    modulation: str, width: int, snr_db: float, symbols: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, float]:
    """Random symbols [n] complex128, the same with noise, and the noise variance."""
    points = torch.from_numpy(points_of(modulation, width))
    sent = points[torch.randint(len(points), (symbols,), generator=generator)]
    noise_variance = 10 ** (-snr_db / 10)
    noise = torch.randn(symbols, 2, dtype=torch.float64, generator=generator)
    return sent, sent + torch.view_as_complex(noise) * (noise_variance / 2) ** 0.5, noise_variance


def llr_values(seed: int) -> str:
    """LLRs of modem and link against the definition in float64, from -20 to 20 dB."""
    generator, share, count = stream(seed, "verify", "llr-values"), 0.0, 0
    for backend, demapper, (modulation, width) in itertools.product(BACKENDS, DEMAPPERS, MODULATIONS):
        modem = Modem(width, demapper, backend, modulation=modulation)
        points = points_of(modulation, width)
        for dtype, snr_db in itertools.product(PRECISIONS, range(-20, 21, 5)):
            _, received, variance = transmission(modulation, width, snr_db, SYMBOLS, generator)
            name = (
                f"2^{width}-{modulation.upper()}, {demapper}, {backend}, {precision_name(dtype)}, {snr_db} dB"
            )
            with during(name):
                share = max(share, check_llr(modem, received.to(dtype.to_complex()), variance, points))
            count += SYMBOLS * width
    for name, options in LINKS.items():
        with during(f"link with {name}"):
            share = max(share, _check_link(LinkConfig(**options), stream(seed, "verify", "llr-values", name)))
    return f"{count} LLRs, off by at most {share:.0%} of the allowed 1e-4 (1 + |LLR|)"


LINKS: dict[str, dict] = {
    "AWGN": {},
    "Rayleigh fading": {"channel": "rayleigh", "bits_per_symbol": 6},
    "fast Rician fading": {"channel": "rician-fast", "demapper": "maxlog"},
    "channel estimate": {"channel": "rician-fast", "csi_error": 0.2, "rician_k": 2.0},
    "binary symmetric channel": {"channel": "bsc", "modulation": "psk", "bits_per_symbol": 1},
}


def _check_link(config: LinkConfig, generator: torch.Generator) -> float:
    link = Link(config).double()
    draw = link.draw(20, torch.linspace(-10, 20, 20), generator)
    trace = link.hard(index=random_index(link, 20, generator), draw=draw)
    received = signal(trace, "received").numpy()
    expected = _bsc_llr(received, draw) if config.channel == "bsc" else _gaussian_llr(config, received, draw)
    own = signal(trace, "llr")
    return near("LLR", own, expected.reshape(len(own), -1)[:, : own.shape[1]], 1e-4, 1e-4)


def _gaussian_llr(config: LinkConfig, received: Reals, draw: Draw) -> Reals:
    """LLRs of a receiver that knows N0 and the gain, or the mean of the gain given a noisy observation."""
    variance = np.broadcast_to(10 ** (-draw.snr_db.numpy()[:, None] / 10), received.shape)
    gain = draw.channel["gain"].numpy() if "gain" in draw.channel else np.ones((len(received), 1))
    if config.csi_error:
        k, error = config.rician_k, config.csi_error
        mean, spread = np.sqrt(k / (k + 1)), 1 / (k + 1)
        observed = gain + draw.channel["gain_error"].numpy()
        gain = (mean * error + spread * observed) / (spread + error)
        variance = variance + spread * error / (spread + error)
    gain = np.broadcast_to(gain, received.shape)
    points = points_of(config.modulation, config.bits_per_symbol)
    scaled = variance / np.abs(gain) ** 2
    return llr((received / gain).ravel(), scaled.ravel(), points, config.demapper)


def _bsc_llr(received: Reals, draw: Draw) -> Reals:
    """±ln((1 − p)/p) with p = Q(√(2·Es/N0)); a received +1 speaks for the bit 0."""
    amplitude = np.sqrt(2 * 10 ** (draw.snr_db.numpy()[:, None] / 10))
    return -np.sign(received.real) * (special.log_ndtr(amplitude) - special.log_ndtr(-amplitude))


def llr_sign(seed: int) -> str:
    """Positive LLRs speak for 1, up to 60 dB, behind every demapper and the decoder."""
    generator = stream(seed, "verify", "llr-sign")
    symbols = Modem(2).modulate(torch.tensor([1, 0]))
    # QPSK by hand: ln P(b=1)/P(b=0) = −2√2·Re(y)/N0
    near("LLRs of a sent 1 and 0", Modem(2).demodulate(symbols, 0.5), np.array([4.0, -4.0]), 1e-5)
    for backend, demapper, (modulation, width) in itertools.product(BACKENDS, DEMAPPERS, MODULATIONS):
        modem, points = Modem(width, demapper, backend, modulation=modulation), points_of(modulation, width)
        for snr_db in range(0, 61, 20):
            sent, received, variance = transmission(modulation, width, snr_db, SYMBOLS, generator)
            with during(f"2^{width}-{modulation.upper()}, {demapper}, {backend}, {snr_db} dB"):
                for signals in (sent, received):
                    check_llr_sign(modem, signals.to(torch.complex64), variance, points)
    for name, options in SIGN_LINKS.items():
        with during(name):
            _check_link_sign(LinkConfig(**options), generator)
    return f"{len(DEMAPPERS) * len(MODULATIONS)} demappers and {len(SIGN_LINKS)} links"


SIGN_LINKS: dict[str, dict] = {
    **LINKS,
    "quantized LLRs": {"llr_bits": 4},
    "CRC": {"crc": "CRC16"},
    "LDPC": {"code": "ldpc", "bp_iterations": 8},
}


def _check_link_sign(config: LinkConfig, generator: torch.Generator) -> None:
    link = Link(config)
    index = random_index(link, 10, generator)
    draw = link.draw(10, 90.0, generator)
    trace = link.hard(index=index, draw=draw)
    if config.csi_error:
        # An estimate never gets good enough for every bit.
        agreeing = float(((signal(trace, "llr") > 0) == (_coded(link, index) > 0.5)).double().mean())
        require(agreeing > 0.75, f"only {agreeing:.0%} of the LLRs have the sign of their bit")
        return
    same("signs of the LLRs of the coded bits", signal(trace, "llr") > 0, _coded(link, index) > 0.5)
    sent = signal(trace, "information_bits") > 0.5
    same("signs of the LLRs of the information bits", signal(trace, "information_llr") > 0, sent)
    same("decided index", signal(trace, "decoded_index"), index)


def _coded(link: Link, index: Tensor) -> Tensor:
    return link.code.hard(link.map.information_bits(index))
