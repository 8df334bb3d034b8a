"""What a training step costs: time against the step without a link, and memory."""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from linksim import LinkConfig, checks
from linksim.config import Backend
from linksim.seeds import stream, stream_seed
from linksim_training import TrainConfig, build_model
from linksim_training.devices import make_fabric
from linksim_training.isolation import isolated
from linksim_training.optimiser import make_optimiser, make_scheduler
from linksim_training.trainer import Trainer

IMAGE_SHAPE = (1, 28, 28)
CLASSES = 10
SNR_DB = 8.0
WARM_UP = 3
RESAMPLES = 2000
MEMORY_STEPS = 3
"""The allocator settles after the first."""

Step = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class StepSizes:
    """Of a batch; the defaults are those of `linksim train`."""

    batch_size: int = 64
    tokens: int = 16
    codebook_size: int = 64
    bits_per_symbol: int = 4
    backend: Backend = "sionna"

    def __post_init__(self) -> None:
        checks.whole("batch_size", self.batch_size, 1)
        assert self.link.layout  # which refuses the rest

    @property
    def link(self) -> LinkConfig:
        """The link of these sizes."""
        return LinkConfig(
            tokens=self.tokens,
            codebook_size=self.codebook_size,
            bits_per_symbol=self.bits_per_symbol,
            backend=self.backend,
        )

    def batch(self, seed: int) -> tuple[Tensor, Tensor]:
        """Random images of the size of MNIST's, and labels."""
        generator = stream(seed, "images")
        images = torch.rand((self.batch_size, *IMAGE_SHAPE), generator=generator, dtype=torch.float32)
        return images, torch.randint(CLASSES, (self.batch_size,), generator=generator)


def step_settings(**settings: Any) -> TrainConfig:
    """Settings of a training whose steps are measured: on the CPU, and without k-means at the start."""
    return TrainConfig(**{"device": "cpu", "random_codebook": True, **settings})


def training_step(sizes: StepSizes, config: TrainConfig, phase: int, seed: int = 0) -> Step:
    """One step of the trainer as it is: draw, both paths, loss, checks, gradients, optimiser.

    To be made and called inside `isolated`.

    Args:
        sizes: of the batch.
        config: settings of the training.
        phase: 1 or 2.
        seed: of weights and images.
    """
    model = build_model(IMAGE_SHAPE, CLASSES, sizes.link, seed)
    loader = [sizes.batch(seed)]
    fabric = make_fabric(config)
    fabric.launch()
    trainer = Trainer(model, loader, loader, config, SNR_DB, fabric)
    trainer.epoch = 1 if phase == 1 else config.alignment_start_epoch
    assert config.phase(trainer.epoch) == ("LEARNING" if phase == 1 else "ALIGNMENT")

    def step() -> None:
        trainer.batch = 0
        trainer.train_epoch(None, None)

    return step


def bare_step(sizes: StepSizes, config: TrainConfig, seed: int = 0) -> Step:
    """One step of the same encoder and head joined directly, as `linksim_training.noiseless` trains them."""
    model = build_model(IMAGE_SHAPE, CLASSES, sizes.link, seed).train()
    networks = nn.ModuleDict({name: model.get_submodule(name) for name in ("encoder", "head")})
    optimiser = make_optimiser(networks, config)
    scheduler = make_scheduler(optimiser, config, config.epochs)
    images, labels = sizes.batch(seed)

    def step() -> None:
        logits, _ = model.head(model.link.quantize.normalise(model.encoder(images)))
        optimiser.zero_grad()
        cross_entropy(logits, labels).backward()
        optimiser.step()
        scheduler.step()

    return step


def interleaved(
    steps: Mapping[str, Step], rounds: int, advance: Step = lambda: None
) -> dict[str, NDArray[np.float64]]:
    """[rounds] seconds of every step, in rounds of one each, so that a busy machine slows all alike.

    Args:
        steps: by name.
        rounds: to measure, after `WARM_UP` that do not count.
        advance: called after every round, for progress.
    """
    names = list(steps)
    seconds = {name: np.zeros(rounds) for name in names}
    for number in range(-WARM_UP, rounds):
        # Each round starts with another step, so that none always follows the same one's caches.
        first = number % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            steps[name]()
            if number >= 0:
                seconds[name][number] = time.perf_counter() - start
        advance()
    return seconds


def ratio_of_medians(
    mine: NDArray[np.float64], other: NDArray[np.float64], seed: int
) -> tuple[float, float, float]:
    """Median of `mine` over that of `other`, with a 95 % interval by bootstrap over rounds."""
    rounds = np.random.default_rng(stream_seed(seed, "bootstrap")).integers(
        len(mine), size=(RESAMPLES, len(mine))
    )
    again = np.median(mine[rounds], axis=1) / np.median(other[rounds], axis=1)
    low, high = np.quantile(again, [0.025, 0.975])
    return float(np.median(mine) / np.median(other)), float(low), float(high)


def relative_costs(
    settings: Mapping[str, Mapping[str, Any]],
    reference: str,
    rounds: int,
    seed: int,
    advance: Step = lambda: None,
) -> dict[str, tuple[float, float, float]]:
    """Median time of a step of phase 2 over that of the reference, with its interval, by name.

    Args:
        settings: of the trainer, by name.
        reference: one of the names.
        rounds: steps of each.
        seed: of weights and images.
        advance: called after every round, for progress.
    """
    with isolated(stream_seed(seed, "step cost")):
        sizes = StepSizes()
        steps = {name: training_step(sizes, step_settings(**own), 2, seed) for name, own in settings.items()}
        seconds = interleaved(steps, rounds, advance)
    return {name: ratio_of_medians(own, seconds[reference], seed) for name, own in seconds.items()}


def time_rows(
    sizes: StepSizes, config: TrainConfig, rounds: int, seed: int, advance: Step = lambda: None
) -> list[dict[str, Any]]:
    """A row for the step without a link and for a step of each phase over it."""
    with isolated(stream_seed(seed, "step cost")):
        steps = {
            "no link": bare_step(sizes, config, seed),
            "phase 1": training_step(sizes, config, 1, seed),
            "phase 2": training_step(sizes, config, 2, seed),
        }
        seconds = interleaved(steps, rounds, advance)
    rows = []
    for name, own in seconds.items():
        ratio, low, high = ratio_of_medians(own, seconds["no link"], seed)
        rows.append(
            {"step": name, "milliseconds": 1e3 * float(np.median(own)), "ratio": ratio, "low": low}
            | {"high": high, "steps": rounds, "threads": torch.get_num_threads(), **asdict(sizes)}
        )
    return rows


def memory_rows(
    sizes: StepSizes,
    settings: Mapping[str, Any],
    seed: int,
    advance: Step = lambda: None,
    phases: Sequence[int] = (1, 2),
) -> list[dict[str, Any]]:
    """A row for a step of each phase: peak resident memory in MiB, and what was there before the model.

    Each is measured in a process of its own, since a process never forgets its peak.

    Raises:
        ValueError: if that process fails, as for want of memory.
    """
    rows = []
    for phase in phases:
        task = json.dumps([asdict(sizes), dict(settings), phase, seed])
        command = "from linksim_benchmarks.step_cost import report_memory; report_memory()"
        result = subprocess.run(
            [sys.executable, "-c", command, task], capture_output=True, text=True, check=False
        )
        if result.returncode:
            reason = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
            raise ValueError(f"a step of these sizes could not be measured: {reason}")
        before, peak = json.loads(result.stdout.splitlines()[-1])
        rows.append(
            {"step": f"phase {phase}", "before_mib": before, "peak_mib": peak, "step_mib": peak - before}
            | asdict(sizes)
        )
        advance()
    return rows


def report_memory(arguments: Sequence[str] | None = None) -> None:
    """Run steps as the first argument says (JSON) and print the peak before and after; in a fresh process."""
    words = sys.argv[1:] if arguments is None else arguments
    sizes, settings, phase, seed = json.loads(words[0])
    before = peak_mib()
    with isolated(seed):
        step = training_step(StepSizes(**sizes), step_settings(**settings), phase, seed)
        for _ in range(MEMORY_STEPS):
            step()
    print(json.dumps([before, peak_mib()]))


def peak_mib() -> float:
    """Peak resident memory of this process in MiB.

    From /proc where there is one: a child's `ru_maxrss` starts at its parent's size there.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    if found:
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
