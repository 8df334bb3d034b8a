"""Learned policies in files: the same actions again, and nothing else is loaded."""

import json
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from linksim_envs import LinkAdaptationVectorEnv, TransmitVectorEnv
from linksim_envs.policies.agent_files import FORMAT, load_agent, save_agent
from linksim_envs.policies.features import FlatFeatures, features_from
from linksim_envs.policies.learned import LearnedPolicy
from linksim_envs.policies.network import Network
from linksim_envs.policies.slot_features import SlotFeatures


def network_of(*widths):
    """Random weights."""
    network = Network(widths, "tanh")
    generator = torch.Generator().manual_seed(sum(widths))
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator))
    return network


def adapting():
    features = SlotFeatures(5, reports=4, blocks=2, averages=(2, 8))
    return LearnedPolicy("adapting", features, network_of(features.size, 12, 5), "number", 1, {"seed": 3})


def sending():
    features = FlatFeatures(["codewords", "snr_db"], [4, 1], [0.0, 5.0], [1.0, 10.0])
    return LearnedPolicy("sending", features, network_of(5, 16), "patterns")


def acted(policy, env, steps=12):
    observations, infos = env.reset(seed=1)
    policy.begin(env.num_envs)
    actions = []
    for _ in range(steps):
        actions.append(policy.act(observations, infos))
        observations, _, _, _, infos = env.step(actions[-1])
    return np.array(actions)


@pytest.mark.parametrize(
    ("policy", "env"),
    [
        (adapting(), LinkAdaptationVectorEnv(6, coded=False)),
        (sending(), TransmitVectorEnv(6)),
    ],
)
def test_round_trip(tmp_path, policy, env):
    """The same actions, the same description, and nothing drawn from a global generator."""
    state = torch.get_rng_state()
    save_agent(tmp_path / "agents" / "one.pt", policy)
    loaded = load_agent(tmp_path / "agents" / "one.pt")
    actions = acted(loaded, env)
    np.testing.assert_array_equal(actions, acted(policy, env))
    assert len(np.unique(actions)) > 1
    assert loaded.name == policy.name
    assert loaded.trained == policy.trained
    assert loaded.features.spec() == policy.features.spec()
    assert torch.equal(state, torch.get_rng_state())


def test_needs_no_stable_baselines3(tmp_path):
    save_agent(tmp_path / "one.pt", adapting())
    program = f"""
import sys
from linksim_envs.policies.agent_files import load_agent
import linksim_benchmarks.agents.command
load_agent({str(tmp_path / "one.pt")!r}).begin(1)
assert not [name for name in sys.modules if name.startswith("stable_baselines3")]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def content_of(path):
    return torch.load(path, weights_only=True)


def changed_spec(path, **changes):
    content = content_of(path)
    spec = {**json.loads(content["spec"]), **changes}
    torch.save({**content, "spec": json.dumps(spec)}, path)


def changed_weights(path, change):
    content = content_of(path)
    torch.save({**content, "weights": change(dict(content["weights"]))}, path)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


def flipped(path):
    content = bytearray(path.read_bytes())
    place = content.find(b"layers.0") if path.stat().st_size < 2000 else len(content) // 2
    content[place] ^= 255
    path.write_bytes(bytes(content))


def pickled(path):
    class Runs:
        def __reduce__(self):
            return print, ("this ran",)

    torch.save({"format": FORMAT, "spec": "{}", "weights": Runs()}, path)


DAMAGES = {
    "empty": (lambda path: path.write_bytes(b""), "is not a linksim agent .* or is truncated"),
    "text": (lambda path: path.write_text("agent"), "is not a linksim agent .* or is truncated"),
    "truncated": (truncated, "truncated"),
    "a bit flipped": (flipped, "damaged|truncated"),
    "plain pickle": (
        lambda path: path.write_bytes(pickle.dumps({"format": FORMAT})),
        "is not a linksim agent",
    ),
    "code": (pickled, "more than plain tensors"),
    "another format": (
        lambda path: torch.save({"format": "checkpoint"}, path),
        "not a linksim agent",
    ),
    "a tensor": (lambda path: torch.save(torch.zeros(3), path), "not a linksim agent"),
    "no weights": (lambda path: torch.save({"format": FORMAT, "spec": "{}"}, path), "are missing"),
    "no description": (lambda path: changed_spec(path, features={}), "does not fit"),
    "unknown features": (lambda path: changed_spec(path, features={"kind": "magic"}), "kind of features"),
    "vast features": (
        lambda path: changed_spec(path, features={"kind": "slots", "schemes": 10**9}),
        "schemes must be from",
    ),
    "vast widths": (lambda path: changed_spec(path, widths=[19, 10**7, 5]), "widths must be from"),
    "other widths": (lambda path: changed_spec(path, widths=[19, 13, 5]), "must have shape"),
    "widths as text": (lambda path: changed_spec(path, widths="many"), "widths must be a whole number"),
    "unknown activation": (lambda path: changed_spec(path, activation="sine"), "activation must be one of"),
    "unknown decision": (lambda path: changed_spec(path, decision="luck"), "decision must be one of"),
    "tokens": (lambda path: changed_spec(path, tokens=2), "do not fit 2 tokens"),
    "a name of lines": (lambda path: changed_spec(path, name="a\nb"), "printable"),
    "NaN": (
        lambda path: changed_weights(path, lambda own: {**own, "layers.0.bias": own["layers.0.bias"] / 0}),
        "NaN or infinite",
    ),
    "double precision": (
        lambda path: changed_weights(path, lambda own: {name: one.double() for name, one in own.items()}),
        "dense float32",
    ),
    "a weight less": (
        lambda path: changed_weights(path, lambda own: dict(list(own.items())[1:])),
        "weights must be named",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_refused_in_one_line(tmp_path, damage, capsys):
    path = tmp_path / "one.pt"
    save_agent(path, adapting())
    change, message = DAMAGES[damage]
    change(path)
    with pytest.raises(ValueError, match=message) as refused:
        load_agent(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "this ran" not in capsys.readouterr().out


def test_what_would_grow_is_refused(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one/data.pkl", bytes(2**28 + 1))
    with pytest.raises(ValueError, match="compressed"):
        load_agent(path)
    with pytest.raises(FileNotFoundError, match="no such agent"):
        load_agent(tmp_path / "none.pt")


def test_what_is_not_plain_is_not_saved(tmp_path):
    policy = adapting()
    policy.trained["model"] = object()
    with pytest.raises(TypeError):
        save_agent(tmp_path / "one.pt", policy)
    policy.trained = {"score": float("nan")}
    with pytest.raises(ValueError, match="JSON"):
        save_agent(tmp_path / "one.pt", policy)
    assert not list(tmp_path.iterdir())


def test_parts_must_fit():
    features = FlatFeatures(["a"], [3], [0.0], [1.0])
    with pytest.raises(ValueError, match="takes 4 features, but there are 3"):
        LearnedPolicy("x", features, network_of(4, 2), "number")
    with pytest.raises(ValueError, match="power of two"):
        LearnedPolicy("x", features, network_of(3, 6), "patterns", 2)
    with pytest.raises(ValueError, match="lists of one length"):
        FlatFeatures(["a"], [3], [0.0, 1.0], [1.0])
    with pytest.raises(ValueError, match="made for 3 numbers in 'a', got 2"):
        features.see({"a": np.zeros((5, 2))})
    with pytest.raises(ValueError, match="kind of features"):
        features_from({"kind": "none"})
