"""The schedule of the temperatures, the defaults of the note, and the checks of the settings."""

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
        ("hardening", "slope", ValueError),
        ("hardening_blend", "symbol", ValueError),
        ("backward_vq_temp", 0.0, ValueError),
        ("backward_symbol_temp", -1.0, ValueError),
        ("snr_db_range", (3.0, 2.0), ValueError),
        ("snr_db_range", (3.0,), ValueError),
        ("snr_db_range", (0.0, math.inf), ValueError),
        ("surrogate_at", "latents", ValueError),
        ("surrogate_weight_end", -0.1, ValueError),
        ("surrogate_weight_slope", math.nan, ValueError),
        ("codebook_update", "mean", ValueError),
        ("ema_decay", 1.1, ValueError),
        ("restart_dead_codes", -0.1, ValueError),
        ("lr_end", 1.5, ValueError),
        ("lr_warmup_epochs", -1, ValueError),
        ("clip_norm", 0.0, ValueError),
        ("label_smoothing", 1.1, ValueError),
        ("entropy_warmup_epochs", 1.5, TypeError),
        ("marginal_warmup_epochs", -1, ValueError),
        ("lambda_soft", -1.0, ValueError),
        ("consistency_symbol", -1.0, ValueError),
        ("vq_entropy_warning", "1.0", ValueError),
        ("vq_entropy_share", 1.5, ValueError),
        ("symbol_entropy_share", -0.5, ValueError),
        ("llr_ratio_warning", 0.5, ValueError),
        ("llr_jump_warning", 0.0, ValueError),
        ("gap_warning", 2.0, ValueError),
        ("train_gap_warning", -1.0, ValueError),
        ("early_stop_consistency", -1.0, ValueError),
        ("early_stop_accuracy", 1.5, ValueError),
        ("early_stop_gap", math.nan, ValueError),
        ("devices", 0, ValueError),
        ("num_nodes", 0, ValueError),
        ("strategy", "fsdp", ValueError),
        ("device", "tpu", ValueError),
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
