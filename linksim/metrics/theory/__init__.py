"""References for simulated figures: bit error rates, LLR magnitudes, capacity.

Error rates are those of hard decisions on the LLRs of uncoded, equally probable bits. The sign convention of
the LLR does not matter here. "maxlog" LLRs decide for the bits of the nearest point, "app" LLRs for the most
probable value of each bit, which gives the lowest bit error rate there is.

>>> from linksim.metrics.theory import bit_error_rate
>>> f"{bit_error_rate('psk', 1, 10.0, 'rayleigh', 'app'):.3e}"  # BPSK: (1 - sqrt(10 / 11)) / 2
'2.327e-02'
"""

from linksim.metrics.theory.bicm import bicm_capacity
from linksim.metrics.theory.bsc import bsc_crossover, bsc_snr_db
from linksim.metrics.theory.custom import constellation_ber
from linksim.metrics.theory.llr_magnitude import mean_llr_magnitude
from linksim.metrics.theory.psk import psk_ber
from linksim.metrics.theory.qam import qam_ber
from linksim.metrics.theory.reference import bit_error_rate

__all__ = [
    "bicm_capacity",
    "bit_error_rate",
    "bsc_crossover",
    "bsc_snr_db",
    "constellation_ber",
    "mean_llr_magnitude",
    "psk_ber",
    "qam_ber",
]
