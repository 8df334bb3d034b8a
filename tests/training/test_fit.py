"""The training loop: phases, rows, what it leaves alone, and every option."""

import json
import math
import random

import numpy as np
import pytest
import torch

from linksim import Link, LinkConfig
from linksim.verification import global_generators
from linksim_training import SemanticModel, TrainConfig, build_model, fit

NMSE = ("vq_nmse", "symbol_nmse", "feature_nmse")


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_loss_falls(short_run):
    _, history = short_run
    learning = [row["train"] for row in history.rows if row["phase"] == "LEARNING"]
    assert learning[-1]["loss"] < learning[0]["loss"] - 0.3
    assert learning[-1]["cls"] < learning[0]["cls"] - 0.3


def test_phase_2_brings_the_hard_path_up(short_run):
    """Trained on the soft path alone the hard one is poor; two epochs of phase 2 more than double it."""
    hard = [row["val"]["hard_accuracy"] for row in short_run[1].rows]
    assert hard[5] > 2 * max(hard[:4])
    assert hard[5] > 0.3


def test_phases(short_run):
    _, history = short_run
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4, 5, 6]
    assert [row["phase"] for row in history.rows] == ["LEARNING"] * 4 + ["ALIGNMENT"] * 2
    for row in history.rows:
        aligned = row["phase"] == "ALIGNMENT"
        assert row["hard_forward"] is aligned
        for part in ("train", "val"):
            assert ("consistency" in row[part]) is aligned
    assert [row["vq_temp"] for row in history.rows] == pytest.approx(
        [0.7, 0.7 * 0.97, 0.7 * 0.97**2, 0.7 * 0.97**3, 0.5, 0.5]
    )
    assert [row["symbol_temp"] for row in history.rows[:2]] == pytest.approx([0.75, 0.75 * 0.97])


def test_every_row_has_its_figures(short_run):
    model, history = short_run
    layout = model.link.layout
    for row in history.rows:
        assert all(0 <= row["mismatch"][name] < math.inf for name in NMSE)
        assert row["rate"] == {"bits": layout.information_bits, "symbols": layout.symbols}
        assert row["val"]["gap"] == row["val"]["soft_accuracy"] - row["val"]["hard_accuracy"]
        for part in ("train", "val"):
            figures = row[part]
            assert 0 <= figures["vq_entropy"] <= figures["marginal_entropy"] <= math.log(64) + 1e-9
            assert 0 <= figures["symbol_entropy"] <= math.log(16) + 1e-9
            assert 1 <= figures["perplexity"] <= 64 + 1e-9
            assert figures["mean_llr"] > 0
            assert 0 < figures["soft_power"] <= 1.8  # at most that of the outermost points of 16-QAM
            assert 0 <= figures["accuracy"] <= 1
            assert figures["entropy"] == pytest.approx(-figures["vq_entropy"] - figures["symbol_entropy"])
        for stage in ("encoder", "codebook", "head"):
            assert row["train"][f"gradient_norm_{stage}"] > 0


def test_logged_accuracy_is_that_of_the_path_of_the_phase(short_run):
    for row in short_run[1].rows:
        path = "hard" if row["phase"] == "ALIGNMENT" else "soft"
        assert row["val"]["accuracy"] == pytest.approx(row["val"][f"{path}_accuracy"])


def test_rows_are_json(short_run):
    for row in short_run[1].rows:
        assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_best_epoch(short_run):
    _, history = short_run
    best = history.best("val", "hard_accuracy")
    figures = [row["val"]["hard_accuracy"] for row in history.rows]
    assert best["epoch"] == 1 + figures.index(max(figures))


def test_same_seed_same_run(train):
    (first, one), (second, two), (third, three) = (train(seed=seed) for seed in (3, 3, 4))
    assert one.rows == two.rows
    assert same(weights(first), weights(second))
    assert one.rows != three.rows
    assert not same(weights(first), weights(third))


def test_global_generators_are_neither_used_nor_changed(train, few):
    """A data loader that shuffles by the global generator is seeded by the settings, too."""
    shuffled = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*(torch.cat(parts) for parts in zip(*few[0], strict=True))),
        batch_size=50,
        shuffle=True,
    )
    rows = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        before = global_generators.states()
        _, history = train(train_loader=shuffled)
        assert global_generators.states() == before
        rows.append(history.rows)
    assert rows[0] == rows[1]


def test_validation_data_are_not_trained_on(train, few):
    model, _ = train()
    other = [(torch.zeros_like(images), 9 - labels) for images, labels in few[1]]
    assert same(weights(model), weights(train(validation_loader=other)[0]))


def test_every_epoch_is_validated_on_the_same_draws(train):
    """With weights and temperatures that stand still, so do all figures of the validation."""
    still = {"lr": 1e-30, "vq_temp_decay": 1.0, "symbol_temp_decay": 1.0}
    _, history = train(epochs=3, alignment_start_epoch=9, **still)
    first, second, third = ({**row["val"], **row["mismatch"]} for row in history.rows)
    assert first == second == third
    assert history.rows[0]["train"] != history.rows[1]["train"]


def test_how_much_is_validated_does_not_change_the_training(train, few):
    model, _ = train()
    assert same(weights(model), weights(train(validation_loader=few[1][:1])[0]))


def test_the_start_of_phase_2_does_not_reach_back(train):
    """Rows before the first aligned epoch do not depend on when it is; later ones do."""
    _, early = train(epochs=3, alignment_start_epoch=2)
    _, late = train(epochs=3, alignment_start_epoch=3)
    _, never = train(epochs=3, alignment_start_epoch=99)
    assert early.rows[0] == late.rows[0] == never.rows[0]
    assert late.rows[1] == never.rows[1] != early.rows[1]
    assert {row["phase"] for row in never.rows} == {"LEARNING"}


def test_listeners(train, few, make_model):
    steps, seen = [], []
    config = TrainConfig(epochs=2, alignment_start_epoch=2, device="cpu")
    model = make_model()
    history = fit(
        model,
        *few,
        config,
        on_epoch=lambda trained, row: seen.append((trained is model, row["epoch"])),
        on_batch=lambda: steps.append(None),
    )
    assert seen == [(True, 1), (True, 2)]
    assert len(steps) == 2 * len(few[0])
    assert len(history.rows) == 2
    assert not model.training


OPTIONS = {
    "surrogate": {"gradient": "surrogate"},
    "surrogate at symbols": {"gradient": "surrogate", "surrogate_at": "symbols"},
    "surrogate end to end": {"gradient": "surrogate", "surrogate_at": "end-to-end"},
    "straight-through": {"gradient": "straight-through"},
    "mixed": {"gradient": "mixed", "surrogate_weight": 0.25},
    "mixed by SNR": {"snr_db_range": (0.0, 12.0), "surrogate_weight_slope": 0.05},
    "mixed by epoch": {"surrogate_weight_end": 1.0},
    "Gumbel": {"gradient": "gumbel"},
    "ReinMax": {"gradient": "reinmax"},
    "score function": {"gradient": "score-function"},
    "ramp": {"hardening": "ramp", "alignment_start_epoch": 1},
    "convex ramp": {"hardening": "ramp", "hardening_blend": "convex", "alignment_start_epoch": 1},
    "backward temperatures": {"backward_vq_temp": 0.8, "backward_symbol_temp": 0.6},
    "symmetric consistency": {"symmetric_consistency": 0.5},
    "consistency of all stages": {"consistency_stages": ("vq", "symbol", "features"), "consistency_vq": 0.3},
    "constant learning rate": {"lr_schedule": "constant"},
    "learning rate by phase": {"lr_schedule": "phase", "lr_end": 0.2, "lr_warmup_epochs": 1},
    "random codebook": {"random_codebook": True},
    "marginal entropy of usage": {"marginal_of": "usage"},
    "moving averages": {"codebook_update": "ema", "ema_decay": 0.9, "restart_dead_codes": 0.2},
    "clipped": {"clip_norm": 0.5},
    "warm-ups": {"entropy_warmup_epochs": 10, "marginal_warmup_epochs": 2, "label_smoothing": 0.1},
    "phase 2 from the start": {"alignment_start_epoch": 1},
    "no phase 2": {"alignment_start_epoch": 7},
    "other weights": {"lambda_vec": 0.5, "lambda_vq": 0.7, "lambda_sym": 0.1, "lambda_soft": 0.1},
    "early stop": {"early_stop": True},
    "double precision": {"precision": "64-true"},
    "mixed precision": {"precision": "bf16-mixed"},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_options(train, make_model, option):
    untrained = weights(make_model())
    model, history = train(**OPTIONS[option])
    after = weights(model)
    assert len(history.rows) == 2
    for row in history.rows:
        assert math.isfinite(row["train"]["loss"])
        assert math.isfinite(row["val"]["loss"])
    changed = [name for name in untrained if not torch.equal(untrained[name], after[name].float())]
    assert set(changed) == set(untrained)


ESTIMATORS = ("surrogate", "straight-through", "mixed", "gumbel", "reinmax", "score-function")


@pytest.mark.parametrize("gradient", ESTIMATORS)
@pytest.mark.parametrize("blend", ["frame", "convex"])
def test_every_gradient_goes_with_every_ramp(train, few, gradient, blend):
    settings = {"hardening": "ramp", "hardening_blend": blend, "alignment_start_epoch": 1, "epochs": 3}
    _, history = train(train_loader=few[0][:2], gradient=gradient, **settings)
    assert [row["hard_share"] for row in history.rows] == [0.0, 0.5, 1.0]
    for row in history.rows:
        assert math.isfinite(row["train"]["loss"])
        assert row["train"]["gradient_norm_encoder"] > 0


def test_every_option_changes_the_training(train, few):
    """An option that is read but not used would leave the weights of the plain run."""
    unused = ("mixed", "other weights", "no phase 2", "early stop", "warm-ups", "phase 2 from the start")
    loaders = {"train_loader": few[0][:3], "validation_loader": few[1][:1]}
    plain = weights(train(**loaders)[0])
    for option in OPTIONS.keys() - set(unused):
        other = weights(train(**loaders, **OPTIONS[option])[0])
        assert any(not torch.equal(plain[name], other[name].float()) for name in plain), option


@pytest.mark.parametrize("changes", [{"decision": "map"}, {"channel": "rayleigh"}, {"demapper": "maxlog"}])
def test_links(train, make_model, changes):
    _, history = train(model=make_model(**changes))
    assert math.isfinite(history.rows[-1]["train"]["loss"])


def test_a_mixed_gradient_has_its_parts_as_limits(train):
    """Weight 1 on the surrogate is the surrogate alone, weight 0 straight-through alone."""
    for weight, gradient in ((1.0, "surrogate"), (0.0, "straight-through")):
        mixed, _ = train(gradient="mixed", surrogate_weight=weight)
        pure, _ = train(gradient=gradient)
        assert same(weights(mixed), weights(pure))
    halves, _ = train(gradient="mixed", surrogate_weight=0.5)
    assert not same(weights(halves), weights(pure))


def test_own_networks_and_plain_lists():
    """Sequences of real numbers, not images; no specification; a head with features of its own."""

    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(6, 2)

        def forward(self, embedding):
            features = embedding.flatten(1).tanh()
            return self.layer(features), features

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(120, 10, generator=generator)
    y = (x[:, 0] > 0).long()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = torch.nn.Sequential(torch.nn.Linear(10, 6), torch.nn.Unflatten(1, (2, 3)))
        model = SemanticModel(encoder, Link(LinkConfig(tokens=2, codebook_size=8, embedding_dim=3)), Head())
    train = [(x[i : i + 20], y[i : i + 20]) for i in range(0, 100, 20)]
    config = TrainConfig(epochs=12, alignment_start_epoch=9, lr=0.02, lr_schedule="constant", device="cpu")
    history = fit(model, train, [(x[100:], y[100:])], config, snr_db=20.0)
    assert history.rows[7]["train"]["cls"] < history.rows[0]["train"]["cls"]
    assert [row["phase"] for row in history.rows[-2:]] == ["ALIGNMENT"] * 2


def test_a_trained_model_can_be_trained_on(train, short_run):
    model = build_model((1, 8, 8), 10, short_run[0].link.config)
    model.load_state_dict(short_run[0].state_dict())
    before = weights(model)
    _, history = train(model=model, random_codebook=True, epochs=1)
    assert not same(weights(model), before)
    assert history.rows[0]["train"]["cls"] < short_run[1].rows[0]["train"]["cls"] - 0.2
