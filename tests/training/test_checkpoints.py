"""Checkpoints: what is written comes back, which epoch each file holds, and what is refused."""

import copy
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch

from linksim import Link, LinkConfig
from linksim_training import SemanticModel, load_checkpoint
from linksim_training.checkpoints import save_checkpoint
from linksim_training.run_folder import RunFolder

METADATA = {"data": "digits", "snr_db": 3.5, "epoch": 4, "options": {"seed": 1, "stages": ["vq"]}}


@pytest.fixture
def saved(make_model, tmp_path):
    """A model and the file it is saved in."""
    model = make_model(seed=9, channel="rayleigh", decision="map")
    model.link.vq_temp, model.link.symbol_temp = 0.31, 0.47
    path = tmp_path / "model.pt"
    save_checkpoint(path, model, METADATA)
    return model, path


def refused(path):
    """The one line with which a file is refused; it names the file."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - every message is checked below
        load_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()  # one line, no colours
    return message


def test_round_trip(saved):
    model, path = saved
    checkpoint = load_checkpoint(path)
    assert checkpoint.metadata == METADATA
    assert not checkpoint.model.training
    assert checkpoint.model.link.config == model.link.config
    assert (checkpoint.model.link.vq_temp, checkpoint.model.link.symbol_temp) == (0.31, 0.47)
    ours, theirs = model.state_dict(), checkpoint.model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_contents_are_plain(saved):
    _, path = saved
    content = torch.load(path, weights_only=True)
    assert all(isinstance(tensor, torch.Tensor) for tensor in content["model_state_dict"].values())
    assert content["metadata"] == METADATA


def test_loading_leaves_the_global_generator_alone(saved):
    before = torch.get_rng_state()
    load_checkpoint(saved[1])
    assert torch.equal(torch.get_rng_state(), before)


def test_an_interrupted_write_keeps_the_old_file(saved):
    model, path = saved
    before = path.read_bytes()
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever pickling a function raises
        save_checkpoint(path, model, {"metadata": lambda: 0})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_model_with_own_networks(tmp_path, small_link):
    link = Link(small_link)
    model = SemanticModel(torch.nn.Flatten(), link, torch.nn.Linear(3, 2))
    save_checkpoint(tmp_path / "own.pt", model, {})
    assert "model_state_dict" in refused(tmp_path / "own.pt")
    content = torch.load(tmp_path / "own.pt", weights_only=True)
    fresh = SemanticModel(torch.nn.Flatten(), Link(small_link), torch.nn.Linear(3, 2))
    fresh.load_state_dict(content["model_state_dict"])
    assert torch.equal(fresh.link.codebook, link.codebook)


def row(epoch, soft, hard):
    """What an epoch logs, as far as a run folder needs it."""
    val = {"soft_accuracy": soft, "hard_accuracy": hard}
    schedule = {"vq_temp": 1.0, "symbol_temp": 1.0, "lr": 0.1}
    return {
        "epoch": epoch,
        **schedule,
        "train": {"loss": 1.0},
        "val": val,
        "mismatch": {},
        "codebook": {"usage": [0.5, 0.5]},
    }


def test_best_of_each_path_and_last(make_model, tmp_path):
    """The epoch with the best validation accuracy of the path, the earliest of equals."""
    folder, model = RunFolder(tmp_path / "run"), make_model()
    soft, hard = (0.5, 0.7, 0.7, 0.6, 0.1), (0.4, 0.2, 0.6, 0.5, 0.6)
    for epoch, accuracies in enumerate(zip(soft, hard, strict=True), 1):
        with torch.no_grad():
            model.link.codebook.fill_(float(epoch))
        folder.add_epoch(model, row(epoch, *accuracies), {"data": "digits"})
    folder.write_summary({})
    for name, epoch in {"best_model": 2, "best_hard_model": 3, "last_model": 5}.items():
        checkpoint = load_checkpoint(folder.checkpoints / f"{name}.pt")
        assert checkpoint.metadata["epoch"] == epoch
        assert checkpoint.metadata["val"]["hard_accuracy"] == hard[epoch - 1]
        assert checkpoint.metadata["data"] == "digits"
        assert bool((checkpoint.model.link.codebook == epoch).all())


def test_a_run_of_zero_accuracy_has_its_checkpoints(make_model, tmp_path):
    folder = RunFolder(tmp_path)
    folder.add_epoch(make_model(), row(1, 0.0, 0.0), {})
    folder.write_summary({})
    assert {path.name for path in folder.checkpoints.iterdir()} == {
        "best_model.pt",
        "best_hard_model.pt",
        "last_model.pt",
    }


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.pt"):
        load_checkpoint(tmp_path / "absent.pt")
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_truncated_files(saved, share):
    _, path = saved
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "truncated" in refused(path)


def zipped(**members):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name.replace("_", "/", 1), content)

    return write


def one_of_two_volumes(path):
    """The end of a zip file that goes on in another file."""
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 2)
    path.write_bytes(b"PK\x03\x04" + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", *[0] * 7))


OTHER_FILES = {
    "random bytes": lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
    "text": lambda path: path.write_text("epoch,accuracy\n1,0.5\n"),
    "a zip file": zipped(readme="hello"),
    "a zip file without members": zipped(),
    "a part of a zip file": one_of_two_volumes,
    "an empty pickle": zipped(**{"model_data.pkl": b"", "model_version": b"3"}),
    "a broken pickle": zipped(**{"model_data.pkl": b"garbage", "model_version": b"3"}),
    "a bare pickle": lambda path: path.write_bytes(pickle.dumps({"format": "linksim checkpoint 1"})),
    "a tensor": lambda path: torch.save(torch.zeros(3), path),
    "a list": lambda path: torch.save([1, 2], path),
    "nothing": lambda path: torch.save(None, path),
    "an empty dictionary": lambda path: torch.save({}, path),
    "somebody else's checkpoint": lambda path: torch.save({"model_state_dict": {}, "epoch": 3}, path),
    "an .npz file": lambda path: np.savez(path.open("wb"), x=np.zeros(3)),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_other_files(tmp_path, kind):
    OTHER_FILES[kind](tmp_path / "other.pt")
    refused(tmp_path / "other.pt")


def edited(**changes):
    return lambda content: content.update(changes)


CONTRADICTIONS = {
    "another format": edited(format="linksim checkpoint 99"),
    "no specification": lambda content: content.pop("spec"),
    "a list for a specification": edited(spec=[1, 2]),
    "more tokens": lambda content: content["spec"]["link"].update(tokens=5),
    "another embedding": lambda content: content["spec"]["link"].update(embedding_dim=9),
    "more classes": lambda content: content["spec"].update(classes=11),
    "other images": lambda content: content["spec"].update(image_shape=[3, 8, 8]),
    "images without end": lambda content: content["spec"].update(image_shape=[1, float("inf"), 8]),
    "K = 1": lambda content: content["spec"]["link"].update(codebook_size=1),
    "odd m": lambda content: content["spec"]["link"].update(bits_per_symbol=3),
    "an unknown setting": lambda content: content["spec"]["link"].update(colour="blue"),
    "no link": lambda content: content["spec"].pop("link"),
    "no codebook": lambda content: content["model_state_dict"].pop("transceiver_dig.codebook"),
    "an unknown tensor": lambda content: content["model_state_dict"].update(other=torch.zeros(2)),
    "text for a tensor": lambda content: content["model_state_dict"].update({"head.logits.bias": "zero"}),
    "a list for tensors": edited(model_state_dict=[1]),
    "no temperature": edited(temperatures={"vq_temp": 1.0}),
    "a negative temperature": lambda content: content["temperatures"].update(vq_temp=-0.5),
    "a temperature that is not a number": lambda content: content["temperatures"].update(
        symbol_temp=float("nan")
    ),
    "a list for metadata": edited(metadata=[1, 2]),
    "no metadata": edited(metadata=None),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_files_that_contradict_themselves(saved, kind):
    _, path = saved
    content = copy.deepcopy(torch.load(path, weights_only=True))
    CONTRADICTIONS[kind](content)
    torch.save(content, path)
    refused(path)


@pytest.mark.parametrize("kind", ["more tokens", "no codebook", "more classes"])
def test_tensors_that_do_not_fit_are_named(saved, kind):
    _, path = saved
    content = torch.load(path, weights_only=True)
    CONTRADICTIONS[kind](content)
    torch.save(content, path)
    message = refused(path)
    assert any(name in message for name in content["model_state_dict"]) or "codebook" in message


class Trap:
    """Makes a folder when unpickled."""

    def __init__(self, path, maker):
        self.path = path
        self.maker = maker

    def __reduce__(self):
        return self.maker, (self.path,)


@pytest.mark.parametrize("maker", [os.mkdir, os.makedirs])
@pytest.mark.parametrize("place", ["metadata", "spec", "model_state_dict", "everything", "bare pickle"])
def test_code_in_a_file_is_not_run(saved, tmp_path, place, maker):
    _, path = saved
    trap = Trap(str(tmp_path / "sprung"), maker)
    if place == "bare pickle":
        path.write_bytes(pickle.dumps(trap))
    elif place == "everything":
        torch.save(trap, path)
    else:
        content = torch.load(path, weights_only=True)
        content[place]["trap"] = trap
        torch.save(content, path)
    message = refused(path)
    assert not (tmp_path / "sprung").exists()
    # PyTorch's own message tells how to load the file nevertheless, which would run the code.
    assert "weights_only" not in message
    assert "can still be loaded" not in message


def test_damaged_files(saved):
    """Wherever bytes are changed, a file loads or is refused in one line."""
    _, path = saved
    content = path.read_bytes()
    random = np.random.default_rng(1)
    pickled = content.index(b"data.pkl")
    regions = {
        "whole": (0, len(content)),
        "pickle": (pickled, pickled + 3000),
        "end": (len(content) - 2500, len(content)),
    }
    for first, last in regions.values():
        for _ in range(40):
            damaged = bytearray(content)
            for place in random.integers(first, last, random.integers(1, 8)):
                damaged[place] = random.integers(256)
            path.write_bytes(damaged)
            try:
                load_checkpoint(path)
            except ValueError as error:
                message = str(error)
                assert str(path) in message
                assert len(message.splitlines()) == 1


def test_a_run_is_not_overwritten_unasked(tmp_path, make_model):
    folder = RunFolder(tmp_path / "run")
    folder.begin({"seed": 1})
    folder.add_epoch(make_model(), row(1, 0.5, 0.5), {})
    folder.write_summary({})
    (tmp_path / "run" / "notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match="--overwrite"):
        RunFolder(tmp_path / "run")
    assert before == {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    again = RunFolder(tmp_path / "run", overwrite=True)
    again.begin({"seed": 2})
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert not list(again.path.glob("checkpoints/*"))


def test_link_of_a_checkpoint_is_described_by_numbers_and_names(saved):
    spec = torch.load(saved[1], weights_only=True)["spec"]
    assert LinkConfig(**spec["link"]) == saved[0].link.config
