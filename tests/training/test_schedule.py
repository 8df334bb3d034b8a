"""The schedule of the temperatures, the presets, and the checks of the settings."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim_training import TrainConfig
from linksim_training.command import read_options

reproducible = settings(max_examples=200, deadline=None, derandomize=True, database=None)
starts = st.floats(0.05, 5.0)
decays = st.floats(0.3, 1.0)
floors = st.floats(0.01, 3.0)
epochs = st.integers(1, 60)


@reproducible
@given(start=starts, decay=decays, floor=floors, alignment=epochs, kind=st.sampled_from(("vq", "symbol")))
def test_decays_to_its_floor_and_is_frozen_there(start, decay, floor, alignment, kind):
    config = TrainConfig(
        epochs=60,
        alignment_start_epoch=alignment,
        temp_freeze_floor=floor,
        **{f"{kind}_temp_start": start, f"{kind}_temp_decay": decay},
    )
    expected = start
    for epoch in range(1, 61):
        temperature = getattr(config, f"{kind}_temp")(epoch)
        if epoch < alignment:
            assert config.phase(epoch) == "LEARNING"
            assert math.isclose(temperature, max(floor, expected), rel_tol=1e-9)
        else:
            assert config.phase(epoch) == "ALIGNMENT"
            assert temperature == floor
        expected *= decay


@reproducible
@given(start=starts, decay=decays, floor=floors, epoch=epochs)
def test_each_temperature_has_its_own_schedule(start, decay, floor, epoch):
    plain = TrainConfig(alignment_start_epoch=30)
    for kind, other in (("vq", "symbol"), ("symbol", "vq")):
        changed = TrainConfig(
            alignment_start_epoch=30,
            **{f"{kind}_temp_start": start, f"{kind}_temp_decay": decay, f"{kind}_temp_floor": floor},
        )
        own = getattr(changed, f"{kind}_temp")(epoch)
        assert own >= floor
        assert own == floor or (epoch < 30 and math.isclose(own, start * decay ** (epoch - 1)))
        assert getattr(changed, f"{other}_temp")(epoch) == getattr(plain, f"{other}_temp")(epoch)


def test_figures_by_hand():
    """T0 = 1, decay 0.97 and floor 0.7, worked out on paper."""
    config = TrainConfig()
    hand = {1: 1.0, 2: 0.97, 3: 0.9409, 8: 0.80798, 12: 0.71530, 13: 0.7, 19: 0.7, 20: 0.7, 30: 0.7}
    for epoch, temperature in hand.items():
        assert config.vq_temp(epoch) == pytest.approx(temperature, abs=5e-6)
        assert config.symbol_temp(epoch) == pytest.approx(temperature, abs=5e-6)
    assert [config.phase(epoch) for epoch in (1, 19, 20, 30)] == ["LEARNING"] * 2 + ["ALIGNMENT"] * 2


def test_the_aggressive_preset_jumps_to_its_floor():
    """0.97^13 = 0.673 in the last epoch of phase 1; its floor is 0.6."""
    config = read_options(["--preset", "aggressive"]).config
    assert config.vq_temp(14) == pytest.approx(0.97**13)
    assert config.vq_temp(15) == 0.6


def test_defaults_of_the_note():
    config = TrainConfig()
    assert (config.epochs, config.alignment_start_epoch, config.temp_freeze_floor) == (30, 20, 0.7)
    assert (config.lambda_entropy, config.lambda_consistency) == (0.01, 0.5)
    assert config.lambda_marginal == 0.5


PRESETS = {
    "basic": (30, 20, 0.7, 0.5),
    "conservative": (30, 25, 0.8, 0.3),
    "aggressive": (30, 15, 0.6, 1.0),
    "note": (30, 20, 0.7, 0.5),
}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(preset):
    config = read_options(["--preset", preset]).config
    assert PRESETS[preset] == (
        config.epochs,
        config.alignment_start_epoch,
        config.temp_freeze_floor,
        config.lambda_consistency,
    )
    assert config.lambda_entropy == 0.01


def test_the_preset_note_has_no_additions():
    config = read_options(["--preset", "note"]).config
    assert config.lambda_marginal == 0
    assert config.symmetric_consistency == 0
    assert config.consistency_stages == ("features",)
    assert config.lr_schedule == "constant"
    assert config.gradient == "surrogate"
    assert config.random_codebook


@pytest.mark.parametrize(
    "words",
    [
        ["--preset", "conservative", "--lambda-consistency", "0.9"],
        ["--lambda-consistency", "0.9", "--preset", "conservative"],
        ["--lambda-consistency=0.9", "--preset=conservative"],
    ],
)
def test_what_is_given_beside_a_preset_wins(words):
    options = read_options(words)
    assert options.run.preset == "conservative"
    assert options.config.lambda_consistency == 0.9
    assert options.config.alignment_start_epoch == 25


FLAGS = {
    "epochs": 7,
    "alignment_start_epoch": 5,
    "temp_freeze_floor": 0.65,
    "vq_temp_start": 1.5,
    "vq_temp_decay": 0.9,
    "symbol_temp_start": 1.25,
    "symbol_temp_decay": 0.8,
    "lambda_entropy": 0.02,
    "lambda_marginal": 0.03,
    "lambda_consistency": 0.04,
    "lambda_vec": 0.05,
    "lambda_sym": 0.06,
    "lambda_vq": 0.07,
    "lambda_lb": 0.08,
    "lr": 0.002,
    "seed": 11,
}


def test_every_setting_of_the_note_is_an_option():
    words = [word for name, v in FLAGS.items() for word in (f"--{name.replace('_', '-')}", str(v))]
    config = read_options([*words, "--consistency-stages", "vq", "symbol"]).config
    assert {name: getattr(config, name) for name in FLAGS} == FLAGS
    assert config.consistency_stages == ("vq", "symbol")


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("epochs", 0, ValueError),
        ("epochs", -3, ValueError),
        ("epochs", 2.0, TypeError),
        ("epochs", True, TypeError),
        ("alignment_start_epoch", 0, ValueError),
        ("temp_freeze_floor", 0.0, ValueError),
        ("temp_freeze_floor", math.nan, ValueError),
        ("vq_temp_start", -1.0, ValueError),
        ("symbol_temp_start", math.inf, ValueError),
        ("vq_temp_decay", 1.01, ValueError),
        ("symbol_temp_decay", 0.0, ValueError),
        ("vq_temp_floor", 0.0, ValueError),
        ("symbol_temp_floor", "low", TypeError),
        ("lambda_vec", -0.1, ValueError),
        ("lambda_entropy", math.nan, ValueError),
        ("lambda_consistency", None, TypeError),
        ("lambda_marginal", -1.0, ValueError),
        ("symmetric_consistency", -0.5, ValueError),
        ("consistency_stages", ("features", "llr"), ValueError),
        ("consistency_stages", "features", ValueError),
        ("lr", 0.0, ValueError),
        ("lr", math.inf, ValueError),
        ("lr_schedule", "step", ValueError),
        ("weight_decay", -1e-3, ValueError),
        ("gradient", "exact", ValueError),
        ("surrogate_weight", 1.5, ValueError),
        ("precision", "8-bit", ValueError),
        ("seed", -1, ValueError),
        ("seed", 0.5, TypeError),
    ],
)
def test_bad_settings_are_named(argument, value, error):
    with pytest.raises(error, match=argument):
        TrainConfig(**{argument: value})


def test_alignment_beyond_the_last_epoch_is_allowed():
    config = TrainConfig(epochs=3, alignment_start_epoch=10)
    assert {config.phase(epoch) for epoch in (1, 2, 3)} == {"LEARNING"}


def test_settings_are_plain():
    import json

    settings_as_read = json.loads(json.dumps(TrainConfig(seed=5).as_dict(), allow_nan=False))
    settings_as_read["consistency_stages"] = tuple(settings_as_read["consistency_stages"])
    assert TrainConfig(**settings_as_read) == TrainConfig(seed=5)
