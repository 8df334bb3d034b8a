"""One way to all references."""

import numpy as np
from numpy.typing import ArrayLike

from linksim import checks
from linksim.channel_options import WITH_THEORY
from linksim.config import MODULATIONS
from linksim.metrics.theory.arguments import nearest_only
from linksim.metrics.theory.bsc import bsc_crossover
from linksim.metrics.theory.custom import constellation_ber
from linksim.metrics.theory.psk import psk_ber
from linksim.metrics.theory.qam import qam_ber


def bit_error_rate(
    modulation: str,
    bits_per_symbol: int,
    snr_db: float,
    channel: str,
    demapper: str,
    rician_k: float = 3.0,
    points: ArrayLike | None = None,
) -> float:
    """Mean bit error rate of hard decisions on the LLRs of uncoded bits, for any link that knows its gain.

    Args:
        modulation: "qam", "psk" or "custom"; see `qam_ber`, `psk_ber` and `constellation_ber`.
        bits_per_symbol: m; 2, 4, 6, 8 or 10 for QAM, 1 to 6 for PSK, log2 of the number of points otherwise.
        snr_db: Es/N0 in dB, over fading its mean over the gains. From -300 to 300.
        channel: "awgn", "rayleigh", "rayleigh-fast", "rician" or "rician-fast", or with BPSK (psk and m = 1)
            "bsc". How fast the gain changes makes no difference to the bit error rate.
        demapper: "app" or "maxlog".
        rician_k: K-factor of Rician fading; other channels ignore it.
        points: [2^m] complex numbers in the order of their MSB-first labels, for modulation "custom" only.

    Returns:
        The bit error rate, a mean over all bits of the label.

    Raises:
        TypeError: a number has the wrong type.
        ValueError: a name is unknown, a number is out of range, or two arguments do not go together.

    >>> f"{bit_error_rate('psk', 3, 12.0, 'rician-fast', 'maxlog', rician_k=5.0):.3e}"
    '2.637e-02'
    """
    checks.one_of("modulation", modulation, MODULATIONS)
    checks.one_of("channel", channel, WITH_THEORY)
    if (points is None) == (modulation == "custom"):
        raise ValueError(f"points must be given for modulation 'custom' and no other, got {modulation!r}")
    if channel == "bsc":
        if modulation != "psk" or bits_per_symbol != 1:
            raise ValueError(
                "channel 'bsc' carries the bits of BPSK: give modulation='psk' and bits_per_symbol=1, got "
                f"{modulation!r} and {bits_per_symbol!r}"
            )
        nearest_only(demapper)  # refuses an unknown name; the decisions are made before either
        return bsc_crossover(snr_db)
    family = channel.removesuffix("-fast")
    if points is not None:
        count = np.asarray(points).size
        if 2 ** checks.bits_per_symbol(bits_per_symbol, modulation) != count:
            raise ValueError(
                f"bits_per_symbol={bits_per_symbol} takes {2**bits_per_symbol} points, got {count}"
            )
        return constellation_ber(points, snr_db, family, rician_k, demapper)
    if modulation == "psk":
        return psk_ber(bits_per_symbol, snr_db, family, rician_k, demapper)
    return qam_ber(bits_per_symbol, snr_db, family, demapper, rician_k)
