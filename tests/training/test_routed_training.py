"""Training with several modes: rows, checkpoints, going on, what is refused."""

import copy
import json
import math

import pytest
import torch
from helpers.generators import generator

from linksim import LinkConfig
from linksim.verification import global_generators
from linksim_training import (
    RoutedModel,
    SemanticModel,
    TrainConfig,
    build_routed_model,
    fit,
    load_checkpoint,
    load_routed_checkpoint,
)
from linksim_training.batches import Batches
from linksim_training.checkpoints import load_any_checkpoint, save_checkpoint
from linksim_training.interruption import Interrupted
from linksim_training.optimiser import make_optimiser
from linksim_training.randomness import FrameRandomness
from linksim_training.state import load_state, save_state

MODES = [(8, 2), (16, 4)]
LINK = LinkConfig(tokens=4, embedding_dim=8)
RANGE_DB = (0.0, 15.0)
SETTINGS = {
    "epochs": 2,
    "alignment_start_epoch": 2,
    "snr_db_range": RANGE_DB,
    "lambda_sym": 0.01,
    "lambda_lb": 0.1,
    "device": "cpu",
}
METADATA = {"data": "digits", "epoch": 2}


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def training(digits):
    """Trains a fresh model with two modes on few digits: the model, its history and its states."""

    def run(state=None, stop_after=None, modes=MODES, **settings):
        model = build_routed_model(digits.image_shape, digits.classes, modes, LINK, header_symbols=3)
        loaders = (
            Batches(digits.x_train[:100], digits.y_train[:100], 25, seed=4),
            Batches(digits.x_validation[:60], digits.y_validation[:60], 25),
        )
        states, steps = [], []
        history = None
        try:
            history = fit(
                model,
                *loaders,
                TrainConfig(**{**SETTINGS, **settings}),
                state=state,
                on_batch=lambda: steps.append(None),
                on_state=states.append,
                stop=None if stop_after is None else (lambda: len(steps) == stop_after),
            )
        except Interrupted:
            assert len(steps) == stop_after
        return model, history, states

    return run


@pytest.fixture(scope="module")
def trained(training):
    before = global_generators.states()
    result = training()
    assert global_generators.states() == before, "global generators are neither used nor changed"
    return result


def test_rows(trained):
    """Figures of all modes are finite, and the rate is the mean over the modes used."""
    model, history, _ = trained
    assert [row["phase"] for row in history.rows] == ["LEARNING", "ALIGNMENT"]
    for row in history.rows:
        usage = row["modes"]["usage"]
        assert row["modes"]["modes"] == [list(mode) for mode in MODES]
        assert sum(usage) == pytest.approx(1)
        for name in ("bits", "symbols"):
            sizes = getattr(model.link, name).tolist()
            mean = sum(share * size for share, size in zip(usage, sizes, strict=True))
            assert row["rate"][name] == pytest.approx(mean)
        shares = row["codebook"]["usage"]
        assert len(shares) == 8 + 16
        assert sum(shares[:8]) == pytest.approx(1, abs=1e-5)
        assert sum(shares[8:]) == pytest.approx(1, abs=1e-5)
        for part in ("train", "val"):
            assert all(math.isfinite(figure) for figure in row[part].values())
            assert min(model.link.symbols) <= row[part]["sym"] <= max(model.link.symbols)
            assert 0 < row[part]["lb"] <= 2 + 1e-6
            assert row[part]["perplexity"] <= 16
            assert ("consistency" in row[part]) is (row["phase"] == "ALIGNMENT")
        assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_the_last_row_is_what_the_model_does(trained, digits):
    """Accuracy, usage and rate of the validation, from one deployed transmission on its draws."""
    model, history, _ = trained
    row = history.rows[-1]
    draw = FrameRandomness(model.link, 0, ("validation",), RANGE_DB).draw(0, 60)
    with torch.no_grad():
        output, trace = model.deployed(digits.x_validation[:60], draw)
        soft = model.decode(model.link.soft(model.encoder(digits.x_validation[:60]), draw))
    labels = digits.y_validation[:60]
    right, softly = (float((one.logits.argmax(-1) == labels).double().mean()) for one in (output, soft))
    assert row["val"]["hard_accuracy"] == pytest.approx(right)
    assert row["val"]["soft_accuracy"] == pytest.approx(softly)
    assert row["rate"]["symbols"] == pytest.approx(trace.symbols.mean().item())
    assert row["rate"]["bits"] == pytest.approx(trace.bits.mean().item())
    counts = torch.bincount(output.routing.mode, minlength=2) / 60
    assert row["modes"]["usage"] == pytest.approx(counts.tolist())


def test_every_part_learns(trained, digits):
    untrained = weights(build_routed_model(digits.image_shape, digits.classes, MODES, LINK, header_symbols=3))
    after = weights(trained[0])
    assert {name for name in untrained if torch.equal(untrained[name], after[name])} == set()


def test_same_seed_same_run(training, trained):
    model, history, _ = trained
    again, rows, _ = training()
    assert json.dumps(rows.rows) == json.dumps(history.rows)
    assert same(weights(again), weights(model))
    other, _, _ = training(seed=3)
    assert not same(weights(other), weights(model))


@pytest.mark.parametrize("stop_after", [2, 4, 5])
def test_going_on_is_exact(training, trained, tmp_path, stop_after):
    """From within an epoch and from between two, through a file; the router is in the state, too."""
    model, unbroken, _ = trained
    _, history, states = training(stop_after=stop_after)
    assert history is None
    save_state(tmp_path / "state.pt", states[-1])
    again, rows, _ = training(state=load_state(tmp_path / "state.pt"))
    assert json.dumps(rows.rows) == json.dumps(unbroken.rows)
    assert same(weights(again), weights(model))


def test_a_state_of_other_modes_is_refused(training, trained):
    with pytest.raises(ValueError, match="does not fit"):
        training(state=trained[2][0], modes=[(8, 2), (8, 4)])
    with pytest.raises(ValueError, match="does not fit"):
        training(state=trained[2][0], modes=[(8, 2)])


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"codebook_update": "ema"}, "codebook_update"),
        ({"gradient": "gumbel"}, "gradient"),
        ({"gradient": "reinmax"}, "gradient"),
        ({"gradient": "score-function"}, "gradient"),
    ],
    ids=str,
)
def test_settings_of_one_codebook_are_refused(training, settings, name):
    with pytest.raises(ValueError, match=name) as caught:
        training(**settings)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"gradient": "surrogate", "surrogate_at": "end-to-end"},
        {"gradient": "surrogate", "surrogate_at": "symbols"},
        {
            "gradient": "straight-through",
            "consistency_stages": ("vq", "symbol"),
            "symmetric_consistency": 0.5,
        },
        {"hardening": "ramp", "alignment_start_epoch": 1},
        {"hardening": "ramp", "hardening_blend": "convex", "alignment_start_epoch": 1},
        {"restart_dead_codes": 0.9},
        {"precision": "bf16-mixed"},
        {"snr_db_range": None, "mode_floor": 0.0, "marginal_of": "usage", "lambda_soft": 0.2},
    ],
    ids=str,
)
def test_other_settings_train(training, settings):
    _, history, _ = training(**settings)
    for row in history.rows:
        assert math.isfinite(row["train"]["loss"])
        assert sum(row["modes"]["usage"]) == pytest.approx(1)


def test_optimiser_has_every_weight_once(trained):
    model = trained[0]
    optimiser = make_optimiser(model, TrainConfig())
    found = [id(parameter) for group in optimiser.param_groups for parameter in group["params"]]
    assert sorted(found) == sorted(id(parameter) for parameter in model.parameters())


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "modes.pt"
    save_checkpoint(path, trained[0], METADATA)
    return path


def test_checkpoint_round_trip(trained, saved, digits):
    model, loaded = trained[0], load_routed_checkpoint(saved)
    assert loaded.metadata == METADATA
    assert isinstance(loaded.model, RoutedModel)
    assert not loaded.model.training
    assert same(weights(loaded.model), weights(model))
    assert loaded.model.link.modes == model.link.modes
    assert torch.equal(loaded.model.link.symbols, model.link.symbols)
    temperatures = model.link.vq_temp, model.link.symbol_temp
    assert (loaded.model.link.vq_temp, loaded.model.link.symbol_temp) == temperatures
    images = digits.x_test[:20]
    for path in ("deployed", "forward"):
        draw = model.link.draw(20, 6.0, generator(1))
        with torch.no_grad():
            mine, theirs = (getattr(one, path)(images, draw) for one in (model, loaded.model))
        mine, theirs = (one[0] if path == "deployed" else one for one in (mine, theirs))
        assert torch.equal(mine.logits, theirs.logits)
        assert torch.equal(mine.routing.probabilities, theirs.routing.probabilities)
    assert isinstance(load_any_checkpoint(saved)[0], RoutedModel)


def one_line(call, path):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is checked below
        call(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()
    return message


def test_checkpoints_of_the_other_kind_are_refused(saved, make_model, tmp_path):
    assert "load_routed_checkpoint" in one_line(load_checkpoint, saved)
    path = tmp_path / "single.pt"
    save_checkpoint(path, make_model(), METADATA)
    assert "--modes" in one_line(load_routed_checkpoint, path)
    assert isinstance(load_any_checkpoint(path)[0], SemanticModel)


DAMAGE = {
    "no modes at all": {"modes": []},
    "text": {"modes": "8:2"},
    "a number": {"modes": 2},
    "none": {"modes": None},
    "not a pair": {"modes": [[8, 2], [16]]},
    "real numbers": {"modes": [[8.0, 2], [16, 4]]},
    "one too few": {"modes": [[8, 2]]},
    "one too many": {"modes": [[8, 2], [16, 4], [16, 4]]},
    "another codebook": {"modes": [[8, 2], [32, 4]]},
    "odd bits of QAM": {"modes": [[8, 2], [16, 3]]},
    "no header": {"header_symbols": 0},
    "header of text": {"header_symbols": "three"},
}


@pytest.mark.parametrize("fault", [*DAMAGE, "header left out", "modes left out"])
def test_a_damaged_description_is_refused(saved, tmp_path, fault):
    content = torch.load(saved, weights_only=True)
    spec = copy.deepcopy(content["spec"])
    if fault.endswith("left out"):
        del spec[{"header": "header_symbols", "modes": "modes"}[fault.split()[0]]]
    else:
        spec.update(DAMAGE[fault])
    path = tmp_path / "damaged.pt"
    torch.save({**content, "spec": spec}, path)
    assert "does not fit" in one_line(load_routed_checkpoint, path)
