"""Mean magnitude of an LLR."""

import numpy as np
from numpy.typing import ArrayLike

from linksim.metrics.theory.bit_metrics import Array, BitFunction, mean_over_bits


def mean_llr_magnitude(
    bits_per_symbol: int,
    snr_db: float,
    *,
    modulation: str = "qam",
    constellation: ArrayLike | None = None,
    channel: str = "awgn",
    rician_k: float = 3.0,
    demapper: str = "app",
) -> float:
    """Mean of |LLR| over all bits of a symbol, for equally probable bits and a receiver that knows the gain.

    With the received value r in units of √N0 and the points x·√(Es/N0) it is the integral

        E|LLR| = 1/m · Σ_b ∫ p(r)·|L_b(r)| dr,   p(r) = 1/M · Σ_x exp(-|r - x|²)/π,
        L_b(r) = ln Σ_{x: b=1} exp(-|r - x|²) - ln Σ_{x: b=0} exp(-|r - x|²)

    (bit metrics of Caire, Taricco and Biglieri, IEEE Trans. Inf. Theory 44(3):927, 1998), with max for ln Σ
    exp where `demapper="maxlog"`. It is summed over a lattice. Over fading it is averaged over the Rician
    distribution of |h| (Simon and Alouini, Digital Communication over Fading Channels, section 2.2.1.2), so
    block and fast fading have the same value. For BPSK without fading the LLR is normal with mean ±4·Es/N0
    and variance 8·Es/N0. Over the binary symmetric channel |LLR| is ln((1 - p)/p) with p = Q(√(2·Es/N0)).

    The relative error is below 1e-3 from -15 to 40 dB. It takes milliseconds for QAM and points on a line and
    less than a second for up to 64 points in the plane, over fading about one; for 1024 points it takes
    seconds, over fading up to a minute.

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
        The mean, in nats.

    Raises:
        TypeError: a number has the wrong type.
        ValueError: a name is unknown, a number is out of range, or two arguments do not go together.

    >>> f"{mean_llr_magnitude(1, 10.0, modulation='psk'):.2f}"  # 4·Es/N0, but for few of the other sign
    '40.00'
    >>> f"{mean_llr_magnitude(4, 5.0, channel='rayleigh'):.2f}"
    '2.61'
    """
    return mean_over_bits(
        _MAGNITUDE,
        bits_per_symbol,
        snr_db,
        modulation=modulation,
        constellation=constellation,
        channel=channel,
        rician_k=rician_k,
        demapper=demapper,
    )


def _magnitude(llr: Array, _: Array) -> Array:
    return np.abs(llr)


_MAGNITUDE = BitFunction(_magnitude, saturates=False, fading_order=16)
"""It grows at most like the square of the amplitude: few nodes suffice."""
