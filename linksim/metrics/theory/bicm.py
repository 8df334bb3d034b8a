"""Capacity of bit-interleaved coded modulation."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from linksim.metrics.theory.bit_metrics import Array, BitFunction, mean_over_bits


def bicm_capacity(
    bits_per_symbol: int,
    snr_db: float,
    *,
    modulation: str = "qam",
    constellation: ArrayLike | None = None,
    channel: str = "awgn",
    rician_k: float = 3.0,
    demapper: str = "app",
) -> float:
    """Information in bit per bit that LLRs give about equally probable bits where the gain is known.

    With `demapper="app"` it is the capacity of bit-interleaved coded modulation (Caire, Taricco and Biglieri,
    IEEE Trans. Inf. Theory 44(3):927, 1998), divided by m: the mean mutual information of a bit and what is
    received, r,

        1 - 1/m · Σ_b E[h2(P(b=1|r))],   h2(p) = -p·log2(p) - (1-p)·log2(1-p)

    With `demapper="maxlog"` it is the information that max-log LLRs L give when taken at their word,

        1 - 1/m · Σ_b E[log2(1 + exp(-(2b-1)·L_b(r)))]

    the generalised mutual information at scale 1 (Martinez et al., IEEE Trans. Inf. Theory 55(6):2756, 2009).
    A decoder that rescales the LLRs may get more. It is positive for square QAM and PSK at any SNR, but can
    be negative at low SNR for points and labels of one's own. `linksim.metrics.information.bit_information`
    measures both.

    Over fading it is the mean over the gains, which block and fast fading share; a code reaches it only if
    its bits see many gains. Over the binary symmetric channel it is 1 - h2(p) with p = Q(√(2·Es/N0)).

    The absolute error is below 1e-3 from -15 to 40 dB: some 1e-5 without fading and 2e-4 with it. Amplitudes
    beyond ±100 dB count as ±100 dB, which changes less than 1e-6. It takes milliseconds for QAM and points on
    a line, tens of milliseconds for up to 64 points in the plane and up to seconds for 1024; over fading some
    twenty times as long.

    Args:
        bits_per_symbol: m; 2, 4, 6, 8 or 10 for QAM, 1 to 6 for PSK, 1 to 10 for points of one's own.
        snr_db: Es/N0 in dB, N0 being the total complex noise variance; over fading its mean over the gains.
            From -300 to 300.
        modulation: "qam", "psk" or "custom"; the last goes with `constellation` and is implied by it.
        constellation: [2^m] complex numbers in the order of their MSB-first labels, normalised here to unit
            mean energy.
        channel: "awgn", "rayleigh", "rayleigh-fast", "rician" or "rician-fast", or with BPSK (psk and m = 1)
            "bsc".
        rician_k: K-factor of Rician fading, from 0 to 1e6; other channels ignore it.
        demapper: "app" or "maxlog".

    Returns:
        The information in bit per bit, at most 1; with "app" at least 0.

    Raises:
        TypeError: a number has the wrong type.
        ValueError: a name is unknown, a number is out of range, or two arguments do not go together.

    >>> f"{4 * bicm_capacity(4, 10.0):.2f} bit per symbol of 16-QAM"
    '3.16 bit per symbol of 16-QAM'
    >>> f"{bicm_capacity(1, 0.0, modulation='psk', channel='bsc'):.3f}"  # 1 - h2(0.0786)
    '0.603'
    """
    value = mean_over_bits(
        _INFORMATION,
        bits_per_symbol,
        snr_db,
        modulation=modulation,
        constellation=constellation,
        channel=channel,
        rician_k=rician_k,
        demapper=demapper,
    )
    # The sum over the lattice may overstep a bound by a rounding error.
    return min(value, 1.0) if demapper == "maxlog" else min(max(value, 0.0), 1.0)


def _information(claimed: Array, exact: Array) -> Array:
    """1 - E[log2(1 + exp(-(2b-1)·claimed))] with b distributed as the exact LLR says."""
    size = np.abs(claimed)
    wrong = special.expit(-np.sign(claimed) * exact)
    return 1 - (size * wrong + np.log1p(np.exp(-size))) / math.log(2)


_INFORMATION = BitFunction(_information, saturates=True, fading_order=24)
"""It varies where |h| is small if the SNR is high, and so needs more nodes than a power of |h|."""
