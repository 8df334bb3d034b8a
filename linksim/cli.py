"""The front door: `linksim COMMAND`.

A table of command names and the functions that serve them, imported when called. Each function takes the
arguments after the command's name, and may return an exit code; None counts as 0. What is wrong with the
input is said in one line, with exit code 2.
"""

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from linksim import checks

COMMANDS = {
    "train": ("linksim_training.command:main", "train a semantic model over the link in two phases"),
    "audit": ("linksim_benchmarks.audit.command:main", "soft-hard mismatch of a checkpoint, stage by stage"),
    "accuracy": ("linksim_benchmarks.accuracy_command:main", "accuracy against SNR, hard and soft path"),
    "modes": ("linksim_benchmarks.modes.command:main", "accuracy against symbols of models with a router"),
    "plot": ("linksim_benchmarks.plot_command:main", "overlay stored sweeps in one picture"),
    "word-length": (
        "linksim_benchmarks.word_length_command:main",
        "what finite word lengths of LLRs and converters cost",
    ),
    "study": ("linksim_benchmarks.study.command:main", "training methods, tuned alike, over seeds and SNRs"),
    "compare": ("linksim_benchmarks.compare_command:main", "trainings side by side, averaged over seeds"),
    "speed": (
        "linksim_benchmarks.speed.command:main",
        "throughput of the uncoded chain beside Sionna and other simulators",
    ),
    "verify": ("linksim.verify_command:main", "certify the simulator on this machine"),
    "ber": ("linksim_benchmarks.ber_command:main", "bit error rate against SNR, beside the closed form"),
    "train-agent": (
        "linksim_benchmarks.agents.command:main",
        "train agents, compare policies in the environments",
    ),
    "env-speed": (
        "linksim_benchmarks.agents.env_speed_command:main",
        "steps per second of the environments",
    ),
    "gradients": (
        "linksim_benchmarks.gradients_command:main",
        "bias, variance and cost of the gradient estimators",
    ),
    "sweep-cost": (
        "linksim_benchmarks.sweep_cost_command:main",
        "time of a sweep's engine over a bare loop, and in several processes",
    ),
    "export": ("linksim_benchmarks.export.command:main", "deployment bundle that runs without PyTorch"),
    "run-bundle": ("linksim.deploy.command:main", "run a deployment bundle on images or received symbols"),
    "step-cost": ("linksim_benchmarks.step_cost_command:main", "time and memory of a training step"),
}

USAGE_ERROR = 2
LONGEST_REASON = 4000
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code.

    Args:
        arguments: the words after `linksim`; those of the process if None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that a terminal lacks must not turn a finished run into an error.
            stream.reconfigure(errors="replace")
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0 if words else USAGE_ERROR
    name, rest = words[0], words[1:]
    if name == "--version":
        from linksim import __version__

        print(f"linksim {__version__}")
        return 0
    if name not in COMMANDS:
        return _refuse("", f"unknown command {name!r}: give one of {', '.join(COMMANDS)}")
    module, function = COMMANDS[name][0].split(":")
    try:
        code = getattr(import_module(module), function)(rest)
    except (ValueError, TypeError, OSError) as error:
        if os.environ.get("LINKSIM_TRACEBACK"):
            raise
        return _refuse(name, str(error))
    except MemoryError as error:
        return _refuse(name, f"out of memory: {error or 'the link or the data are too large'}")
    except KeyboardInterrupt:
        print(f"linksim {name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0 if code is None else code


def _refuse(command: str, reason: str) -> int:
    line = checks.one_line(reason, LONGEST_REASON)
    print(f"{f'linksim {command}'.strip()}: {line}", file=sys.stderr)
    return USAGE_ERROR


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, (_, purpose) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: linksim COMMAND [OPTIONS]",
            "",
            "Train, audit and benchmark digital semantic communication over a bit-true link.",
            "",
            *lines,
            "",
            "linksim COMMAND --help explains a command. LINKSIM_TRACEBACK=1 shows where an error comes from.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
