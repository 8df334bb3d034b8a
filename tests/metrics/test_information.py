"""Information of LLRs, their best scale and their reliability, against the theory and simulated channels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from linksim import Modem
from linksim.metrics.information import best_scale, bit_information, reliability
from linksim.metrics.intervals import clustered_proportion, ratio
from linksim.metrics.theory.bicm import bicm_capacity

MEASURES = (bit_information, best_scale, reliability)


def bpsk(frames, length, snr, seed, factor=1.0):
    """Bits and LLRs of BPSK at an Es/N0 given as a ratio, the LLRs times a factor."""
    generator = torch.Generator().manual_seed(seed)
    bits = torch.randint(2, (frames, length), generator=generator)
    noise = torch.randn(bits.shape, generator=generator, dtype=torch.float64)
    return bits, factor * (4 * snr * (2 * bits - 1) + math.sqrt(8 * snr) * noise)


def sent(bits_per_symbol, snr_db, seed, demapper="app", symbols=100_000):
    """Bits [1000, L] and LLRs of symbols behind noise made here."""
    modem = Modem(bits_per_symbol, demapper=demapper)
    rng = np.random.default_rng(seed)
    bits = torch.from_numpy(rng.integers(0, 2, (1000, symbols // 1000 * bits_per_symbol)))
    symbol = modem.modulate(bits)
    variance = 10 ** (-snr_db / 10)
    noise = rng.normal(size=(*symbol.shape, 2)) * math.sqrt(variance / 2)
    received = symbol + torch.view_as_complex(torch.from_numpy(noise).float())
    return bits, modem.demodulate(received, variance)


def per_bit(bits, llr):
    told, count = bit_information(bits, llr)
    return float(told.sum() / count.sum())


@pytest.mark.parametrize(("m", "demapper"), [(2, "app"), (4, "app"), (4, "maxlog"), (6, "app")])
def test_simulated_symbols_have_the_capacity_of_theory(m, demapper):
    for seed, snr_db in enumerate((-5.0, 2.0, 7.0, 12.0, 18.0)):
        bits, llr = sent(m, snr_db, seed, demapper)
        expected = bicm_capacity(m, snr_db, demapper=demapper)
        value, low, high = ratio(*bit_information(bits, llr), level=0.999)
        assert m * abs(value - expected) < 0.02
        # Few bits decide on the last percent, too few for Student's interval.
        assert low <= expected <= high or value > 0.99


def test_information_by_its_definition():
    bits = torch.tensor([[1, 0, 1], [0, 0, 1]])
    llr = torch.tensor([[0.3, -2.0, -1.0], [0.0, 5.0, 7.0]])
    told, count = bit_information(bits, llr)
    sign = np.array([[1, -1, 1], [-1, -1, 1]])
    expected = (1 - np.log2(1 + np.exp(-sign * llr.double().numpy()))).sum(axis=1)
    np.testing.assert_allclose(told.numpy(), expected, rtol=1e-12)
    assert count.tolist() == [3, 3]
    assert told.dtype == count.dtype == torch.float64


def test_certain_bits():
    llr = torch.tensor([[1e30, -1e30]])
    assert bit_information(torch.tensor([[1, 0]]), llr)[0].item() == 2
    wrong = bit_information(torch.tensor([[0, 0]]), llr)[0].item()
    assert wrong == pytest.approx(-1e30 / math.log(2))
    assert bit_information(torch.tensor([[0, 1]]), torch.zeros(1, 2))[0].item() == 0


@pytest.mark.parametrize("kind", [torch.bool, torch.int64, torch.float32, "numpy", "reversed"])
def test_types_of_bits_and_arrays(kind):
    bits, llr = bpsk(20, 30, 0.5, 1)
    expected = bit_information(bits, llr)[0]
    if isinstance(kind, torch.dtype):
        given_bits, given_llr = bits.to(kind), llr.clone().requires_grad_()
    elif kind == "numpy":
        given_bits, given_llr = np.broadcast_to(bits.numpy(), bits.shape), llr.numpy()  # not writable
    else:
        given_bits, given_llr = bits.numpy()[:, ::-1], llr.numpy()[:, ::-1]
    told, _ = bit_information(given_bits, given_llr)
    assert not told.requires_grad
    torch.testing.assert_close(told, expected)
    assert best_scale(given_bits, given_llr) == pytest.approx(best_scale(bits, llr))
    for row, same in zip(reliability(given_bits, given_llr), reliability(bits, llr), strict=True):
        assert row == pytest.approx(same, rel=1e-12)


@pytest.mark.parametrize("factor", [0.01, 0.5, 1.0, 2.0, 50.0])
def test_best_scale_undoes_a_factor(factor):
    bits, llr = bpsk(1000, 96, 1.0, 2, factor)
    scale = best_scale(bits, llr)
    assert scale == pytest.approx(1 / factor, rel=0.02)
    assert per_bit(bits, scale * llr) == pytest.approx(bicm_capacity(1, 0.0, modulation="psk"), abs=0.01)


def test_twice_too_bold():
    bits, llr = sent(4, 8.0, 3)
    assert best_scale(bits, llr) == pytest.approx(1, rel=0.02)
    assert best_scale(bits, 2 * llr) == pytest.approx(0.5, rel=0.02)


def test_best_scale_by_another_search():
    bits, llr = sent(6, 6.0, 4, "maxlog", 20_000)
    found = optimize.minimize_scalar(lambda s: -per_bit(bits, s * llr), bounds=(0.1, 10), method="bounded")
    assert best_scale(bits, llr) == pytest.approx(found.x, rel=1e-4)


def test_best_scale_of_one_magnitude():
    """With a share p of wrong signs it is ln((1 - p)/p), whatever is in between in zeros."""
    bits = torch.tensor([[1] * 85 + [0] * 15])
    assert best_scale(bits, torch.ones(1, 100)) == pytest.approx(math.log(85 / 15), rel=1e-5)
    padded = torch.cat([torch.ones(1, 100), torch.zeros(1, 40)], 1)
    more_bits = torch.cat([bits, torch.ones(1, 40, dtype=torch.int64)], 1)
    assert best_scale(more_bits, padded) == pytest.approx(math.log(85 / 15), rel=1e-5)


def test_best_scale_keeps_to_its_range():
    bits, llr = bpsk(100, 96, 1.0, 5)
    assert best_scale(bits, -llr) == 1e-3  # the sign of the textbook
    assert best_scale(bits, 1e5 * llr) == 1e-3
    assert best_scale(bits, 1e305 * llr) == 1e-3
    assert best_scale(bits, 1e-5 * llr) == 1e3


def test_too_few_wrong_signs_tell_no_scale():
    for wrong, known in ((0, False), (9, False), (10, True)):
        bits = torch.tensor([[0] * wrong + [1] * (1000 - wrong)])
        assert (best_scale(bits, torch.ones(1, 1000)) is not None) == known
    assert best_scale(torch.ones(1, 100), torch.zeros(1, 100)) is None


def test_reliability_of_exact_llrs():
    """About 95 % of the intervals hold what exact LLRs claim, and few where they are scaled."""
    inside, scaled = [], []
    for seed in range(30):
        bits, llr = bpsk(400, 50, 1.0, seed)
        inside += [row["low"] <= row["claimed"] <= row["high"] for row in reliability(bits, llr)]
        scaled += [row["low"] <= row["claimed"] <= row["high"] for row in reliability(bits, 2 * llr)]
    assert len(inside) == len(scaled) == 600
    assert np.mean(inside) >= 0.93  # Clopper and Pearson cover more where errors are rare
    assert np.mean(scaled) < 0.6


def test_reliability_shows_on_which_side_a_factor_is_wrong():
    bits, llr = bpsk(1000, 96, 1.0, 6)
    for factor, sign in ((2.0, 1), (0.5, -1)):
        rows = reliability(bits, factor * llr)[:12]  # further up there are no errors
        assert all(sign * (row["claimed"] - row["measured"]) > 0 for row in rows)


def test_reliability_takes_frames_as_clusters():
    """Frames of which every bit is the same count as one trial each, not as one per bit."""
    bits, llr = bpsk(300, 1, 0.5, 7)
    once = reliability(bits, llr, bins=4)
    often = reliability(bits.repeat(1, 8), llr.repeat(1, 8), bins=4)
    for row, repeated in zip(once, often, strict=True):
        assert repeated["bits"] == 8 * row["bits"]
        for key in ("llr", "claimed", "measured"):
            assert repeated[key] == pytest.approx(row[key])
        assert repeated["high"] - repeated["low"] == pytest.approx(row["high"] - row["low"], rel=0.05)


def test_reliability_by_a_loop():
    """Bins, counts and intervals as the documentation has them, for LLRs of few magnitudes."""
    bits, llr = bpsk(50, 20, 0.4, 8)
    llr = llr.round().clamp(-4, 4)
    rows = reliability(bits, llr, bins=50, level=0.9)
    assert [row["llr"] for row in rows] == [0, 1, 2, 3, 4]
    right = (llr > 0) == (bits == 1)
    for row in rows:
        inside = llr.abs() == row["llr"]
        frames = [at for at in range(50) if inside[at].any()]
        good = [int((right & inside)[at].sum()) for at in frames]
        tried = [int(inside[at].sum()) for at in frames]
        expected = clustered_proportion(good, tried, 0.9)
        assert (row["measured"], row["low"], row["high"]) == expected
        assert row["bits"] == sum(tried)
        assert row["claimed"] == pytest.approx(special.expit(row["llr"]))


def test_a_zero_llr_decides_for_zero():
    row = reliability(torch.tensor([[0, 0, 0, 1]]), torch.zeros(1, 4))[0]
    assert (row["measured"], row["claimed"], row["llr"], row["bits"]) == (0.75, 0.5, 0, 4)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(1, 30),
    st.sampled_from([0, 1, 3]),
    st.integers(0, 2**32 - 1),
)
def test_bins_share_out_all_bits(frames, length, bins, digits, seed):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (frames, length))
    llr = rng.normal(scale=3, size=bits.shape).round(digits)
    rows = reliability(bits, llr, bins)
    count = [row["bits"] for row in rows]
    assert sum(count) == bits.size
    assert 1 <= len(rows) <= min(bins, bits.size)
    assert min(count) >= 1
    magnitudes = np.unique(np.abs(llr))
    if len(magnitudes) == bits.size:  # without ties bins are equal up to one
        assert len(rows) == min(bins, bits.size)
        assert max(count) - min(count) <= 1
    else:
        most = np.unique(np.abs(llr), return_counts=True)[1].max()
        assert max(count) <= math.ceil(bits.size / bins) + most
    assert np.all(np.diff([row["llr"] for row in rows]) > 0)
    for row in rows:
        assert 0 <= row["low"] <= row["measured"] <= row["high"] <= 1
        assert 0.5 <= row["claimed"] <= 1
    right = sum(row["measured"] * row["bits"] for row in rows)
    assert right == pytest.approx(((llr > 0) == (bits == 1)).sum())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 50), st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_information_is_at_most_one_bit_and_best_at_the_best_scale(frames, length, size, seed):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (frames, length))
    llr = size * (2 * bits - 1 + 2 * rng.normal(size=bits.shape))
    told, count = bit_information(bits, llr)
    assert told.shape == count.shape == (frames,)
    assert bool((told <= count).all())
    scale = best_scale(bits, llr)
    if scale is not None:
        best = per_bit(bits, scale * llr)
        for other in (1.0, 0.9 * scale, 1.1 * scale):
            if 1e-3 <= other <= 1e3:
                assert per_bit(bits, other * llr) <= best + 1e-9


BITS, LLR = torch.tensor([[0, 1]]), torch.tensor([[-1.0, 2.0]])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("bits", "llr", "error", "message"),
    [
        ([[0, 1]], LLR, TypeError, "bits must be a tensor or a NumPy array, got list"),
        (BITS, None, TypeError, "llr must be a tensor or a NumPy array, got NoneType"),
        (np.array([["a", "b"]]), LLR, TypeError, "bits must hold numbers, got an array of <U1"),
        (BITS, LLR > 0, TypeError, "llr must hold real numbers.*got torch.bool"),
        (BITS, LLR * 1j, TypeError, "llr must hold real numbers.*got torch.complex64"),
        (BITS, LLR[0], ValueError, r"llr must have shape \[B, L\] with at least one.* got \[2\]"),
        (BITS[:, :0], LLR[:, :0], ValueError, r"llr must have shape .* got \[1, 0\]"),
        (BITS[:0], LLR[:0], ValueError, r"llr must have shape .* got \[0, 2\]"),
        (BITS[:, :1], LLR, ValueError, r"bits must have the shape of llr, \[1, 2\], got \[1, 1\]"),
        (BITS + 1, LLR, ValueError, "bits must be zeros and ones, got 2"),
        (BITS / 2, LLR, ValueError, "bits must be zeros and ones, got 0.5"),
        (BITS, LLR * math.inf, ValueError, "llr must be finite, got -inf: clip"),
        (BITS, LLR * math.nan, ValueError, "llr must be finite, got nan"),
    ],
)
def test_what_carries_no_information_is_refused_in_one_line(measure, bits, llr, error, message):
    with pytest.raises(error, match=message) as refused:
        measure(bits, llr)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"bins": 0}, ValueError, "bins must be at least 1, got 0"),
        ({"bins": 2.0}, TypeError, "bins must be a whole number, got 2.0"),
        ({"level": 1}, ValueError, "level=1 must lie between 0 and 1"),
    ],
)
def test_options_of_reliability(more, error, message):
    with pytest.raises(error, match=message):
        reliability(BITS, LLR, **more)
