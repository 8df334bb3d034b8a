"""MNIST, Fashion-MNIST and CIFAR-10 out of reach, broken, altered, or without torchvision."""

import pickle
import re
import socket
import sys
import time

import pytest
import torch
from helpers import vision_files
from helpers.vision_files import IDX_NAMES, TRAIN, compress, download_from, idx, trust, write_cifar, write_idx

from linksim_training import data_vision, load_data

# Fixtures that both files of tests share.
colour_digits, idx_digits, readers, serve = (
    vision_files.colour_digits,
    vision_files.idx_digits,
    vision_files.readers,
    vision_files.serve,
)


def refused(name, folder):
    """The one line with which a data set is refused; it names the data set."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - every message is checked below
        load_data(name, folder)
    message = str(caught.value)
    assert name in message
    assert message.isprintable()
    return message


@pytest.mark.parametrize("name", [*IDX_NAMES, "cifar10"])
def test_neither_there_nor_to_be_had(tmp_path, readers, name):
    message = refused(name, tmp_path)
    place = tmp_path / (f"{IDX_NAMES[name]}/raw" if name in IDX_NAMES else "cifar-10-batches-py")
    file = "train-images-idx3-ubyte" if name in IDX_NAMES else "data_batch_1"
    for part in (str(place), "refused", file, "mnist5k", "digits", ".npz"):
        assert part in message


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_server_that_does_not_answer(tmp_path, readers, name, monkeypatch):
    monkeypatch.setattr(data_vision, "TIMEOUT_SECONDS", 0.3)
    before = socket.getdefaulttimeout()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        download_from(f"http://127.0.0.1:{silent.getsockname()[1]}", readers, monkeypatch)
        start = time.monotonic()
        assert "timed out" in refused(name, tmp_path)
    assert time.monotonic() - start < 10
    assert socket.getdefaulttimeout() == before


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_server_that_sends_something_else(tmp_path, readers, name, serve, monkeypatch):
    (tmp_path / "served").mkdir()
    for file in ("train-images-idx3-ubyte.gz", "cifar-10-python.tar.gz"):
        (tmp_path / "served" / file).write_text("<html>Please log in</html>")
    download_from(serve(tmp_path / "served"), readers, monkeypatch)
    assert "corrupted" in refused(name, tmp_path / "data")


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_folder_that_is_a_file(tmp_path, readers, name):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused(name, tmp_path / "file")


class Trap:
    """Makes a file when unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("file", ["data_batch_1", "data_batch_4", "test_batch", "batches.meta"])
def test_altered_pickles_are_not_opened(tmp_path, readers, colour_digits, file, monkeypatch):
    folder = write_cifar(tmp_path, *colour_digits)
    trust(readers.CIFAR10, folder, monkeypatch)
    load_data("cifar10", tmp_path)
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    (folder / file).write_bytes(trap)
    assert str(folder) in refused("cifar10", tmp_path)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(trap).close()
    assert (tmp_path / "sprung").exists()


def test_batches_that_are_not_the_published_ones(tmp_path, readers, colour_digits):
    """The checksums that torchvision holds are those of CIFAR-10 itself."""
    folder = write_cifar(tmp_path, *colour_digits)
    (folder / "data_batch_1").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    refused("cifar10", tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_altered_compressed_idx_files(tmp_path, readers, idx_digits):
    folder = tmp_path / "MNIST" / "raw"
    write_idx(folder, *idx_digits)
    compress(folder)
    assert str(folder) in refused("mnist", tmp_path)


BROKEN_IDX = {
    "empty": lambda content: b"",
    "cut in its header": lambda content: content[:6],
    "cut": lambda content: content[: len(content) // 2],
    "text": lambda content: b"digits, one per line\n",
    "of another type": lambda content: content[:2] + b"\x0d" + content[3:],
    "of another shape": lambda content: content[:4] + b"\x00\x00\x00\x07" + content[8:],
}


@pytest.mark.parametrize("fault", BROKEN_IDX)
@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_broken_idx_files(tmp_path, readers, idx_digits, fault, kind):
    folder = tmp_path / "MNIST" / "raw"
    write_idx(folder, *idx_digits)
    file = folder / f"train-{kind}-ubyte"
    file.write_bytes(BROKEN_IDX[fault](file.read_bytes()))
    message = refused("mnist", tmp_path)
    assert str(folder) in message
    assert "delete it" in message


def test_fewer_labels_than_images(tmp_path, readers, idx_digits):
    folder = tmp_path / "MNIST" / "raw"
    write_idx(folder, *idx_digits)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(idx_digits[1][:100]))
    with pytest.raises(ValueError, match=rf"{re.escape(str(folder))}: y_train must hold {TRAIN}"):
        load_data("mnist", tmp_path)


@pytest.fixture
def without_torchvision():
    """As if it had not been imported yet; what the test imports in its place goes away afterwards."""

    def take():
        names = [name for name in sys.modules if name.split(".")[0] == "torchvision"]
        return {name: sys.modules.pop(name) for name in names}

    before = take()
    yield
    take()
    sys.modules.update(before)


def test_without_torchvision(tmp_path, without_torchvision, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert "pip install 'linksim[vision]'" in refused("cifar10", tmp_path)
    assert not list(tmp_path.iterdir())


def own_torchvision(folder, first_lines):
    (folder / "torchvision" / "datasets").mkdir(parents=True)
    (folder / "torchvision" / "__init__.py").write_text(f"{first_lines}\nfrom . import datasets\n")
    (folder / "torchvision" / "datasets" / "__init__.py").write_text("")


def test_a_torchvision_that_does_not_fit(tmp_path, without_torchvision, monkeypatch):
    own_torchvision(tmp_path, "raise RuntimeError('compiled with different CUDA major versions')")
    monkeypatch.syspath_prepend(tmp_path)
    message = refused("mnist", tmp_path)
    assert "different CUDA" in message
    assert torch.__version__ in message


def test_a_torchvision_without_its_compiled_operators(tmp_path, without_torchvision, monkeypatch):
    """It looks for them by name when imported, which need not keep anyone from reading data."""
    looks = "import torch\nfor name in ('one', 'two'):\n"
    looks += "    torch.library.register_fake(f'torchvision::linksim_test_{name}')(lambda: None)"
    own_torchvision(tmp_path, looks)
    monkeypatch.syspath_prepend(tmp_path)
    datasets = data_vision._torchvision_datasets("mnist")
    assert datasets.__file__ == str(tmp_path / "torchvision" / "datasets" / "__init__.py")
