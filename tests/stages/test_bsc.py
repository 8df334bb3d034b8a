"""Binary symmetric channel: flips, LLRs and the meaning of the SNR."""

import math

import pytest
import torch
from scipy import special, stats

from linksim import Link, LinkConfig
from linksim.seeds import stream
from linksim.stages.channel import BinarySymmetricChannel

CONFIG = {"channel": "bsc", "modulation": "psk", "bits_per_symbol": 1}


def crossover(snr_db):
    """Q(√(2·Es/N0)), by the complementary error function."""
    return special.erfc(math.sqrt(10 ** (snr_db / 10))) / 2


def certainty(snr_db):
    """ln((1 − p)/p)."""
    amplitude = math.sqrt(2 * 10 ** (snr_db / 10))
    return float(special.log_ndtr(amplitude) - special.log_ndtr(-amplitude))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_drawn(dtype):
    snr_db = torch.tensor([-10.0, 0.0, 6.0, 12.0], dtype=dtype)
    draw = BinarySymmetricChannel().draw(4, 9, snr_db, stream(0))
    assert set(draw) == {"sign", "noise_variance"}
    assert draw["sign"].shape == (4, 9)
    assert draw["noise_variance"].shape == (4, 1)
    assert draw["sign"].dtype == draw["noise_variance"].dtype == dtype
    assert set(draw["sign"].flatten().tolist()) == {-1.0, 1.0}
    expected = torch.tensor([[4 / certainty(snr)] for snr in snr_db.tolist()], dtype=dtype)
    torch.testing.assert_close(draw["noise_variance"], expected, rtol=1e-6, atol=0)


def test_crossover_probability_by_hand():
    """Q(√2) = 0.0786 at 0 dB, the bit error rate of BPSK at Eb/N0 = 0 dB; 4/ln((1 − p)/p) = 1.6255."""
    assert crossover(0.0) == pytest.approx(0.07864960352514257)
    draw = BinarySymmetricChannel().draw(1, 1, torch.zeros(1, dtype=torch.float64), stream(0))
    assert draw["noise_variance"].item() == pytest.approx(
        4 / math.log(1 / 0.07864960352514257 - 1), rel=1e-12
    )


def test_share_of_flips_per_frame():
    """Each frame flips at its own SNR: Clopper-Pearson intervals at 99.9 %."""
    snr_db = torch.tensor([-200.0, -20.0, -6.0, 0.0, 3.0, 7.0, 200.0])
    flips = (BinarySymmetricChannel().draw(7, 60_000, snr_db, stream(1))["sign"] < 0).sum(1).tolist()
    for count, snr in zip(flips, snr_db.tolist(), strict=True):
        interval = stats.binomtest(count, 60_000).proportion_ci(0.999)
        assert interval.low <= crossover(snr) <= interval.high, f"{count} flips at {snr} dB"
    assert flips[-1] == 0


def test_flips_are_independent_of_each_other():
    flips = (
        BinarySymmetricChannel().draw(200, 500, torch.full((200,), -3.0), stream(2))["sign"] < 0
    ).double()
    centred = flips - crossover(-3.0)
    for neighbours in (centred[:, 1:] * centred[:, :-1], centred[1:] * centred[:-1]):
        limit = 3.3 * float(neighbours.std()) / math.sqrt(neighbours.numel())
        assert abs(float(neighbours.mean())) < limit


def test_received_symbols_follow_the_draw_exactly():
    sent = torch.tensor([[1, -1, 0.25], [-1, 0.5j, 0]], dtype=torch.complex64)
    draw = {
        "sign": torch.tensor([[1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]]),
        "noise_variance": torch.tensor([[0.5], [2.0]]),
    }
    received, gain, variance = BinarySymmetricChannel().apply(sent, draw)
    assert torch.equal(received, torch.tensor([[1, 1, -0.25], [1, -0.5j, 0]], dtype=torch.complex64))
    assert torch.equal(gain, torch.ones(2, 1))
    assert torch.equal(variance, draw["noise_variance"])


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("double", [False, True])
def test_llrs_are_the_certainty_of_the_channel(demapper, double):
    """+ln((1 − p)/p) for a received one and −ln((1 − p)/p) for a zero, at each frame's SNR."""
    link = Link(LinkConfig(tokens=5, codebook_size=8, demapper=demapper, **CONFIG))
    link = link.double() if double else link
    snr_db = [-30.0, -6.0, 0.0, 4.0, 10.0, 20.0]
    draw = link.draw(6, torch.tensor(snr_db), stream(3))
    index = torch.randint(8, (6, 5), generator=stream(4))
    trace = link.hard(index=index, draw=draw)
    received_one = (trace.bits > 0.5) != (draw.channel["sign"] < 0)
    scale = torch.tensor([[certainty(snr)] for snr in snr_db], dtype=link.codebook.dtype)
    torch.testing.assert_close(trace.llr, torch.where(received_one, scale, -scale), rtol=1e-4, atol=0)


def test_llrs_of_soft_symbols_are_linear():
    """A mean symbol 1 − 2P(one) scales the LLR."""
    link = Link(LinkConfig(tokens=2, codebook_size=4, embedding_dim=3, **CONFIG)).double()
    draw = link.draw(3, 2.0, stream(5))
    latents = torch.randn(3, 2, 3, dtype=torch.float64, generator=stream(6))
    trace = link.soft(latents, draw, symbol_temp=1.0)
    bits = trace.bits.detach()
    assert float((bits - bits.round()).abs().max()) > 0.01
    expected = -certainty(2.0) * draw.channel["sign"] * (1 - 2 * trace.bits)
    torch.testing.assert_close(trace.llr, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("double", [False, True])
def test_extreme_snrs_stay_finite(double):
    snr_db = torch.tensor([-200.0, -150.0, -100.0, 100.0, 150.0, 200.0])
    link = Link(LinkConfig(tokens=5, codebook_size=6, **CONFIG))
    link = link.double() if double else link
    index = torch.randint(6, (6, 5), generator=stream(7))
    draw = link.draw(6, snr_db, stream(8))
    trace = link.hard(index=index, draw=draw)
    for tensor in (draw.channel["noise_variance"], trace.llr, trace.posterior, trace.embedding):
        assert torch.isfinite(tensor).all()
    assert torch.equal(trace.decoded_index[3:], index[3:])
    uniform = torch.full_like(trace.posterior[:3], 1 / 6)
    torch.testing.assert_close(trace.posterior[:3], uniform, rtol=1e-4, atol=0)
    for frame, snr in enumerate(snr_db.tolist()):
        expected = torch.full_like(trace.llr[frame], certainty(snr))
        torch.testing.assert_close(trace.llr[frame].abs(), expected, rtol=1e-4, atol=0)
