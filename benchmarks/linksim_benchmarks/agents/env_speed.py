"""Speed of the environments: native vector form, the link alone, and Gymnasium's loop over single ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import SyncVectorEnv, VectorEnv

from linksim import Link
from linksim.seeds import stream
from linksim_benchmarks.step_cost import interleaved, ratio_of_medians
from linksim_envs import LinkAdaptationVectorEnv, SemanticRateVectorEnv, TransmitVectorEnv

SINGLES = 16
ACTIONS = 4


@dataclass(frozen=True)
class Case:
    """An environment that is timed.

    Attributes:
        name: for tables.
        id: of Gymnasium's registry.
        arguments: of the environment.
        steps: of the vector form in a timed run; single ones take as many.
    """

    name: str
    id: str
    arguments: dict[str, Any]
    steps: int


CASES = {
    "transmit": Case("Transmit", "linksim_envs:linksim/Transmit-v0", {}, 60),
    "uncoded": Case("LinkAdaptation, uncoded", "linksim_envs:linksim/LinkAdaptation-v0", {"coded": False}, 6),
    "coded": Case("LinkAdaptation, LDPC", "linksim_envs:linksim/LinkAdaptation-v0", {}, 1),
    "modes": Case("SemanticRate", "linksim_envs:linksim/SemanticRate-v0", {}, 6),
}


def speed_rows(
    case: Case, count: int, rounds: int, seed: int, advance: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """Time random actions in the vector form, as many frames over the link, and in 16 single environments.

    The three take turns, so that a busy machine slows all alike.

    Args:
        case: the environment.
        count: episodes of the vector form.
        rounds: how often each is timed.
        seed: of frames and actions.
        advance: called after every round, for progress.

    Returns:
        a row each, with subject, steps_per_s (frames, summed over episodes; median), and steps per second of
        the vector form over its own with a 95 % interval by bootstrap over rounds.
    """
    native = gymnasium.make_vec(case.id, num_envs=count, **case.arguments)
    singles = SyncVectorEnv([lambda: gymnasium.make(case.id, **case.arguments)] * SINGLES)
    subjects = {
        f"vector of {count}": _stepping(native, case.steps, seed),
        "link alone": _frames(native, case.steps, seed),
        f"SyncVectorEnv of {SINGLES}": _stepping(singles, case.steps, seed),
    }
    frames = {name: case.steps * (SINGLES if name.startswith("Sync") else count) for name in subjects}
    seconds = interleaved(subjects, rounds, advance)
    native.close()
    singles.close()
    own = seconds[f"vector of {count}"] / frames[f"vector of {count}"]
    rows = []
    for name, took in seconds.items():
        each = took / frames[name]
        ratio, low, high = ratio_of_medians(each, own, seed)
        rows.append(
            {
                "env": case.name,
                "subject": name,
                "steps_per_s": 1 / float(np.median(each)),
                "vector_over_it": ratio,
                "low": low,
                "high": high,
            }
        )
    return rows


def _stepping(env: VectorEnv[Any, Any, Any], steps: int, seed: int) -> Callable[[], None]:
    env.reset(seed=seed)
    env.action_space.seed(seed)
    actions = cycle([env.action_space.sample() for _ in range(ACTIONS)])

    def run() -> None:
        for _ in range(steps):
            env.step(next(actions))

    return run


def _frames(env: Any, steps: int, seed: int) -> Callable[[], None]:
    """As many frames over the links of an environment, those of one link together, on draws made before."""
    generator = stream(seed, "env speed")
    if isinstance(env.unwrapped, SemanticRateVectorEnv):
        return _routed_frames(env.unwrapped, steps, generator)
    if isinstance(env.unwrapped, TransmitVectorEnv):
        core = env.unwrapped.core
        groups = [(core.link, core.count, {}, (0.0, 20.0))]
    else:
        assert isinstance(env.unwrapped, LinkAdaptationVectorEnv)
        core = env.unwrapped.core
        links = core.links
        each = np.bincount(np.arange(core.count) % len(links), minlength=len(links))
        groups = [
            (link, int(few), {"decide": False}, (0.0, 25.0))
            for link, few in zip(links, each, strict=True)
            if few
        ]
    prepared = [_prepared(*group, generator) for group in groups]

    @torch.inference_mode()
    def run() -> None:
        for _ in range(steps):
            for link, bits, draw, more in prepared:
                link.hard(bits=bits, draw=draw, **more)

    return run


def _routed_frames(env: SemanticRateVectorEnv, steps: int, generator: torch.Generator) -> Callable[[], None]:
    """As many frames of random codewords, each mode as often as the others."""
    link, count = env.link, env.num_envs
    mode = torch.arange(count) % len(link.modes)
    sizes = torch.tensor([size for size, _ in link.modes])[mode].unsqueeze(1)
    index = (torch.rand((count, link.config.tokens), generator=generator) * sizes).long()
    draw = link.draw(count, 20 * torch.rand(count, generator=generator), generator)

    @torch.inference_mode()
    def run() -> None:
        for _ in range(steps):
            link.hard(index=index, draw=draw, mode=mode)

    return run


def _prepared(
    link: Link, frames: int, more: dict[str, Any], snr_db: Sequence[float], generator: torch.Generator
) -> tuple[Any, ...]:
    snr = snr_db[0] + (snr_db[1] - snr_db[0]) * torch.rand(frames, generator=generator)
    bits = torch.randint(2, (frames, link.layout.information_bits), generator=generator)
    return link, bits.to(link.codebook), link.draw(frames, snr, generator), more
