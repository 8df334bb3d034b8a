"""All checks of `linksim verify`, and how one is run."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from linksim.verification.broken import Broken
from linksim.verification.checks import (
    backends,
    bits,
    channels,
    coding,
    constellations,
    energy,
    error_rates,
    frames,
    fused,
    hardware,
    installation,
    llrs,
    mirror,
    randomness,
)

Check = Callable[[int], str]
"""A function of a seed that returns a figure or raises `Broken`; its docstring says what holds."""

CHECKS: dict[str, Check] = {
    "qam-constellation": constellations.qam_constellation,
    "psk-constellation": constellations.psk_constellation,
    "gray-labels": constellations.gray_labels,
    "bit-order": bits.bit_order,
    "padding": bits.padding,
    "llr-values": llrs.llr_values,
    "llr-sign": llrs.llr_sign,
    "quantize-law": mirror.quantize_law,
    "map-law": mirror.map_law,
    "decide-law": mirror.decide_law,
    "link-law": mirror.link_law,
    "gradients": mirror.gradients,
    "symbol-distribution": mirror.symbol_distribution,
    "noise-variance": channels.noise_variance,
    "fading-gain": channels.fading_gain,
    "bit-flips": channels.bit_flips,
    "ebno": energy.ebno,
    "recovery": frames.recovery,
    "frame-independence": frames.frame_independence,
    "hard-path-temperature": frames.hard_path_temperature,
    "import-isolation": randomness.import_isolation,
    "generator-isolation": randomness.generator_isolation,
    "determinism": randomness.determinism,
    "ber-awgn": error_rates.ber_awgn,
    "ber-rayleigh": error_rates.ber_rayleigh,
    "ber-rician": error_rates.ber_rician,
    "converters": hardware.converters,
    "amplifier": hardware.amplifier,
    "llr-quantizer": hardware.llr_quantizer,
    "integer-decision": hardware.integer_decision,
    "crc": coding.crc,
    "ldpc": coding.ldpc,
    "backends": backends.backends,
    "fused": fused.fused,
    "provenance": installation.provenance_card,
    "installed-packages": installation.installed_packages,
}


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        name: of the check.
        passed: whether everything held.
        figure: one line: what was measured, or what does not hold.
        warnings: what is not wrong yet, but deserves attention.
    """

    name: str
    passed: bool
    figure: str
    warnings: tuple[str, ...] = ()


def run(name: str, seed: int) -> Outcome:
    """Run one check; an exception in it is a failure like any other."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", installation.VerificationWarning)
        try:
            passed, figure = True, CHECKS[name](seed)
        except Broken as broken:
            passed, figure = False, str(broken)
        except Exception as error:
            passed, figure = False, f"{type(error).__name__}: {error}"
    own = [one for one in caught if issubclass(one.category, installation.VerificationWarning)]
    return Outcome(name, passed, " ".join(figure.split()), tuple(str(one.message) for one in own))
