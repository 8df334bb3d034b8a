"""Capacity of bit-interleaved coded modulation, against closed forms, other integrations and known limits."""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from linksim.config import DEMAPPERS
from linksim.metrics.theory.bicm import bicm_capacity
from linksim.metrics.theory.bsc import bsc_crossover
from linksim.modem import Modem

SCATTERED = (1.3 + 0.2j, 0.1 - 0.4j, -0.8 + 0.9j, -0.2 - 1.1j, 0.6 + 0.7j, -1.2 - 0.1j, 0.3 + 0.1j, 1 - 0.9j)
SNRS = (-15.0, -4.0, 3.0, 9.0, 16.0, 27.0, 40.0)


def ratio(snr_db):
    return 10 ** (snr_db / 10)


@lru_cache
def bpsk(snr):
    """1 - E[log2(1 + exp(-L))] with L, the LLR of the bit sent, normal: mean 4·Es/N0, variance 8·Es/N0."""

    def integrand(z):
        lost = np.logaddexp(0, -(4 * snr + math.sqrt(8 * snr) * z)) / math.log(2)
        return (1 - lost) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    kink = -math.sqrt(2 * snr)
    ends = sorted({-12.0, max(kink, -12.0), min(kink + 1, 12.0), 12.0})
    return sum(integrate.quad(integrand, *pair, epsabs=1e-12, limit=200)[0] for pair in pairwise(ends))


def standard_pam(bits):
    """One dimension of 4-, 16- and 64-QAM, written as 3GPP TS 38.211, sections 5.1.3 to 5.1.5, has it."""
    b = [1 - 2 * ((np.arange(2**bits) >> shift) & 1) for shift in reversed(range(bits))]
    if bits == 1:
        return b[0] / math.sqrt(2)
    if bits == 2:
        return b[0] * (2 - b[1]) / math.sqrt(10)
    return b[0] * (4 - b[1] * (2 - b[2])) / math.sqrt(42)


def by_gauss_hermite(points, snr, maxlog, order=160):
    """The definition, with the noise around every point summed over nodes of Gauss and Hermite."""
    points = np.asarray(points) * math.sqrt(snr)
    node, weight = np.polynomial.hermite.hermgauss(order)
    if np.iscomplexobj(points):
        node, weight = (node[:, None] + 1j * node).ravel(), np.outer(weight, weight).ravel()
    weight = weight / weight.sum()
    node, weight = node[weight > 1e-14], weight[weight > 1e-14]
    received = points[:, None] + node  # [point sent, noise]
    metric = -(np.abs(received[..., None] - points) ** 2)
    join = np.max if maxlog else np.logaddexp.reduce
    label = np.arange(len(points))
    lost = []
    for bit in range(len(points).bit_length() - 1):
        one = (label >> bit) & 1 == 1
        llr = join(metric[..., one], axis=-1) - join(metric[..., ~one], axis=-1)
        lost.append(np.logaddexp(0, -np.where(one, 1, -1)[:, None] * llr).mean(axis=0) @ weight)
    return 1 - np.mean(lost) / math.log(2)


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_one_bit_per_dimension_has_a_closed_form(demapper):
    for snr_db in SNRS:
        expected = bpsk(ratio(snr_db))
        assert bicm_capacity(1, snr_db, modulation="psk", demapper=demapper) == pytest.approx(
            expected, abs=1e-5
        )
        # QPSK is two BPSK at half the energy each.
        for modulation in ("qam", "psk"):
            qpsk = bicm_capacity(2, snr_db + 10 * math.log10(2), modulation=modulation, demapper=demapper)
            assert qpsk == pytest.approx(expected, abs=1e-5)


def test_a_textbook_value():
    """Rate 1/2 over BPSK: the Shannon limit of binary input is Eb/N0 = 0.187 dB (Es/N0 -2.82 dB)."""
    assert bicm_capacity(1, 0.187 - 10 * math.log10(2), modulation="psk") == pytest.approx(0.5, abs=2e-4)


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("bits", [2, 4, 6])
def test_qam_as_the_standard_has_it(bits, demapper):
    for snr_db in SNRS:
        expected = by_gauss_hermite(standard_pam(bits // 2), ratio(snr_db), demapper == "maxlog")
        assert bicm_capacity(bits, snr_db, demapper=demapper) == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_points_in_the_plane(demapper):
    points = np.array(SCATTERED)
    points = points / np.sqrt(np.mean(np.abs(points) ** 2))
    psk = Modem(3, modulation="psk").constellation(torch.float64).numpy()
    for snr_db in (-15.0, -4.0, 3.0, 12.0, 20.0):
        found = bicm_capacity(3, snr_db, constellation=SCATTERED, demapper=demapper)
        expected = by_gauss_hermite(points, ratio(snr_db), demapper == "maxlog", order=40)
        assert found == pytest.approx(expected, abs=1e-3)
        found = bicm_capacity(3, snr_db, modulation="psk", demapper=demapper)
        expected = by_gauss_hermite(psk, ratio(snr_db), demapper == "maxlog", order=40)
        assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("bits", [4, 6])
def test_plane_and_dimensions_agree_however_turned_and_shifted(bits, demapper):
    points = Modem(bits).constellation(torch.float64).numpy()
    for snr_db in SNRS[::2]:
        expected = bicm_capacity(bits, snr_db, demapper=demapper)
        for turned in (points * np.exp(0.3j), 1e200 * points):
            found = bicm_capacity(bits, snr_db, constellation=turned, demapper=demapper)
            assert found == pytest.approx(expected, abs=2e-5)
    # A constant part takes energy and tells nothing.
    shifted = bicm_capacity(bits, 10.0, constellation=points + 1, demapper=demapper)
    expected = bicm_capacity(bits, 10.0 - 10 * math.log10(2), demapper=demapper)
    assert shifted == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("k", [0.0, 3.0, 50.0])
def test_fading_is_the_average_of_the_closed_form(k):
    scale = 1 / (2 * (1 + k))
    power = stats.ncx2(2, 2 * k, scale=scale)
    node, weight = np.polynomial.legendre.leggauss(12)
    for snr_db in (-15.0, 12.5, 40.0):
        # from where the channel carries next to nothing to where it carries all
        least, most = min(power.ppf(1e-9), 1e-3 / ratio(snr_db)), power.isf(1e-9)
        ends = np.geomspace(least, most, 25)
        expected = 0.0
        for low, high in pairwise(ends):
            x = (low + high + (high - low) * node) / 2
            values = np.array([bpsk(snr) for snr in (x * ratio(snr_db)).tolist()])
            expected += float((high - low) / 2 * weight @ (values * stats.ncx2.pdf(x, 2, 2 * k, scale=scale)))
        found = bicm_capacity(1, snr_db, modulation="psk", channel="rician", rician_k=k)
        assert found == pytest.approx(expected, abs=3e-4)
        if k == 0:
            assert found == bicm_capacity(1, snr_db, modulation="psk", channel="rayleigh-fast")


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_limits_of_the_k_factor(demapper):
    for snr_db in SNRS:
        awgn, rayleigh, none, large = (
            bicm_capacity(4, snr_db, channel=channel, rician_k=k, demapper=demapper)
            for channel, k in (("awgn", 0.0), ("rayleigh", 0.0), ("rician", 0.0), ("rician", 1e6))
        )
        assert none == rayleigh
        assert large == pytest.approx(awgn, abs=1e-4)


def test_fading_lies_between():
    """Fading costs information, and the less the stronger the constant part (Jensen)."""
    for snr_db in (0.0, 8.0, 15.0):
        values = [bicm_capacity(4, snr_db, channel="rician", rician_k=k) for k in (0.0, 1.0, 5.0, 50.0)]
        assert np.all(np.diff([*values, bicm_capacity(4, snr_db)]) > 0)


def test_binary_symmetric_channel():
    for snr_db in (-20.0, -3.0, 0.0, 6.0, 12.0, 30.0):
        p = bsc_crossover(snr_db)
        expected = 1 + (special.xlogy(p, p) + special.xlog1py(1 - p, -p)) / math.log(2)
        found = bicm_capacity(1, snr_db, modulation="psk", channel="bsc")
        assert found == pytest.approx(expected, abs=1e-9)
        assert found < bicm_capacity(1, snr_db, modulation="psk") or found > 0.999  # hard decisions cost


CASES = {
    "16-QAM": (4, {}),
    "1024-QAM maxlog": (10, {"demapper": "maxlog"}),
    "64-QAM rayleigh": (6, {"channel": "rayleigh"}),
    "8-PSK maxlog": (3, {"modulation": "psk", "demapper": "maxlog"}),
    "BPSK bsc": (1, {"modulation": "psk", "channel": "bsc"}),
    "scattered": (3, {"constellation": SCATTERED}),
}


@pytest.mark.parametrize("name", CASES)
def test_grows_with_the_snr_from_nothing_to_all(name):
    bits, more = CASES[name]
    values = np.array([bicm_capacity(bits, snr_db, **more) for snr_db in np.arange(-60.0, 61.0, 5.0)])
    assert np.all(np.diff(values) > np.where(values[1:] < 0.999, 0, -1e-6))
    assert 0 < values[0] < 1e-5
    assert values[-1] > 0.999
    for snr_db, limit in ((-300.0, 0), (300.0, 1)):
        value = bicm_capacity(bits, snr_db, **more)
        assert 0 <= value <= 1
        assert value == pytest.approx(limit, abs=1e-5)


def test_low_snr():
    """4-QAM has C·m = Es/N0/ln 2 in first order (Verdú, IEEE Trans. Inf. Theory 48:1319, 2002)."""
    assert 2 * bicm_capacity(2, -50.0) == pytest.approx(1e-5 / math.log(2), rel=1e-3)
    # 16-QAM with a bit interleaver loses a factor 4/5 (Martinez et al., ibid. 54:5447, 2008).
    assert 4 * bicm_capacity(4, -50.0) == pytest.approx(0.8e-5 / math.log(2), rel=1e-3)


@pytest.mark.parametrize("bits", [2, 4, 6, 8, 10])
def test_below_the_capacity_of_the_channel_and_above_max_log(bits):
    for snr_db in SNRS:
        exact, maxlog = (bicm_capacity(bits, snr_db, demapper=name) for name in DEMAPPERS)
        assert bits * exact <= math.log2(1 + ratio(snr_db))
        assert 0 < maxlog <= exact + 1e-6


def test_max_log_taken_at_its_word_can_be_worse_than_nothing():
    """Points without Gray labels, at low SNR: the LLRs claim what they do not know."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=32) + 1j * rng.normal(size=32)
    assert bicm_capacity(5, -15.0, constellation=points, demapper="maxlog") < 0
    assert bicm_capacity(5, -15.0, constellation=points) > 0


def test_points_that_tell_nothing():
    for demapper in DEMAPPERS:
        assert bicm_capacity(2, 10.0, constellation=[1, 1, 1, 1], demapper=demapper) == 0


@pytest.mark.parametrize(
    ("bits", "snr_db", "more", "error", "message"),
    [
        (4, 5.0, {"modulation": "pam"}, ValueError, "modulation must be one of qam, psk, custom, got 'pam'"),
        (4, 5.0, {"demapper": "map"}, ValueError, "demapper='map' is unknown"),
        (2.0, 5.0, {}, TypeError, "bits_per_symbol must be a whole number, got 2.0"),
        (4, math.nan, {}, ValueError, "snr_db=nan must be a number from -300 to 300"),
        (4, 5.0, {"channel": "rician", "rician_k": -1}, ValueError, "rician_k must be at least 0, got -1"),
        (2, 5.0, {"channel": "bsc"}, ValueError, "channel 'bsc' carries the bits of BPSK.* got 'qam' and 2"),
        (2, 5.0, {"constellation": [1, -1]}, ValueError, "bits_per_symbol=2 takes 4 points, got 2"),
    ],
)
def test_what_has_no_capacity_is_refused_in_one_line(bits, snr_db, more, error, message):
    with pytest.raises(error, match=message) as refused:
        bicm_capacity(bits, snr_db, **more)
    assert "\n" not in str(refused.value)
