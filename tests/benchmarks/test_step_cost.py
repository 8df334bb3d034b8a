"""Time and memory of a training step: the measuring, not the machine."""

import json
import os
import shutil

import numpy as np
import pytest
import torch

from linksim.cli import main
from linksim_benchmarks import link_cost, step_cost, step_cost_command
from linksim_benchmarks.step_cost import (
    WARM_UP,
    StepSizes,
    bare_step,
    interleaved,
    memory_rows,
    peak_mib,
    ratio_of_medians,
    relative_costs,
    step_settings,
    time_rows,
    training_step,
)
from linksim_training.isolation import isolated

SMALL = StepSizes(batch_size=4, tokens=3, codebook_size=8, bits_per_symbol=2)


def test_steps_take_turns():
    order = []
    seconds = interleaved({name: lambda name=name: order.append(name) for name in "abc"}, 4)
    rounds = ["".join(order[i : i + 3]) for i in range(0, len(order), 3)]
    assert len(rounds) == WARM_UP + 4
    assert set(rounds) == {"abc", "bca", "cab"}
    assert {name: len(own) for name, own in seconds.items()} == {"a": 4, "b": 4, "c": 4}


def test_ratio_of_medians():
    generator = np.random.default_rng(0)
    machine = 1 + generator.random(200)  # slow rounds are slow for both
    noise = 1 + 0.01 * generator.standard_normal(200)
    ratio, low, high = ratio_of_medians(2 * machine * noise, machine, 0)
    assert low < 2 < high
    assert low <= ratio <= high
    assert high - low < 0.1
    assert ratio_of_medians(machine, machine, 0) == (1, 1, 1)


@pytest.mark.parametrize("phase", [1, 2])
def test_a_step_is_one_of_the_trainer(monkeypatch, phase):
    """Weights of encoder, codebook and head move, once per call, in the phase that was asked for."""
    made, calls = [], []
    build = step_cost.build_model
    monkeypatch.setattr(step_cost, "build_model", lambda *words: made.append(build(*words)) or made[-1])
    before = torch.random.get_rng_state()
    with isolated(0):
        step = training_step(SMALL, step_settings(), phase)
        model = made[0]
        forward = model.forward
        monkeypatch.setattr(model, "forward", lambda *a, **k: calls.append(k["path"]) or forward(*a, **k))
        start = [parameter.detach().clone() for parameter in model.parameters()]
        step()
        step()
    assert calls == [{1: "soft", 2: "hard"}[phase]] * 2
    assert all(not torch.equal(one, other) for one, other in zip(start, model.parameters(), strict=True))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_step_without_a_link_trains(monkeypatch):
    made = []
    build = step_cost.build_model
    monkeypatch.setattr(step_cost, "build_model", lambda *words: made.append(build(*words)) or made[-1])
    with isolated(0):
        step = bare_step(SMALL, step_settings())
        start = {name: p.detach().clone() for name, p in made[0].named_parameters()}
        step()
    moved = {name for name, p in made[0].named_parameters() if not torch.equal(start[name], p)}
    assert moved == {name for name in start if not name.endswith("codebook")}


def test_time_rows():
    rows = time_rows(SMALL, step_settings(), 3, 0)
    assert [row["step"] for row in rows] == ["no link", "phase 1", "phase 2"]
    assert rows[0]["ratio"] == rows[0]["low"] == rows[0]["high"] == 1
    for row in rows:
        assert row["low"] <= row["ratio"] <= row["high"]
        assert row["milliseconds"] > 0
        assert row["batch_size"] == 4


def test_relative_costs():
    costs = relative_costs({"one": {"gradient": "surrogate"}, "two": {"gradient": "gumbel"}}, "one", 2, 0)
    assert costs["one"] == (1, 1, 1)
    assert costs["two"][1] <= costs["two"][0] <= costs["two"][2]


def test_peak_memory_is_that_of_this_process():
    before = peak_mib()
    held = torch.ones(2**24)  # 64 MiB
    assert peak_mib() >= before
    assert peak_mib() > held.nbytes / 2**20
    assert before < 64_000


def test_memory_rows_are_of_fresh_processes(monkeypatch):
    """What this process holds does not count there."""
    ballast = torch.ones(3 * 2**26)  # 768 MiB
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (row,) = memory_rows(SMALL, {"gradient": "reinmax"}, 0, phases=(2,))
    assert row["step"] == "phase 2"
    assert row["codebook_size"] == 8
    assert row["peak_mib"] - row["before_mib"] == pytest.approx(row["step_mib"])
    assert 0 < row["step_mib"] < row["peak_mib"] < ballast.nbytes / 2**20


def test_memory_of_a_process_that_fails(monkeypatch):
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    with pytest.raises(ValueError, match="could not be measured: exit code 1"):
        memory_rows(SMALL, {}, 0)


def test_the_command(tmp_path, capsys):
    path = tmp_path / "cost.json"
    words = ("--steps", "2", "--batch-size", "4", "--json", str(path), "--seed", "3")
    assert main(["step-cost", *words]) == 0
    output = capsys.readouterr().out
    assert "phase 2" in output
    assert f"Written: {path}" in output
    content = json.loads(path.read_text())
    assert [row["step"] for row in content["rows"]] == ["no link", "phase 1", "phase 2"]
    assert content["memory"] == []
    assert content["provenance"]["seed"] == 3


def test_the_command_with_memory(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("linksim_benchmarks.step_cost_command.memory_rows", fake_memory)
    path = tmp_path / "cost.json"
    words = ("--steps", "2", "--batch-size", "4", "--memory", "--frames", "8", "--codebook-size", "32")
    assert main(["step-cost", *words, "--json", str(path)]) == 0
    assert "8 images, 64 tokens, 32 codewords, 6 bits per symbol" in capsys.readouterr().out
    assert [row["peak_mib"] for row in json.loads(path.read_text())["memory"]] == [900.0, 900.0]


def fake_memory(sizes, settings, seed, advance):
    assert settings == {"gradient": "mixed"}
    row = {"before_mib": 400.0, "peak_mib": 900.0, "step_mib": 500.0}
    return [{"step": f"phase {phase}", **row} for phase in (1, 2)]


def test_quiet(capsys):
    assert main(["step-cost", "--steps", "2", "--batch-size", "2", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--steps", "1"), "--steps"),
        (("--batch-size", "0"), "batch_size"),
        (("--codebook-size", "1"), "codebook_size"),
        (("--bits-per-symbol", "3"), "bits_per_symbol"),
        (("--gradient", "best"), "gradient"),
        (("--json", os.curdir), "folder"),
    ],
)
def test_refusals(capsys, words, reason):
    assert main(["step-cost", *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert reason in error


def test_growth(tmp_path, monkeypatch):
    """Each size with each backend, everything else as in the default training."""
    monkeypatch.setattr(link_cost, "VARIED", {"tokens": (2, 3), "bits_per_symbol": (2, 6)})
    monkeypatch.setattr(step_cost_command, "VARIED", link_cost.VARIED)
    monkeypatch.setattr(link_cost, "BASE", {**link_cost.BASE, "frames": 4})
    target = tmp_path / "cost.json"
    step_cost_command.main(["--steps", "2", "--batch-size", "4", "--growth", "--json", str(target)])
    rows = json.loads(target.read_text())["growth"]
    assert [(row["varied"], row["value"], row["backend"]) for row in rows] == [
        (name, value, backend)
        for name, values in link_cost.VARIED.items()
        for value in values
        for backend in ("sionna", "fused")
    ]
    assert all(row["hard_ms"] > 0 and row["soft_ms"] > 0 for row in rows)
