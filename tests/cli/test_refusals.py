"""Bad input: one line, exit code 2, no traceback, and nothing half-written."""

import io
import shutil

import numpy as np
import pytest
import torch

from linksim.cli import main

SHORT = ["--epochs", "1", "--skip-noiseless", "--quiet", "--device", "cpu", "--tokens", "2"]
SHORT += ["--codebook-size", "4", "--embedding-dim", "4", "--alignment-start-epoch", "1"]
TINY_BER = ["ber", "--max-bits", "1000", "--bits-per-symbol", "2", "--channel", "awgn", "--ebno-db", "3"]

# Words after `train --dataset digits`, and what the line must name.
TRAINING = {
    "K = 1": (["--codebook-size", "1"], "codebook_size"),
    "odd m": (["--bits-per-symbol", "3"], "bits_per_symbol"),
    "large m": (["--bits-per-symbol", "12"], "bits_per_symbol"),
    "no tokens": (["--tokens", "0"], "tokens"),
    "negative epochs": (["--epochs", "-1"], "epochs"),
    "half an epoch": (["--epochs", "2.5"], "--epochs"),
    "alignment before the first epoch": (["--alignment-start-epoch", "0"], "alignment_start_epoch"),
    "SNR that is no number": (["--snr-db", "nan"], "--snr-db"),
    "infinite SNR": (["--snr-db", "inf"], "--snr-db"),
    "empty batches": (["--batch-size", "0"], "--batch-size"),
    "negative weight": (["--lambda-consistency", "-1"], "lambda_consistency"),
    "negative seed": (["--seed", "-1"], "seed"),
    "zero learning rate": (["--lr", "0"], "lr"),
    "floor of zero": (["--temp-freeze-floor", "0"], "temp_freeze_floor"),
    "unknown channel": (["--channel", "fog"], "--channel"),
    "unknown preset": (["--preset", "gentle"], "--preset"),
    "preset without a name": (["--preset"], "--preset"),
    "unknown option": (["--colour", "blue"], "--colour"),
    "a word too many": (["twice"], "twice"),
    "an option without value": (["--epochs"], "--epochs"),
    "unknown stage": (["--consistency-stages", "vq", "llr"], "--consistency-stages"),
    "unknown device": (["--device", "abacus"], "device"),
}


@pytest.mark.parametrize("fault", TRAINING)
def test_training(refused, tmp_path, fault):
    words, name = TRAINING[fault]
    line = refused("train", "--dataset", "digits", "--run-dir", tmp_path / "run", *words)
    assert line.startswith("linksim train: ")
    assert name in line
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(refused, tmp_path):
    line = refused("train", "--dataset", "digits", "--run-dir", tmp_path / "run", "--device", "cuda")
    assert "cuda" in line.lower()
    assert not list(tmp_path.iterdir())


def test_a_diverging_training_is_called_that(refused, tmp_path):
    words = ["--dataset", "digits", "--run-dir", tmp_path / "run", *SHORT, "--lr", "1e30"]
    line = refused("train", *words)
    assert "JSON" not in line
    assert "--lr" in line
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.mark.parametrize("name", ["mnist6k", "cifar", "data.csv"])
def test_unknown_data(refused, tmp_path, name):
    line = refused("train", "--dataset", name, "--run-dir", tmp_path / "run")
    assert repr(name) in line
    assert "mnist5k" in line
    assert not list(tmp_path.iterdir())


images = np.zeros((20, 6, 6), np.uint8)
labels = np.arange(20) % 2
DATA = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
FILES = {
    "missing": None,
    "text": b"no archive",
    "without test labels": {name: array for name, array in DATA.items() if name != "y_test"},
    "labels out of range": {**DATA, "y_test": labels + 1},
    "negative labels": {**DATA, "y_train": labels - 1},
    "pickled": {**DATA, "x_train": images.astype(object)},
}


@pytest.mark.parametrize("fault", FILES)
def test_data_files(refused, tmp_path, tree, fault):
    path = tmp_path / "own.npz"
    if isinstance(FILES[fault], bytes):
        path.write_bytes(FILES[fault])
    elif FILES[fault] is not None:
        np.savez(path, **FILES[fault])
    before = tree(tmp_path)
    assert "own.npz" in refused("train", "--dataset", path, "--run-dir", tmp_path / "run")
    assert tree(tmp_path) == before


def test_a_run_folder_in_use(refused, finished, tree):
    before = tree(finished.run)
    line = refused("train", "--dataset", "digits", "--run-dir", finished.run)
    assert "--overwrite" in line
    assert str(finished.run) in line
    assert tree(finished.run) == before


@pytest.mark.parametrize("words", [["--device", "abacus"], ["--codebook-size", "1"], ["--dataset", "no.npz"]])
def test_a_run_is_not_lost_to_a_command_that_fails(refused, finished, tmp_path, tree, words):
    """--overwrite replaces a run by another one, not by nothing."""
    run = tmp_path / "run"
    shutil.copytree(finished.run, run)
    before = tree(run)
    refused("train", "--dataset", "digits", "--run-dir", run, "--overwrite", *words)
    assert tree(run) == before


COMMANDS_ON_CHECKPOINTS = ("audit", "accuracy")


@pytest.mark.parametrize("command", COMMANDS_ON_CHECKPOINTS)
@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "another", "metadata", "folder"])
def test_checkpoints(refused, finished, tmp_path, command, kind):
    path = tmp_path / "model.pt"
    content = finished.checkpoint.read_bytes()
    if kind == "text":
        path.write_text("weights")
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "another":
        torch.save({"state_dict": {"weight": torch.zeros(3)}}, path)
    elif kind == "metadata":
        saved = torch.load(finished.checkpoint, weights_only=True)
        torch.save({**saved, "metadata": {}}, path)
    elif kind == "folder":
        path.mkdir()
    line = refused(command, path, "--out", tmp_path / "out")
    assert line.startswith(f"linksim {command}: ")
    assert str(path) in line
    assert not (tmp_path / "out").exists()


# Words after the checkpoint, and what the line must name.
TESTING = {
    "SNR that is no number": (["--snr-db", "nan"], "--snr-db"),
    "malformed range": (["--snr-db", "0:10"], "--snr-db"),
    "backward range": (["--snr-db", "0:10:-2"], "--snr-db"),
    "no SNR": (["--snr-db"], "--snr-db"),
    "temperature of zero": (["--vq-temp", "0"], "--vq-temp"),
    "negative temperature": (["--symbol-temp", "-1"], "--symbol-temp"),
    "negative seed": (["--seed", "-1"], "--seed"),
    "other images": (["--dataset", "mnist5k"], "mnist5k"),
    "unknown data": (["--dataset", "letters"], "letters"),
    "unknown option": (["--colour", "blue"], "--colour"),
    "noise beyond all numbers": (["--snr-db", "-400"], "snr"),
}


@pytest.mark.parametrize("command", COMMANDS_ON_CHECKPOINTS)
@pytest.mark.parametrize("fault", TESTING)
def test_options_of_tests(refused, finished, tmp_path, command, fault):
    words, name = TESTING[fault]
    assert name in refused(command, finished.checkpoint, "--out", tmp_path / "out", *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "name"),
    [(["--draws", "0"], "--draws"), (["--paths"], "--paths"), (["--paths", "rigid"], "--paths")],
)
def test_options_of_accuracy(refused, finished, tmp_path, words, name):
    assert name in refused("accuracy", finished.checkpoint, "--out", tmp_path / "out", *words)
    assert not list(tmp_path.iterdir())


def test_an_audit_of_one_image(refused, finished, tmp_path):
    """One frame has no interval."""
    from linksim_training import load_data

    data = load_data("digits")
    as_bytes = {f"x_{part}": (data.part(part)[0][:, 0] * 255).byte().numpy() for part in ("train", "test")}
    given = {"x_train": as_bytes["x_train"], "y_train": data.y_train.numpy()}
    np.savez(tmp_path / "one.npz", **given, x_test=as_bytes["x_test"][:1], y_test=np.zeros(1, int))
    line = refused("audit", finished.checkpoint, "--dataset", tmp_path / "one.npz", "--out", tmp_path / "out")
    assert "JSON" not in line
    assert not (tmp_path / "out").exists()


BER = {
    "odd m": (["--bits-per-symbol", "3"], "bits_per_symbol"),
    "no m": (["--bits-per-symbol"], "--bits-per-symbol"),
    "malformed range": (["--ebno-db", "0:14"], "--ebno-db"),
    "backward range": (["--ebno-db", "14:0:2"], "--ebno-db"),
    "words": (["--snr-db", "low"], "--snr-db"),
    "no bits": (["--max-bits", "0"], "--max-bits"),
    "bits that are no number": (["--max-bits", "nan"], "--max-bits"),
    "negative seed": (["--seed", "-4"], "--seed"),
    "both kinds of SNR": (["--snr-db", "5"], "--ebno-db"),
    "SNR beyond float32": (["--ebno-db", "400"], "snr_db"),
    "SNR beyond float32, without a closed form": (["--ebno-db", "250", "--code", "ldpc"], "snr_db"),
    "unknown demapper": (["--demapper", "exact"], "--demapper"),
}


@pytest.mark.parametrize("fault", BER)
def test_ber(refused, tmp_path, fault):
    words, name = BER[fault]
    assert name in refused(*TINY_BER, "--out", tmp_path / "out", *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--out", "--json"])
@pytest.mark.parametrize("command", ["ber", "audit", "accuracy"])
def test_output_that_cannot_be_written(refused, finished, tmp_path, tree, command, option):
    """A file stands where a folder is needed; nothing else is written either."""
    (tmp_path / "file").write_text("in the way")
    words = TINY_BER if command == "ber" else [command, finished.checkpoint, "--snr-db", "5"]
    given = {"--out": tmp_path / "out", option: tmp_path / "file" / "below"}
    before = tree(tmp_path)
    line = refused(*words, *(word for pair in given.items() for word in pair))
    assert "file" in line
    assert tree(tmp_path) == before


@pytest.mark.parametrize("option", ["--run-dir", "--json"])
def test_a_run_that_cannot_be_written(refused, tmp_path, tree, option):
    (tmp_path / "file").write_text("in the way")
    given = {"--run-dir": tmp_path / "run", option: tmp_path / "file" / "below"}
    before = tree(tmp_path)
    words = [word for pair in given.items() for word in pair]
    assert "file" in refused("train", "--dataset", "digits", *SHORT, *words)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("word", ["trian", "", "--verbose", "Train", "help"])
def test_unknown_commands(refused, word):
    line = refused(word)
    assert repr(word) in line
    assert "train" in line


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "ascii", "latin-1"])
def test_reasons_survive_every_encoding(refused, monkeypatch, encoding):
    """Messages are framed with other characters where standard output has no box-drawing ones."""
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert "--colour" in refused("train", "--colour", "blue")
    assert "2.5" in refused("train", "--epochs", "2.5")
    line = refused("ber", "--channel", "fog")
    assert "fog" in line
    assert "rayleigh" in line


def test_a_missing_checkpoint_argument(refused):
    for command in COMMANDS_ON_CHECKPOINTS:
        assert "heckpoint" in refused(command)


def test_traceback_on_request(monkeypatch):
    monkeypatch.setenv("LINKSIM_TRACEBACK", "1")
    with pytest.raises(ValueError, match="unknown data set"):
        main(["train", "--dataset", "letters"])


def test_an_interrupt_has_its_own_exit_code(monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("linksim_benchmarks.ber_command.points", interrupted)
    assert main(TINY_BER) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_refusals_of_a_process(in_a_process, finished, tmp_path):
    """The real thing: an unknown command, a bad setting, a truncated checkpoint."""
    broken = tmp_path / "broken.pt"
    broken.write_bytes(finished.checkpoint.read_bytes()[:1000])
    for words, name in (
        (["trian"], "trian"),
        (
            ["train", "--dataset", "digits", "--codebook-size", "1", "--run-dir", tmp_path / "run"],
            "codebook_size",
        ),
        (["audit", broken, "--out", tmp_path / "out"], "broken.pt"),
    ):
        result = in_a_process(*words)
        assert result.returncode == 2
        assert result.stderr.count("\n") == 1, result.stderr
        assert name in result.stderr
        assert result.stdout == ""
    assert list(tmp_path.iterdir()) == [broken]


@pytest.mark.parametrize("command", ["ber", "train"])
def test_a_folder_where_a_file_shall_be_written(refused, tmp_path, command):
    words = TINY_BER if command == "ber" else ["train", "--dataset", "digits", *SHORT]
    place = "--out" if command == "ber" else "--run-dir"
    assert "folder" in refused(*words, place, tmp_path / "new", "--json", tmp_path)
    assert not list(tmp_path.iterdir())
