"""Rates counted until there were errors enough."""

import numpy as np
from scipy import special


def unbiased_rate(errors: int, last_trials: int, trials: int, target: int | None) -> float:
    """Error rate without the bias of stopping at a number of errors.

    Trials come in chunks, and counting stops after the first chunk with which the errors reach `target`. The
    plain rate is then too high on average, by about 1/target of itself if chunks are small, since a run of
    luck in errors ends the counting. Given where it stopped and with how many errors, the errors before the
    last chunk are hypergeometric, but below the target; their mean over their trials is the unbiased
    estimate of least variance, by Rao, Blackwell, Lehmann and Scheffé (Girshick, Mosteller and Savage, Annals
    of Mathematical Statistics 17:13, 1946). For chunks of one trial it is Haldane's (target − 1)/
    (trials − 1).

    Args:
        errors: in all trials.
        last_trials: trials of the last chunk, 1 to `trials`.
        trials: all trials.
        target: number of errors that stops; None if nothing but the number of trials did.

    Returns:
        the estimate; the plain rate where the target was not reached, or in the first chunk.

    Raises:
        ValueError: if the numbers contradict each other.

    >>> round(unbiased_rate(errors=10, last_trials=1, trials=100, target=10), 6) == round(9 / 99, 6)
    True
    """
    if not 0 <= errors <= trials or not 1 <= last_trials <= trials:
        raise ValueError(
            f"errors={errors}, last_trials={last_trials} and trials={trials} contradict each other: "
            "give 0 to trials errors and 1 to trials last_trials"
        )
    before = trials - last_trials
    if target is None or errors < target or before == 0:
        return errors / trials
    least, most = max(0, errors - last_trials), min(target - 1, before)
    if least > most:
        raise ValueError(
            f"with {errors} errors in {trials} trials, {target} were reached before the last chunk"
        )
    earlier = np.arange(least, most + 1)
    weight = _log_choose(before, earlier) + _log_choose(last_trials, errors - earlier)
    weight = np.exp(weight - weight.max())
    return float((earlier * weight).sum() / weight.sum() / before)


def _log_choose(total: int, some: np.ndarray) -> np.ndarray:
    return -special.betaln(total - some + 1.0, some + 1.0) - np.log1p(total)
