"""Many steps of random actions: errors, memory, and observations that are not finite."""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from linksim_benchmarks.agents.env_speed import Case

WARM_UP = 0.05
"""Share of the steps before the memory is looked at for the first time."""

ACTIONS = 64


def endurance_row(
    case: Case, count: int, steps: int, seed: int, on_share: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Take random actions in the vector form.

    Args:
        case: the environment.
        count: episodes of the vector form.
        steps: to take, summed over episodes.
        seed: of frames and actions.
        on_share: called after every step of all episodes with the share that is done.

    Returns:
        env, steps, seconds, growth_mb (of the process's peak memory after the first twentieth), and
        not_finite, the number of observations or rewards that are not finite.
    """
    env = gymnasium.make_vec(case.id, num_envs=count, autoreset_mode="SameStep", **case.arguments)
    observations, _ = env.reset(seed=seed)
    env.action_space.seed(seed)
    actions = [env.action_space.sample() for _ in range(ACTIONS)]
    rounds = -(-steps // count)
    not_finite, before, started = _not_finite(observations), 0.0, time.perf_counter()
    for number in range(rounds):
        observations, rewards, _, _, _ = env.step(actions[number % ACTIONS])
        not_finite += _not_finite(observations) + int((~np.isfinite(rewards)).sum())
        if number == int(WARM_UP * rounds):
            before = _peak_mb()
        on_share((number + 1) / rounds)
    env.close()
    return {
        "env": case.name,
        "steps": rounds * count,
        "seconds": time.perf_counter() - started,
        "growth_mb": _peak_mb() - before,
        "not_finite": not_finite,
    }


def _not_finite(observations: dict[str, Any]) -> int:
    return sum(int((~np.isfinite(array)).sum()) for array in observations.values())


def _peak_mb() -> float:
    """Peak memory of this process in MB; the unit depends on the system."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
