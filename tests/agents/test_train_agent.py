"""The command that compares policies, and the speed of the environments."""

import json

import numpy as np
import pytest
from scipy import stats

from linksim.cli import main
from linksim.metrics.means import student
from linksim_benchmarks.agents import evaluation, learning
from linksim_benchmarks.agents.evaluation import Played, play, rows_of
from linksim_benchmarks.agents.link_adaptation import LinkAdaptation
from linksim_benchmarks.agents.pairs import pairs_of, parts_of
from linksim_envs import LinkAdaptationEnv
from linksim_envs.link_adaptation_settings import LinkAdaptationSettings
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
    monkeypatch.setattr("linksim_benchmarks.agents.work.play", None)
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
        (["--agents", "sarsa"], "--agents"),
        (["--env", "Transmit", "--agents", "ppo"], "--agents in Transmit"),
        (["--agents", "ppo", "--steps", "0"], "--steps"),
        (["--agents", "ppo", "--steps", "1.5"], "--steps"),
        (["--train-seed", "-1"], "--train-seed"),
        (["--evaluation-seeds", "0"], "--evaluation-seeds"),
        (["--env", "Labelling", "--codebooks", "0.5"], "--codebooks"),
        (["--load", "none.pt"], "no such agent"),
        (["--load", "none.pt", "none.pt"], "--load"),
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
    scenario = LinkAdaptation(LinkAdaptationSettings(coded=False, correlation=0.9))
    monkeypatch.setattr(evaluation, "TOGETHER", 1)  # one after the other
    fast, slow = play(scenario.exact_env, [FixedMcs(3), FixedMcs(1)], [5, 8], 200, ("ack",), shares.append)
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


def test_pairs():
    """Agents against all others, under all seeds and under each, with a verdict by the interval."""
    noise = np.random.default_rng(0).normal(size=12)
    zero = Played("zero", np.zeros(12), {})
    ahead, open_, behind = (
        Played(name, shift + noise, {}) for name, shift in (("up", 5.0), ("even", 0.0), ("down", -5.0))
    )
    parts = parts_of([3, 4, 5], 4)
    rows = pairs_of([zero, ahead, open_, behind], ["up", "even", "down"], parts, {"env": "x"})
    assert [row["evaluation_seed"] for row in rows] == ["all", 3, 4, 5] * 3
    assert [row["verdict"] for row in rows if row["evaluation_seed"] == "all"] == ["ahead", "open", "behind"]
    for row, part in zip(rows, list(parts.values()) * 3, strict=True):
        own = {"up": ahead, "even": open_, "down": behind}[row["agent"]].returns[part]
        assert (row["difference"], row["low"], row["high"]) == student(own)
        assert row["episodes"] == len(own)
    assert list(parts_of([3], 4)) == ["all"]


SHORT = [
    "train-agent",
    "--no-coded",
    "--steps",
    "2e4",
    "--episodes",
    "3",
    "--policies",
    "thresholds",
    "--quiet",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    patch = pytest.MonkeyPatch()
    patch.setattr(learning, "CURVE_EPISODES", 4)
    words = [*SHORT, "--agents", "ppo", "--evaluation-seeds", "2", "--workers", "1", "--out", str(out)]
    assert main(words) == 0
    patch.undo()
    return out


def test_agents_are_trained_compared_and_kept(trained):
    content = json.loads((trained / "train-agent.json").read_text())
    rows, pairs, curves = (content[part] for part in ("rows", "pairs", "curves"))
    assert [row["policy"] for row in rows] == ["thresholds", "genie", "ppo"] * 3
    assert [row["evaluation_seed"] for row in rows] == ["all"] * 3 + [0] * 3 + [1] * 3
    assert [row["episodes"] for row in rows] == [6] * 3 + [3] * 6
    assert {(row["agent"], row["policy"]) for row in pairs} == {("ppo", "thresholds"), ("ppo", "genie")}
    assert (curves[0]["steps"], curves[-1]["steps"]) == (0, 20_000)
    pooled = {row["policy"]: row for row in rows if row["evaluation_seed"] == "all"}
    for row in (row for row in pairs if row["evaluation_seed"] == "all"):
        means = pooled["ppo"]["mean_return"] - pooled[row["policy"]]["mean_return"]
        assert row["difference"] == pytest.approx(means)
    for name in ("agents/ppo-uncoded-rho0.99-bias+0.pt", "train-agent-curves.png", "train-agent-pairs.csv"):
        assert (trained / name).stat().st_size > 300


def test_loaded_agents_play_as_trained_ones(trained, tmp_path, capsys):
    """On the same episodes, without training; what is for another environment is refused."""
    agent = str(trained / "agents" / "ppo-uncoded-rho0.99-bias+0.pt")
    common = [*SHORT, "--load", agent, "--workers", "1"]
    assert main([*common, "--evaluation-seeds", "2", "--out", str(tmp_path)]) == 0
    there = {row["policy"]: row for row in rows_in(trained) if row["evaluation_seed"] == "all"}
    here = {row["policy"]: row for row in rows_in(tmp_path) if row["evaluation_seed"] == "all"}
    assert here["ppo-uncoded-rho0.99-bias+0"]["mean_return"] == there["ppo"]["mean_return"]
    assert not (tmp_path / "agents").exists()
    load = ["train-agent", "--load", agent, "--episodes", "3"]
    for words, message in (
        (["--env", "Transmit"], "is an agent for LinkAdaptation, not for --env Transmit"),
        (["--correlation", "0.9"], "it has 5 actions instead of 10"),
    ):
        assert main([*load, *words, "--out", str(tmp_path / "none")]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert message in said
    assert not (tmp_path / "none").exists()


def test_training_without_stable_baselines3(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("linksim_benchmarks.agents.command.find_spec", lambda name: None)
    assert main([*SHORT, "--agents", "ppo", "--out", str(tmp_path / "none")]) == 2
    assert "pip install 'linksim[rl]'" in capsys.readouterr().err


def test_labelling(tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "CURVE_EPISODES", 4)
    words = ["train-agent", "--env", "Labelling", "--codebooks", "3", "--episodes", "2", "--quiet"]
    words += ["--agents", "policy-gradient", "--steps", "2e4", "--workers", "1"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    rows = {row["policy"]: row for row in rows_in(tmp_path)}
    assert list(rows) == ["labels", "best labelling", "best map", "policy-gradient"]
    assert rows["best labelling"]["over_best_labelling"] == pytest.approx(1)
    assert rows["best map"]["over_best_labelling"] <= 1
    assert rows["policy-gradient"]["over_best_labelling"] >= rows["best map"]["over_best_labelling"]
