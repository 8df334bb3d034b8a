"""The front page, --help of every command, --version."""

import importlib.metadata

import pytest

import linksim
from linksim.cli import COMMANDS, main

OPTIONS = {
    "train": "--dataset --preset --run-dir --overwrite --json --quiet --seed --epochs --batch-size --lr "
    "--alignment-start-epoch --temp-freeze-floor --lambda-entropy --lambda-consistency --lambda-marginal "
    "--lambda-vec --lambda-sym --lambda-vq --lambda-lb --modes --header-symbols --mode-floor "
    "--hardening --early-stop --entropy-warmup-epochs --snr-db-range --gradient --consistency-stages "
    "--defects --codebook-update --restart-dead-codes --lr-schedule --clip-norm --vq-entropy-warning "
    "--tokens --codebook-size --embedding-dim --bits-per-symbol --channel --snr-db",
    "audit": "--snr-db --vq-temp --symbol-temp --surrogate --draws --leave-out-ties --dataset --seed --json "
    "--out --quiet",
    "accuracy": "--snr-db --paths --vq-temp --symbol-temp --seed --json --out --quiet",
    "modes": "--snr-db --lambda-sym --draws --fit-draws --dataset --threads --seed --json --out --quiet",
    "ber": "--bits-per-symbol --channel --ebno-db --snr-db --max-bits --seed --json --out --quiet",
    "plot": "--labels --axis --rate --formats --title --json --out --quiet",
    "gradients": "--snr-db --vq-temp --problems --steps --skip-cost --seed --json --out --quiet",
    "speed": "--bits-per-symbol --demapper --subjects --ebno-db --threads --seconds --rounds --seed --out "
    "--json --quiet",
    "step-cost": "--steps --batch-size --memory --frames --tokens --codebook-size --bits-per-symbol "
    "--seed --json --quiet",
}


def run(capsys, *words):
    """Exit code and output; --help may leave by SystemExit."""
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code or 0
    output = capsys.readouterr()
    assert output.err == ""
    return code, output.out


@pytest.mark.parametrize("command", OPTIONS)
def test_help_of_a_command(capsys, command):
    code, text = run(capsys, command, "--help")
    assert code == 0
    assert f"linksim {command}" in text
    words = set(text.replace(",", " ").split())
    assert set(OPTIONS[command].split()) <= words


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_front_page_names_every_command(capsys, word):
    code, text = run(capsys, word)
    assert code == 0
    assert set(OPTIONS) <= set(COMMANDS)
    for name, (_, purpose) in COMMANDS.items():
        assert name in text
        assert purpose in text


def test_no_command(capsys):
    code, text = run(capsys)
    assert code == 2
    assert "usage: linksim COMMAND" in text


def test_version(capsys):
    code, text = run(capsys, "--version")
    assert code == 0
    assert text == f"linksim {linksim.__version__}\n"
    assert importlib.metadata.version("linksim") == linksim.__version__


def test_the_script_leads_here():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="linksim")
    assert script.load() is main


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_in_the_table_exists(command):
    module, function = COMMANDS[command][0].split(":")
    assert callable(getattr(importlib.import_module(module), function))
