"""References over Rician fading, against a closed form, scipy's distribution of the power, and the limits."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special, stats

from linksim.metrics.theory import psk_ber, qam_ber

BINARY = {
    # one dimension of QPSK carries half of its energy
    "BPSK": (lambda snr_db, *more: psk_ber(1, snr_db, *more), 1.0),
    "QPSK": (lambda snr_db, channel, k: qam_ber(2, snr_db, channel, "maxlog", k), 0.5),
}


def lindsey(snr, k):
    """Bit error rate of BPSK over Rician fading (Lindsey, IEEE Trans. Inf. Theory 10(4):339, 1964)."""
    d = snr / (1 + k)
    root = 2 * math.sqrt(d * (1 + d))
    u = math.sqrt(k * (1 + 2 * d - root) / (2 * (1 + d)))
    w = math.sqrt(k * (1 + 2 * d + root) / (2 * (1 + d)))
    marcum = stats.ncx2.sf(w**2, 2, u**2)
    bessel = special.i0e(u * w) * math.exp(-((u - w) ** 2) / 2)
    return marcum - 0.5 * (1 + math.sqrt(d / (1 + d))) * bessel


def mean_over_rician(function, k):
    """Mean of a function of |h|², whose double times 1 + K is noncentral chi-squared."""
    power = stats.ncx2(2, 2 * k, scale=1 / (2 * (1 + k)))
    ends = [power.ppf(1e-13), *power.ppf([0.01, 0.3, 0.8]), power.isf(1e-13)]
    parts = [
        integrate.quad(lambda x: function(x) * power.pdf(x), low, high, epsrel=1e-7, limit=20)[0]
        for low, high in pairwise(ends)
    ]
    return sum(parts)


@pytest.mark.parametrize("modulation", BINARY)
@pytest.mark.parametrize("k", [0.2, 3.0, 12.0])
def test_binary_modulation_against_the_closed_form(modulation, k):
    rate, share = BINARY[modulation]
    for snr_db in (-15.0, -3.0, 4.0, 10.0, 16.0):
        expected = lindsey(share * 10 ** (snr_db / 10), k)
        # the closed form is a difference of greater numbers
        assert rate(snr_db, "rician", k) == pytest.approx(expected, rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize(("bits_per_symbol", "snr_db", "k"), [(4, -2.0, 0.7), (4, 14.0, 4.0), (6, 5.0, 3.0)])
def test_qam_is_the_average_of_awgn(bits_per_symbol, snr_db, k, demapper):
    def at_power(power):
        return qam_ber(bits_per_symbol, snr_db + 10 * math.log10(power), "awgn", demapper)

    rate = qam_ber(bits_per_symbol, snr_db, "rician", demapper, k)
    assert rate == pytest.approx(mean_over_rician(at_power, k), rel=2e-6)


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
def test_without_a_constant_part_it_is_rayleigh_fading(demapper):
    for snr_db in (-10.0, 5.0, 25.0):
        for bits in (2, 6):
            rician = qam_ber(bits, snr_db, "rician", demapper, rician_k=0)
            assert rician == pytest.approx(qam_ber(bits, snr_db, "rayleigh", demapper), rel=1e-6)
        for bits in (1, 3):
            rician = psk_ber(bits, snr_db, "rician", 0.0, demapper)
            assert rician == pytest.approx(psk_ber(bits, snr_db, "rayleigh", demapper=demapper), rel=1e-12)


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
def test_with_a_large_constant_part_it_is_awgn(demapper):
    for snr_db in (-5.0, 6.0):
        for rate, bits in ((qam_ber, 4), (psk_ber, 1), (psk_ber, 4)):
            awgn = rate(bits, snr_db, demapper=demapper)
            gaps = [
                rate(bits, snr_db, "rician", rician_k=k, demapper=demapper) / awgn - 1 for k in (1e3, 1e5)
            ]
            # The power has the variance (1 + 2K)/(1 + K)², so the gap falls like 1/K.
            assert gaps[1] == pytest.approx(gaps[0] / 100, rel=0.1)
            assert abs(gaps[1]) < 3e-4


@pytest.mark.parametrize("modulation", BINARY)
def test_a_stronger_constant_part_means_fewer_errors(modulation):
    # Q(√x) is convex, and the more of the power is constant, the less it spreads about the same mean.
    rate, _ = BINARY[modulation]
    for snr_db in (-20.0, 0.0, 12.0):
        rates = [rate(snr_db, "rayleigh", 0.0)]
        rates += [rate(snr_db, "rician", k) for k in (0.1, 1.0, 5.0, 50.0, 1e4)]
        rates += [rate(snr_db, "awgn", 0.0)]
        assert np.all(np.diff(rates) < 0)


def test_extreme_signal_to_noise_ratios():
    for k in (0.0, 3.0, 1e6):
        for rate, bits in ((qam_ber, 6), (psk_ber, 1), (psk_ber, 5)):
            assert rate(bits, -300.0, "rician", rician_k=k) == pytest.approx(0.5, rel=1e-9)
            assert 0 <= rate(bits, 300.0, "rician", rician_k=k) < 1e-28
