"""The flags of `linksim train`: each is shown, read into the settings, and wins over a preset."""

import json
import re
from dataclasses import fields
from types import SimpleNamespace

import pytest
from helpers.trainer_flags import FLAGS

from linksim import LinkConfig
from linksim.cli import main
from linksim_training import TrainConfig
from linksim_training.presets import PRESETS
from linksim_training.train_options import GROUPS, TrainOptions, read_options

CASES = [pytest.param(*case, id=f"{case[0]} {case[1]}") for case in FLAGS]


def setting(options, name):
    """The value of a setting of the trainer, the link or the run."""
    for place in (options.config, options.link, options.run):
        if hasattr(place, name):
            return getattr(place, name)
    raise KeyError(name)


@pytest.fixture(scope="module")
def shown():
    """Every word of `linksim train --help`."""
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit) as left:
        main(["train", "--help"])
    assert left.value.code == 0
    return set(re.findall(r"--[a-z0-9-]+", text.getvalue()))


@pytest.mark.parametrize(("requirement", "flag", "words", "value"), CASES)
def test_a_flag_is_shown(shown, requirement, flag, words, value):
    assert flag in shown, requirement


@pytest.mark.parametrize(("requirement", "flag", "words", "value"), CASES)
def test_a_flag_is_read(requirement, flag, words, value):
    """The value given is the value that training gets; no default equals it, and no other setting moves."""
    name = flag.removeprefix("--").replace("-", "_")
    default, given = TrainOptions(), read_options([flag, *words.split()])
    assert setting(default, name) != value, "the test must give another value than the default"
    assert setting(given, name) == value
    assert type(setting(given, name)) is type(value)
    before, after = default.as_dict(), given.as_dict()
    for group in ("training", "link"):
        moved = {one for one in before[group] if before[group][one] != after[group][one]}
        assert moved <= {name} or flag == "--preset"


def test_every_setting_of_the_trainer_is_in_the_table():
    """A setting that is added without a flag, or a flag without a test, shows here."""
    tested = {flag.removeprefix("--").replace("-", "_") for _, flag, _, _ in FLAGS}
    assert {one.name for one in fields(TrainConfig)} <= tested
    in_groups = [one.name for group in GROUPS for one in fields(getattr(TrainOptions(), group))]
    assert sorted(in_groups) == sorted(one.name for one in fields(TrainConfig))


def test_defaults_of_the_options_are_those_of_the_trainer():
    assert read_options([]).config == TrainConfig()
    assert read_options([]).link == LinkConfig()


def test_all_flags_at_once():
    """Nothing overwrites anything else."""
    options = read_options([word for _, flag, words, _ in FLAGS for word in (flag, *words.split())])
    for _, flag, _, value in FLAGS:
        assert setting(options, flag.removeprefix("--").replace("-", "_")) == value
    assert json.loads(json.dumps(options.as_dict(), allow_nan=False))["training"]["snr_db_range"] == [
        -5,
        10.5,
    ]


@pytest.mark.parametrize(
    "words",
    [
        "--snr-db-range 5",
        "--snr-db-range 5 6 7",
        "--snr-db-range 9 3",
        "--epochs 2.5",
        "--hardening slope",
        "--gradient exact",
        "--consistency-stages llr",
        "--clip-norm 0",
        "--lr-end 1.1",
        "--early-stop yes",
        "--vq-entropy-warning 1.0",
        "--preset best",
        "--defects radius-1 radius-2",
        "--resume --overwrite",
    ],
)
def test_what_is_wrong_is_refused_in_one_line(words, capsys):
    assert main(["train", *words.split()]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    named = words.split()[-1 if "early-stop" in words else 0]
    assert named.removeprefix("--").replace("-", "_") in message.replace("-", "_")


EXPECTED = {
    "basic": {},
    "conservative": {"alignment_start_epoch": 25, "temp_freeze_floor": 0.8, "lambda_consistency": 0.3},
    "aggressive": {"alignment_start_epoch": 15, "temp_freeze_floor": 0.6, "lambda_consistency": 1.0},
    "note": {
        "lambda_marginal": 0.0,
        "lr_schedule": "constant",
        "gradient": "surrogate",
        "random_codebook": True,
    },
    "legacy": {
        "alignment_start_epoch": 10_000,
        "temp_freeze_floor": 0.1,
        "lambda_marginal": 0.0,
        "lr_schedule": "constant",
        "random_codebook": True,
    },
}


@pytest.mark.parametrize("preset", EXPECTED)
def test_a_preset_sets_what_it_says_and_nothing_else(preset):
    config = read_options(["--preset", preset]).config.as_dict()
    assert config == {**TrainConfig().as_dict(), **EXPECTED[preset]}


def test_the_preset_legacy_trains_on_the_soft_path_alone_over_a_surrogate_with_defects():
    options = read_options(["--preset", "legacy"])
    named = ("per-bit-grouping", "batch-padding", "distance-softmax", "radius-2")
    assert set(options.link.defects) == set(named)
    assert options.link.as_dict() == {**LinkConfig().as_dict(), "defects": list(options.link.defects)}
    assert {options.config.phase(epoch) for epoch in range(1, 31)} == {"LEARNING"}
    assert options.config.vq_temp(30) == pytest.approx(0.97**29)  # 0.413: it never got to 0.1


def test_the_recommended_preset_is_a_valid_training():
    options = read_options(["--preset", "recommended"])
    for name, value in PRESETS["recommended"].items():
        assert setting(options, name) == value
    assert options.link == LinkConfig()


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_hold_only_settings_that_exist(preset):
    known = {one.name for one in (*fields(TrainConfig), *fields(LinkConfig))}
    assert set(PRESETS[preset]) <= known


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--preset aggressive --temp-freeze-floor 0.65", "temp_freeze_floor", 0.65),
        ("--temp-freeze-floor 0.65 --preset aggressive", "temp_freeze_floor", 0.65),
        ("--temp-freeze-floor=0.65 --preset=aggressive", "temp_freeze_floor", 0.65),
        ("--preset note --no-random-codebook", "random_codebook", False),
        ("--preset note --random-codebook", "random_codebook", True),
        ("--preset note --random_codebook", "random_codebook", True),
        ("--preset basic --no-random-codebook", "random_codebook", False),
        ("--preset note --gradient gumbel", "gradient", "gumbel"),
        ("--preset legacy --defects llr-scale", "defects", ("llr-scale",)),
        ("--preset legacy --defects", "defects", ()),
        ("--preset legacy --epochs 4", "epochs", 4),
        ("--preset legacy --tokens 15", "tokens", 15),
    ],
)
def test_what_is_given_beside_a_preset_wins(words, name, value):
    options = read_options(words.split())
    assert setting(options, name) == value
    preset = next(one for one in PRESETS if one in words)
    for other in set(PRESETS[preset]) - {name, "defects"}:
        assert setting(options, other) == PRESETS[preset][other]


def test_settings_are_taken_by_name():
    options = TrainOptions()
    options.take({"epochs": 3, "snr_db_range": [1.0, 2.0], "channel": "rayleigh", "other": 5})
    assert options.config == TrainConfig(epochs=3, snr_db_range=(1.0, 2.0))
    assert options.link == LinkConfig(channel="rayleigh")


@pytest.mark.parametrize("word", ["--run-dir", "--run_dir"])
@pytest.mark.parametrize("joined", [True, False])
def test_the_folder_to_go_on_in_is_found_however_it_is_written(tmp_path, word, joined):
    """Settings come from the run that --run-dir names, not from the default folder."""
    recorded = read_options(["--epochs", "7", "--early-stop", "--random-codebook"])
    (tmp_path / "config.json").write_text(json.dumps(recorded.as_dict()))
    where = [f"{word}={tmp_path}"] if joined else [word, str(tmp_path)]
    for again in ([], ["--epochs", "7", "--early-stop", "--random-codebook"]):
        options = read_options(["--resume", *where, *again])
        assert options.config == recorded.config
    with pytest.raises(ValueError, match="early-stop"):
        read_options(["--resume", *where, "--no-early-stop"])


def test_the_table_of_flags_is_well_formed():
    rows = [SimpleNamespace(requirement=r, flag=f) for r, f, _, _ in FLAGS]
    assert len({row.flag for row in rows}) == len(rows)
    wanted = {f"R{number}" for number in (*range(1, 14), 16)} - {"R9", "R10", "R12"}
    assert wanted <= {row.requirement for row in rows}, "R9, R10 and R12 are logged, without flags"


@pytest.mark.parametrize("gradient", ["mixed", "straight-through", "gumbel", "reinmax", "score-function"])
def test_end_to_end_is_all_surrogate(gradient):
    """Beside another gradient it would silently replace it."""
    with pytest.raises(ValueError, match="--gradient surrogate"):
        TrainConfig(gradient=gradient, surrogate_at="end-to-end")
    assert TrainConfig(gradient="surrogate", surrogate_at="end-to-end").surrogate_at == "end-to-end"
