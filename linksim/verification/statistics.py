"""Statistical checks, at the 99.9 % level unless told otherwise: one seed in a thousand misses by chance."""

import math

import numpy as np
import torch
from scipy import special
from torch import Tensor

from linksim.link import Link
from linksim.metrics.intervals import clopper_pearson, clustered_proportion
from linksim.signals import Draw
from linksim.verification.broken import require, signal

LEVEL = 0.999
"""Confidence level of a statistical check."""

LEAST_ERRORS = 100
"""Bit errors that a bit error rate needs before it says anything."""


def shared_level(comparisons: int) -> float:
    """Level of each of so many comparisons with which all together hold at `LEVEL` (Bonferroni)."""
    return 1 - (1 - LEVEL) / comparisons


def normal_quantile(level: float = LEVEL) -> float:
    """Standard deviations within which a normal variable stays with that probability."""
    return -float(special.ndtri((1 - level) / 2))


def chi_square_interval(degrees: int, level: float = LEVEL) -> tuple[float, float]:
    """Interval in which a chi-square variable of so many degrees of freedom lies, equal tails."""
    tail = (1 - level) / 2
    return float(special.chdtri(degrees, 1 - tail)), float(special.chdtri(degrees, tail))


def check_variance(name: str, samples: Tensor, variance: float, level: float = LEVEL) -> float:
    """Real zero-mean Gaussian samples have the stated variance (exact chi-square test).

    Returns:
        the measured variance over the stated one.
    """
    degrees = samples.numel()
    low, high = chi_square_interval(degrees, level)
    statistic = float(samples.double().square().sum()) / variance
    share = statistic / degrees
    bounds = f"{low / degrees:.4f} … {high / degrees:.4f}"
    message = f"{name}: variance is {share:.4f} of the stated one, outside {bounds}"
    require(low <= statistic <= high, message)
    return share


def check_complex_gaussian(name: str, samples: Tensor, level: float = LEVEL) -> float:
    """Complex samples have variance 1, half of it in each dimension, and uncorrelated dimensions.

    Returns:
        the measured variance.
    """
    real = check_variance(f"{name}, real part", samples.real, 0.5, level)
    imaginary = check_variance(f"{name}, imaginary part", samples.imag, 0.5, level)
    limit = normal_quantile(level) / math.sqrt(samples.numel())
    correlation = float((samples.real * samples.imag).double().mean()) / 0.5
    require(abs(correlation) < limit, f"{name}: real and imaginary part correlate by {correlation:.4f}")
    return (real + imaginary) / 2


def check_noise(link: Link, index: Tensor, draw: Draw, level: float = LEVEL) -> float:
    """What the channel adds has total variance N0, half of it in each dimension, uncorrelated.

    Returns:
        the measured variance over N0.
    """
    trace = link.hard(index=index, draw=draw)
    gain = draw.channel.get("gain", torch.ones(1))
    noise_variance = 10 ** (-draw.snr_db / 10)
    noise = signal(trace, "received") - gain * signal(trace, "transmitted")
    return check_complex_gaussian("noise", noise / noise_variance.sqrt().unsqueeze(1), level)


def check_share(name: str, count: int, trials: int, probability: float, level: float = LEVEL) -> float:
    """Of independent trials, as many succeed as the probability allows for (exact binomial interval).

    Returns:
        the measured share.
    """
    low, high = clopper_pearson(count, trials, level)
    message = f"{name}: {count} of {trials} do not fit a probability of {probability:.4g}"
    require(low <= probability <= high, message)
    return count / trials


def measured_ber(link: Link, index: Tensor, draw: Draw) -> tuple[int, float, float]:
    """Bit errors of hard decisions on the information LLRs, and the interval of their rate by frames."""
    with torch.no_grad():
        trace = link.hard(index=index, draw=draw)
    wrong = (signal(trace, "information_llr") > 0) != (signal(trace, "information_bits") > 0.5)
    errors = wrong.sum(1).numpy()
    _, low, high = clustered_proportion(errors, np.full(len(errors), wrong.shape[1]), LEVEL)
    return int(errors.sum()), low, high


def check_ber(link: Link, index: Tensor, draw: Draw, expected: float) -> int:
    """The simulated bit error rate is compatible with the closed form.

    Returns:
        the number of bit errors, at least 100.
    """
    errors, low, high = measured_ber(link, index, draw)
    require(errors >= LEAST_ERRORS, f"only {errors} bit errors: choose more frames")
    message = f"closed form {expected:.3e} outside the measured {low:.3e} … {high:.3e}"
    require(low <= expected <= high, message)
    return errors
