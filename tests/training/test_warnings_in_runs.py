"""Warnings, early stopping and the good end in real, short runs."""

import json

import pytest
import torch

from linksim import LinkConfig
from linksim.cli import main
from linksim_training import TrainConfig, build_model, fit
from linksim_training.report import epoch_lines

WORDS = [
    *("train", "--dataset", "digits", "--batch-size", "64", "--tokens", "4", "--codebook-size", "16"),
    *("--embedding-dim", "8", "--snr-db", "15", "--device", "cpu", "--skip-noiseless"),
]
SOON = [
    "--early-stop",
    "--early-stop-consistency",
    "1e9",
    "--early-stop-accuracy",
    "0",
    "--early-stop-gap",
    "1",
]
MESSAGE = "✓ Hard-soft alignment achieved!"


@pytest.fixture
def command(tmp_path, capsys):
    """Runs `linksim train` on a few digits; returns its output and the folder."""

    def run(*words):
        folder = tmp_path / "run"
        assert main([*WORDS, "--run-dir", str(folder), *words]) in (0, None)
        return capsys.readouterr().out, folder

    return run


def rows_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module", autouse=True)
def few_digits():
    """The command trains on 256 images only."""
    from linksim_training import command as module

    with pytest.MonkeyPatch.context() as patch:
        load = module.load_data

        def fewer(*words):
            data = load(*words)
            for name, count in (("train", 256), ("validation", 100), ("test", 100)):
                object.__setattr__(data, f"x_{name}", getattr(data, f"x_{name}")[:count])
                object.__setattr__(data, f"y_{name}", getattr(data, f"y_{name}")[:count])
            return data

        patch.setattr(module, "load_data", fewer)
        yield


def test_early_stopping_says_so_and_stops_in_the_first_epoch_that_qualifies(command):
    phases = ("--epochs", "5", "--alignment-start-epoch", "3", "--temp-freeze-floor", "0.6")
    text, folder = command(*phases, *SOON)
    rows = rows_of(folder)
    assert [row["epoch"] for row in rows] == [1, 2, 3], "phase 1 never stops"
    assert [row["stopped_early"] for row in rows] == [False, False, True]
    assert text.count(MESSAGE) == 1
    jump = text.index("symbol_temp jumps from 0.970 to its floor 0.600")
    assert text.index("[Epoch 2]") < jump < text.index("[Epoch 3]") < text.index(MESSAGE)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["epochs"] == 3


@pytest.mark.parametrize(
    "words",
    [
        [],
        [*SOON, "--early-stop-consistency", "0"],
        [*SOON, "--early-stop-accuracy", "1"],
        [*SOON, "--early-stop-gap", "0"],
        [*SOON, "--alignment-start-epoch", "9"],
    ],
)
def test_without_one_of_its_conditions_training_goes_on(command, words):
    text, folder = command("--epochs", "2", "--alignment-start-epoch", "1", *words)
    assert len(rows_of(folder)) == 2
    assert MESSAGE not in text


def test_a_ramp_is_not_stopped_before_it_is_hard(command):
    start = ("--epochs", "3", "--alignment-start-epoch", "1", "--hardening", "ramp")
    _, folder = command(*start, *SOON)
    assert [row["hard_share"] for row in rows_of(folder)] == [0.0, 0.5, 1.0]


def collapsed(codebook):
    """All codewords but one out of reach: whatever is sent, it is the first."""
    codebook[1:] += 50.0


def test_a_collapse_is_warned_of_once_and_named_in_every_row(train, make_model):
    """No bonus on the marginal entropy, and a codebook far away from the latents."""
    model = make_model()
    with torch.no_grad():
        collapsed(model.link.codebook)
    settings = {"lambda_marginal": 0.0, "random_codebook": True, "epochs": 4, "alignment_start_epoch": 3}
    _, history = train(model=model, **settings)
    for row in history.rows:
        assert "entropy-collapse" in row["warnings"]
        assert "symbol-entropy-collapse" in row["warnings"]
        assert ("phase-1-entropy-collapse" in row["warnings"]) is (row["phase"] == "LEARNING")
        assert row["val"]["marginal_entropy"] < 0.5
    names = [[one["name"] for one in row["findings"]] for row in history.rows]
    for name in ("entropy-collapse", "symbol-entropy-collapse", "phase-1-entropy-collapse"):
        assert [name in shown for shown in names] == [True, False, False, False]
    text = "\n".join(epoch_lines(row) for row in history.rows)
    assert text.count("🚨 Entropy collapse: marginal VQ entropy") == 1
    assert {finding.name for finding in history.findings} >= {"entropy-collapse", "phase-1-entropy-collapse"}


def test_warnings_of_the_command_are_printed_and_in_the_summary(command):
    """With a threshold that no codebook reaches."""
    thresholds = ("--vq-entropy-share", "1", "--train-gap-warning", "1")
    text, folder = command("--epochs", "2", "--alignment-start-epoch", "2", *thresholds)
    found = json.loads((folder / "summary.json").read_text())["findings"]
    names = [one["name"] for one in found]
    assert names.count("entropy-collapse") == 1
    assert found[0] == rows_of(folder)[0]["findings"][0]
    assert all(set(one) == {"name", "epoch", "message", "remedy", "good"} for one in found)
    assert text.count("🚨 Entropy collapse: ") == 1
    assert all("entropy-collapse" in row["warnings"] for row in rows_of(folder))


@pytest.fixture(scope="module")
def healthy(digits):
    """Six epochs of 1000 digits, phase 2 from the third, over a small link."""
    model = build_model(
        digits.image_shape, digits.classes, LinkConfig(tokens=8, codebook_size=16, embedding_dim=8)
    )
    # So few epochs leave the soft path some 5 points below the hard one.
    config = TrainConfig(epochs=6, alignment_start_epoch=3, lr=3e-3, gap_warning=0.2, device="cpu")
    train = list(zip(digits.x_train[:1000].split(32), digits.y_train[:1000].split(32), strict=True))
    return fit(model, train, [(digits.x_validation, digits.y_validation)], config, snr_db=12.0)


def test_a_healthy_run_warns_of_nothing(healthy):
    assert [row["warnings"] for row in healthy.rows] == [[]] * 6
    assert healthy.rows[-1]["val"]["hard_accuracy"] > 0.8


def test_a_healthy_run_ends_with_good_news(healthy):
    (news,) = healthy.findings
    assert (news.name, news.epoch, news.good) == ("no-collapse", 6, True)
    assert epoch_lines(healthy.rows[-1]).endswith("Both checkpoints can be used")


def test_gradients_that_do_not_come_through_are_named(train, make_model):
    """The link at a temperature of a hundred-thousandth, and no other term of the loss at the latents."""
    silent = {f"lambda_{name}": 0.0 for name in ("vec", "vq", "entropy", "marginal")}
    cold = {"vq_temp_start": 1e-5, "symbol_temp_start": 1e-5, "temp_freeze_floor": 1e-5}
    _, history = train(epochs=1, **silent, **cold)
    assert "vanishing-gradients" in history.rows[0]["warnings"]
    _, warm = train(epochs=1, **silent)
    assert "vanishing-gradients" not in warm.rows[0]["warnings"]
