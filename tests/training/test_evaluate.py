"""Evaluation of both paths, the log lines, and the summary of a run."""

import re

import numpy as np
import pytest
import torch

from linksim_training import TrainConfig
from linksim_training.evaluate import Evaluation, evaluate
from linksim_training.loop import History
from linksim_training.noiseless import Noiseless
from linksim_training.report import epoch_lines, jump_warning
from linksim_training.summary import paired, summarise

SNR_DB = 5.0
FIGURES = {
    "vq_nmse",
    "bit_disagreement",
    "symbol_nmse",
    "received_nmse",
    "llr_nmse",
    "llr_sign_disagreement",
    "index_disagreement",
    "embedding_nmse",
}


@pytest.fixture
def model(make_model, short_run):
    """A copy of the trained model, for tests that change its temperatures."""
    return copy_of(short_run[0], make_model)


def copy_of(trained, make_model, **changes):
    """The trained weights in a model whose link differs in the given settings."""
    model = make_model(**{**trained.link.config.as_dict(), **changes})
    model.load_state_dict(trained.state_dict())
    return model.eval()


def run(model, batches, phase="ALIGNMENT", seed=5):
    generator = torch.Generator().manual_seed(seed)
    return evaluate(model, batches, SNR_DB, generator, TrainConfig(), phase)


def traces(model, batches, seed=5):
    """Both paths of every batch, on the draws that `run` makes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for images, _ in batches:
            draw = model.link.draw(len(images), SNR_DB, generator)
            yield model(images, draw, path="soft"), model(images, draw, path="hard")


def test_mismatch_of_one_batch_is_that_of_the_traces(model, digits):
    batch = [(digits.x_test[:50], digits.y_test[:50])]
    found = run(model, batch).mismatch
    ((soft, hard),) = traces(model, batch)
    assert found.keys() == FIGURES | {"feature_nmse"}
    for name, figure in soft.trace.compare(hard.trace).items():
        assert found[name] == pytest.approx(figure, rel=1e-12)
    s, h = soft.features.double().numpy(), hard.features.double().numpy()
    assert found["feature_nmse"] == pytest.approx(((s - h) ** 2).sum() / (h**2).sum(), rel=1e-6)


def test_mismatch_of_batches_divides_sums(model, digits):
    """Errors of all frames over the energy of all frames, whatever the batches are."""
    batches = list(zip(digits.x_test[:70].split(30), digits.y_test[:70].split(30), strict=True))
    error, scale = 0.0, 0.0
    for soft, hard in traces(model, batches):
        error += (soft.trace.symbols - hard.trace.symbols).abs().double().square().sum().item()
        scale += hard.trace.symbols.abs().double().square().sum().item()
    assert run(model, batches).mismatch["symbol_nmse"] == pytest.approx(error / scale, rel=1e-6)


def test_accuracies_and_gap(model, digits):
    batches = list(zip(digits.x_test[:90].split(40), digits.y_test[:90].split(40), strict=True))
    found = run(model, batches)
    for number, path in enumerate(("soft", "hard")):
        predicted = torch.cat([pair[number].logits.argmax(-1) for pair in traces(model, batches)])
        assert torch.equal(found.correct[path], predicted == digits.y_test[:90])
    assert found.gap == pytest.approx(found.accuracy("soft") - found.accuracy("hard"))
    assert torch.equal(found.correct["hard"], found.correct["mean"])


def test_receivers(make_model, short_run, few):
    """With the decision "map" the configured receiver is the MAP one; the other two stay as they were."""
    mean = run(copy_of(short_run[0], make_model), few[1])
    most_probable = run(copy_of(short_run[0], make_model, decision="map"), few[1])
    assert torch.equal(mean.correct["mean"], mean.correct["hard"])
    assert torch.equal(most_probable.correct["map"], most_probable.correct["hard"])
    for receiver in ("mean", "map"):
        assert torch.equal(mean.correct[receiver], most_probable.correct[receiver])
    assert not torch.equal(mean.correct["mean"], mean.correct["map"])


def test_both_paths_agree_at_tiny_temperatures(model, few):
    model.link.vq_temp = model.link.symbol_temp = 1e-6
    found = run(model, few[1])
    assert found.gap == 0
    assert torch.equal(found.correct["soft"], found.correct["hard"])
    assert all(figure < 1e-6 for figure in found.mismatch.values())


def test_the_phase_decides_whose_loss_is_reported(model, few):
    learning, alignment = run(model, few[1], "LEARNING"), run(model, few[1], "ALIGNMENT")
    assert learning.mismatch == alignment.mismatch
    assert learning.figures["accuracy"] == pytest.approx(learning.accuracy("soft"))
    assert alignment.figures["accuracy"] == pytest.approx(alignment.accuracy("hard"))
    assert "consistency" not in learning.figures
    assert alignment.figures["consistency"] > 0
    for name in ("vq_entropy", "symbol_entropy", "marginal_entropy", "soft_power"):
        assert learning.figures[name] == pytest.approx(alignment.figures[name])


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_leaves_the_model_as_it_was(model, few, training):
    model.train(training)
    before = torch.get_rng_state()
    first = run(model, few[1])
    assert model.training is training
    assert torch.equal(torch.get_rng_state(), before)
    assert first.figures == run(model.eval(), few[1]).figures
    assert all(p.grad is None for p in model.parameters())


NUMBER = r"-?\d+\.\d+"
HEAD = r"\[Epoch {epoch}\] Phase={phase} \| vq_T={vq:.3f} sym_T={sym:.3f} \| hard_fwd={hard}"
PAIR = rf"{NUMBER}/{NUMBER}"


@pytest.mark.parametrize("epoch", [1, 3, 5, 6])
def test_log_lines_have_the_shape_of_the_note(short_run, epoch):
    row = short_run[1].rows[epoch - 1]
    lines = epoch_lines(row).splitlines()
    head = HEAD.format(
        epoch=epoch, phase=row["phase"], vq=row["vq_temp"], sym=row["symbol_temp"], hard=epoch >= 5
    )
    assert re.fullmatch(head, lines[0])
    assert re.match(rf"  Train: loss={NUMBER} cls={NUMBER} .*acc={NUMBER}$", lines[1])
    assert re.match(rf"  Val: +loss={NUMBER} cls={NUMBER} .*acc={NUMBER}", lines[2])
    rate = r"  Rate: +bits=48\.0 syms=12\.0 \| "
    assert re.match(rf"{rate}VQ_ent: {PAIR} Sym_ent: {PAIR} Mean_LLR: {PAIR}", lines[3])
    for line in lines[1:3]:
        assert ("consistency=" in line) is (epoch >= 5)


def test_log_lines_show_the_figures_of_the_row(short_run):
    row = short_run[1].rows[-1]
    text = epoch_lines(row)
    assert f"loss={row['train']['loss']:.4f}" in text
    assert f"soft_acc={row['val']['soft_accuracy']:.4f} hard_acc={row['val']['hard_accuracy']:.4f}" in text
    assert f"VQ_ent: {row['train']['vq_entropy']:.3f}/{row['val']['vq_entropy']:.3f}" in text


def test_a_jump_to_the_floor_is_announced():
    line = jump_warning(0.673, 0.6, "vq_temp")
    assert "vq_temp" in line
    assert "0.673" in line
    assert "0.6" in line
    assert jump_warning(0.7, 0.7, "vq_temp") is None


def flags(count, total, seed):
    order = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
    return order < count


@pytest.fixture
def summary(short_run):
    correct = {
        "hard": flags(150, 200, 1),
        "mean": flags(150, 200, 1),
        "map": flags(140, 200, 2),
        "soft": flags(170, 200, 3),
    }
    rates = [torch.full((200,), size, dtype=torch.float64) for size in (96.0, 24.0)]
    test = Evaluation(correct, {}, {"vq_nmse": 0.1}, *rates)
    noiseless = Noiseless(flags(190, 200, 4), lr=0.01, epoch=3, validation_accuracy=0.9)
    return summarise(short_run[0], test, short_run[1], 5.0, noiseless)


def test_summary_accuracies(summary):
    expected = {"hard": 0.75, "hard_mean": 0.75, "hard_map": 0.7, "soft": 0.85, "noiseless": 0.95}
    for name, accuracy in expected.items():
        figure = summary[name]
        assert figure["accuracy"] == accuracy
        assert 0 < figure["low"] < accuracy < figure["high"] < 1
        # Half-width of a 95 % interval is 1.96 standard errors, a little more where it is exact.
        half_width = 1.96 * np.sqrt(accuracy * (1 - accuracy) / 200)
        assert half_width < (figure["high"] - figure["low"]) / 2 < 1.3 * half_width
    assert summary["samples"] == 200
    assert summary["snr_db"] == 5.0
    assert summary["epochs"] == 6


def test_summary_differences_are_paired(summary):
    for name, first in (("gap", "soft"), ("noiseless_gap", "noiseless")):
        figure = summary[name]
        expected = summary[first]["accuracy"] - summary["hard"]["accuracy"]
        assert figure["value"] == pytest.approx(expected)
        assert figure["low"] < figure["value"] < figure["high"]


def test_pairs_that_agree_have_a_narrow_interval():
    one = flags(150, 200, 1)
    equal, crossed = paired(one, one), paired(one, flags(150, 200, 2))
    assert equal["value"] == crossed["value"] == 0
    assert equal["low"] <= 0 <= equal["high"]
    assert equal["high"] - equal["low"] < 0.25 * (crossed["high"] - crossed["low"])


def test_summary_of_the_validation(short_run, summary):
    hard = [row["val"]["hard_accuracy"] for row in short_run[1].rows]
    assert summary["validation"]["best_hard_accuracy"] == max(hard)
    assert summary["validation"]["last_hard_accuracy"] == hard[-1]


def test_summary_without_baseline_or_phase_2(short_run):
    rows = [row for row in short_run[1].rows if row["phase"] == "LEARNING"]
    correct = {name: flags(5, 9, 0) for name in ("hard", "mean", "map", "soft")}
    test = Evaluation(correct, {}, {}, torch.full((9,), 96.0), torch.full((9,), 24.0))
    summary = summarise(short_run[0], test, History(rows), 5.0, None)
    assert "noiseless" not in summary
    assert "noiseless_gap" not in summary
    assert summary["gap"]["value"] == 0
