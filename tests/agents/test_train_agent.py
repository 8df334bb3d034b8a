"""The command that compares policies, and the speed of the environments."""

import json

import numpy as np
import pytest
from scipy import stats

from linksim.cli import main
from linksim.metrics.means import student
from linksim_benchmarks.agents import evaluation
from linksim_benchmarks.agents.evaluation import Played, play, rows_of
from linksim_benchmarks.agents.link_adaptation import Setting
from linksim_envs import LinkAdaptationEnv
from linksim_envs.policies.link_adaptation import FixedMcs

WORDS = ["train-agent", "--no-coded", "--episodes", "3", "--policies", "fixed", "thresholds", "--quiet"]
GRID = ["--correlation", "0.9", "0.999", "--report-bias-db", "3"]


def rows_in(folder):
    return json.loads((folder / "train-agent.json").read_text())["rows"]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    out = tmp_path_factory.mktemp("played")
    assert main([*WORDS, *GRID, "--workers", "1", "--out", str(out)]) == 0
    return out


def test_rows(played):
    rows = rows_in(played)
    policies = [f"fixed {n}" for n in range(5)] + ["thresholds", "genie"]
    assert [row["policy"].split(" (")[0] for row in rows] == policies * 2
    assert [row["correlation"] for row in rows] == [0.9] * 7 + [0.999] * 7
    for row in rows:
        assert row["episodes"] == 3
        assert row["low"] <= row["mean_return"] <= row["high"]
        assert row["report_bias_db"] == 3
        assert row["reference"] == "genie"
    for one in ("csv", "png", "svg", "pdf"):
        assert (played / f"train-agent.{one}").stat().st_size > 300


def test_what_is_finished_is_not_played_again(played, tmp_path, monkeypatch, capsys):
    """And the number of workers changes nothing."""
    assert main([*WORDS, *GRID, "--workers", "2", "--out", str(tmp_path)]) == 0
    assert rows_in(tmp_path) == rows_in(played)
    monkeypatch.setattr("linksim_benchmarks.agents.link_adaptation.play", None)
    assert main([*WORDS, *GRID, "--workers", "1", "--out", str(tmp_path)]) == 0
    assert rows_in(tmp_path) == rows_in(played)
    assert main([*WORDS, *GRID, "--workers", "1", "--out", str(tmp_path), "--overwrite"]) == 2
    next((tmp_path / "settings").iterdir()).write_text("{}")
    capsys.readouterr()
    assert main([*WORDS, *GRID, "--workers", "1", "--out", str(tmp_path)]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_transmit(tmp_path):
    words = ["train-agent", "--env", "Transmit", "--snr-db", "0", "60", "--episodes", "2", "--quiet"]
    assert main([*words, "--workers", "1", "--out", str(tmp_path)]) == 0
    rows = {row["policy"]: row for row in rows_in(tmp_path) if row["snr_db"] == 0}
    assert rows["random"]["mean_return"] < rows["labels"]["mean_return"] < rows["best"]["mean_return"]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        (["--policies", "luck"], "--policies"),
        (["--env", "Transmit", "--policies", "genie"], "--policies"),
        (["--env", "Chess"], "--env"),
        (["--episodes", "1"], "--episodes"),
        (["--correlation", "1.5"], "correlation"),
        (["--report-bias-db", "high"], "--report-bias-db"),
        (["--seed", "-1"], "--seed"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_refusals(tmp_path, capsys, more, name):
    assert main(["train-agent", *more, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert not (tmp_path / "out").exists()


def test_played_as_alone(monkeypatch):
    """Side by side with other policies, an episode goes as it goes in a single environment."""
    shares = []
    setting = Setting(coded=False, correlation=0.9)
    monkeypatch.setattr(evaluation, "TOGETHER", 1)  # one after the other
    fast, slow = play(setting.env, [FixedMcs(3), FixedMcs(1)], [5, 8], 200, ("ack",), shares.append)
    assert shares[-1] == 1
    assert (np.diff(shares) > 0).all()
    env = LinkAdaptationEnv(coded=False, correlation=0.9)
    for episode, seed in enumerate([5, 8]):
        env.reset(seed=seed)
        rewards = [env.step(1)[1] for _ in range(200)]
        assert slow.returns[episode] == pytest.approx(sum(rewards))
    assert (fast.returns != slow.returns).all()


def test_rows_are_compared_in_pairs():
    generator = np.random.default_rng(0)
    base = generator.normal(size=40)
    played = [Played("a", base, {}), Played("b", base + 1 + 0.01 * generator.normal(size=40), {})]
    a, b = rows_of(played, "a", {"env": "x"})
    assert a["difference"] == a["difference_low"] == a["difference_high"] == 0
    assert 0.99 < b["difference_low"] < b["difference"] < b["difference_high"] < 1.01
    assert b["high"] - b["low"] > 0.4


def test_student():
    values = np.random.default_rng(1).normal(size=23)
    mean, low, high = student(values, 0.9)
    expected = stats.t.interval(0.9, 22, values.mean(), stats.sem(values))
    assert (mean, low, high) == pytest.approx((values.mean(), *expected))
    assert student([2.0]) == (2.0, -np.inf, np.inf)
    for wrong in ([], [[1.0]], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="values must be"):
            student(wrong)
    with pytest.raises(ValueError, match="level=1"):
        student([1.0, 2.0], 1)


def test_speed(tmp_path, capsys):
    path = tmp_path / "speed.json"
    words = ["env-speed", "--num-envs", "4", "--rounds", "2", "--json", str(path)]
    assert main([*words, "--cases", "transmit", "uncoded"]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [row["subject"] for row in rows] == ["vector of 4", "link alone", "SyncVectorEnv of 16"] * 2
    assert all(row["steps_per_s"] > 0 for row in rows)
    assert main(["env-speed", "--num-envs", "8", "--endurance", "400", "--json", str(path)]) == 0
    for row in json.loads(path.read_text())["rows"]:
        assert row["steps"] == 400
        assert row["not_finite"] == 0
        assert row["growth_mb"] < 100
    assert main(["env-speed", "--cases", "chess"]) == 2
    assert "--cases" in capsys.readouterr().err
