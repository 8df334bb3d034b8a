"""Learned policies as files: plain tensors and a plain description, nothing that runs code when loaded."""

import io
import json
from pathlib import Path
from typing import Any

import torch

from linksim import checks, files
from linksim.archive import Limits, NotPlain, read_archive
from linksim_envs.policies.features import features_from
from linksim_envs.policies.learned import LearnedPolicy
from linksim_envs.policies.network import Network

FORMAT = "linksim agent 1"
LIMITS = Limits(file_bytes=2**28)
LONGEST_NAME = 80


def save_agent(path: str | Path, policy: LearnedPolicy) -> None:
    """Write a learned policy whole.

    Args:
        path: usually `….pt`.
        policy: its weights and its description are saved.

    Raises:
        TypeError, ValueError: if what it holds beside the weights is not plain.
    """
    spec = {
        "name": policy.name,
        "decision": policy.decision,
        "tokens": policy.tokens,
        "features": policy.features.spec(),
        "widths": policy.network.widths,
        "activation": policy.network.activation,
        "trained": policy.trained,
    }
    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in policy.network.state_dict().items()
    }
    content = {"format": FORMAT, "spec": json.dumps(spec, allow_nan=False), "weights": weights}
    buffer = io.BytesIO()  # because on a full disk torch.save says something else than that
    torch.save(content, buffer)
    with files.whole(path) as aside:
        aside.write_bytes(buffer.getbuffer())


def load_agent(path: str | Path) -> LearnedPolicy:
    """Read a learned policy, which needs nothing of the library that trained it.

    Loading runs no code from the file, and what it holds is checked against its own description.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: in one line, if it is no agent, is damaged, or does not fit its description.
    """
    content = _read(Path(path))
    try:
        spec = json.loads(content["spec"])
        features = features_from(spec["features"])
        network = Network(spec["widths"], spec["activation"])
        network.load_plain(content["weights"])
        name = str(spec["name"])
        if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(f"name must be 1 to {LONGEST_NAME} printable letters")
        decision, tokens, trained = spec["decision"], spec["tokens"], dict(spec["trained"].items())
        return LearnedPolicy(name, features, network, decision, tokens, trained)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit the agent it describes: {checks.one_line(error)}") from error


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no such agent: {path}")
    try:
        content = read_archive(path, LIMITS)
    except NotPlain as error:
        raise ValueError(
            f"{path} holds more than plain tensors and a description: not loaded: {checks.one_line(error)}"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{path} is not a linksim agent that can be read: {checks.one_line(error)}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a linksim agent; `linksim train-agent --agents …` writes them")
    if not isinstance(content.get("spec"), str) or not isinstance(content.get("weights"), dict):
        raise ValueError(f"{path} is not a linksim agent: description or weights are missing")
    return content
