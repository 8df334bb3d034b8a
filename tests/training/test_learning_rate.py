"""The learning rate over the steps, against values worked out by hand."""

import math

import pytest

from linksim_training import TrainConfig
from linksim_training.optimiser import learning_rate_factor, make_optimiser, make_scheduler

HALF = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("settings", "factors"),
    [
        ({"lr_schedule": "constant"}, {0: 1, 0.3: 1, 1: 1}),
        ({"lr_schedule": "constant", "lr_end": 0.1}, {0: 1, 1: 1}),
        ({"lr_schedule": "linear"}, {0: 1, 0.25: 0.75, 0.9: 0.1, 1: 0}),
        ({"lr_schedule": "linear", "lr_end": 0.2}, {0: 1, 0.25: 0.8, 0.5: 0.6, 1: 0.2}),
        ({"lr_schedule": "cosine"}, {0: 1, 0.25: (1 + HALF) / 2, 0.5: 0.5, 1: 0}),
        ({"lr_schedule": "cosine", "lr_end": 0.2}, {0: 1, 1 / 3: 0.8, 0.5: 0.6, 2 / 3: 0.4, 1: 0.2}),
        ({"lr_schedule": "phase"}, {0: 1, 0.59: 1, 0.6: 0.1, 0.99: 0.1}),
        ({"lr_schedule": "phase", "lr_end": 0.3}, {0: 1, 0.59: 1, 0.6: 0.3, 1: 0.3}),
        ({"lr_schedule": "phase", "lr_end": 0.0}, {0.59: 1, 0.6: 0}),
        ({"lr_schedule": "phase", "alignment_start_epoch": 1}, {0: 0.1, 0.5: 0.1}),
        ({"lr_schedule": "phase", "alignment_start_epoch": 99}, {0: 1, 0.99: 1}),
        ({"lr_schedule": "constant", "lr_warmup_epochs": 4}, {0: 0, 0.1: 0.25, 0.3: 0.75, 0.4: 1, 1: 1}),
        ({"lr_schedule": "linear", "lr_warmup_epochs": 5}, {0: 0, 0.25: 0.375, 0.5: 0.5, 1: 0}),
        ({"lr_schedule": "cosine", "lr_warmup_epochs": 10}, {0: 0, 0.5: 0.25}),
        ({"lr_schedule": "phase", "lr_warmup_epochs": 8}, {0.4: 0.5, 0.6: 0.075, 0.8: 0.1}),
    ],
)
def test_factors_by_hand(settings, factors):
    """Ten epochs, phase 2 from epoch 7, so that six tenths belong to phase 1."""
    config = TrainConfig(**{"epochs": 10, "alignment_start_epoch": 7, **settings})
    for progress, factor in factors.items():
        assert learning_rate_factor(config, progress) == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize("steps_per_epoch", [1, 3, 7, 49, 55])
@pytest.mark.parametrize("start", [2, 7, 20, 23])
def test_the_phase_schedule_changes_with_the_phase_to_the_step(steps_per_epoch, start):
    config = TrainConfig(epochs=30, alignment_start_epoch=start, lr_schedule="phase")
    steps = 30 * steps_per_epoch
    for step in range(steps):
        aligned = config.phase(step // steps_per_epoch + 1) == "ALIGNMENT"
        assert learning_rate_factor(config, step / steps) == (0.1 if aligned else 1.0)


def test_the_optimiser_follows_step_by_step(make_model):
    config = TrainConfig(epochs=2, alignment_start_epoch=2, lr=0.4, lr_schedule="linear", lr_warmup_epochs=1)
    optimiser = make_optimiser(make_model(), config)
    scheduler = make_scheduler(optimiser, config, steps=8)
    seen = []
    for _ in range(8):
        seen.append({group["lr"] for group in optimiser.param_groups})
        optimiser.step()
        scheduler.step()
    by_hand = [0.4 * warm * (1 - step / 8) for step, warm in enumerate((0, 0.25, 0.5, 0.75, 1, 1, 1, 1))]
    assert all(len(one) == 1 for one in seen)
    assert [one.pop() for one in seen] == pytest.approx(by_hand)


def test_the_row_of_an_epoch_has_the_rate_of_its_first_step(train):
    _, cosine = train(epochs=4, lr=0.01, lr_schedule="cosine")
    _, constant = train(epochs=4, lr=0.01, lr_schedule="constant")
    expected = [0.01 * 0.5 * (1 + math.cos(math.pi * done / 4)) for done in range(4)]
    assert [row["lr"] for row in cosine.rows] == pytest.approx(expected)
    assert [row["lr"] for row in constant.rows] == [0.01] * 4


def test_a_warm_up_starts_at_zero(train, few, make_model):
    """Its first step moves nothing; without a warm-up, the same step moves everything."""
    before = make_model().state_dict()
    for warmup in (0, 1):
        settings = {"epochs": 1, "random_codebook": True, "lr_warmup_epochs": warmup}
        model, history = train(train_loader=few[0][:1], **settings)
        same = [bool((before[name] == one).all()) for name, one in model.state_dict().items()]
        assert all(same) if warmup else not any(same)
        assert history.rows[0]["lr"] == (0 if warmup else 1e-3)


def test_biases_and_the_codebook_do_not_decay(make_model):
    """With a rate of 0.1 and gradients of zero, weights shrink to 1 − 0.1·0.5 of theirs, others stay."""
    model = make_model()
    optimiser = make_optimiser(model, TrainConfig(lr=0.1, weight_decay=0.5))
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    for one in model.parameters():
        one.grad = one.detach() * 0
    optimiser.step()
    for name, one in model.named_parameters():
        kept = name.endswith("bias") or name == "transceiver_dig.codebook" or one.dim() == 1
        assert (one.detach() / before[name]).nanmean().item() == pytest.approx(1.0 if kept else 0.95), name
    assert any(name.endswith("codebook") for name in before)
