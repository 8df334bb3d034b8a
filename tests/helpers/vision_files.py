"""Real files in the formats of MNIST and CIFAR-10, and someone to download them from."""

import gzip
import hashlib
import pickle
import socket
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from linksim_training import data_vision

IDX_NAMES = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
TRAIN, TEST = 1500, 297


@pytest.fixture(scope="module")
def idx_digits():
    """1,797 real digits, 28 by 28 and uint8, and their labels."""
    pixels, labels = load_digits(return_X_y=True)
    images = np.pad((pixels.reshape(-1, 8, 8) * 15.9).astype(np.uint8), ((0, 0), (1, 1), (1, 1)))
    return np.repeat(np.repeat(images, 3, 1), 3, 2)[:, 1:29, 1:29], labels


@pytest.fixture(scope="module")
def colour_digits(idx_digits):
    """The same digits, each in a colour of its own, as [n, 3, 32, 32]."""
    tint = np.random.default_rng(5).integers(64, 256, (len(idx_digits[0]), 3, 1, 1))
    images = np.pad(idx_digits[0], ((0, 0), (2, 2), (2, 2)))[:, None] * tint // 255
    return images.astype(np.uint8), idx_digits[1]


def idx(array):
    """The IDX format: two zeros, type 8 for uint8, the number of axes, their lengths, the values."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder, images, labels, train=TRAIN):
    folder.mkdir(parents=True, exist_ok=True)
    for part, chosen in (("train", slice(None, train)), ("t10k", slice(train, None))):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images[chosen]))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels[chosen]))


def write_cifar(folder, images, labels):
    """Five batches to train on, one to test with, and the names of the classes, as pickles."""
    folder = folder / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    parts = [*np.array_split(np.arange(TRAIN), 5), np.arange(TRAIN, TRAIN + TEST)]
    for name, chosen in zip([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"], parts, strict=True):
        batch = {
            "batch_label": name,
            "labels": labels[chosen].tolist(),
            "data": images[chosen].reshape(len(chosen), -1),
            "filenames": [f"{n}.png" for n in chosen],
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    names = {"label_names": [str(digit) for digit in range(10)], "num_cases_per_batch": TRAIN // 5}
    (folder / "batches.meta").write_bytes(pickle.dumps(names, protocol=2))
    return folder


def md5(path):
    return hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def readers(monkeypatch):
    """torchvision's classes, which find nobody to download from."""
    datasets = data_vision._torchvision_datasets("mnist")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    download_from(nobody, datasets, monkeypatch)
    return datasets


def download_from(address, datasets, monkeypatch):
    for reader in IDX_NAMES.values():
        monkeypatch.setattr(getattr(datasets, reader), "mirrors", [f"{address}/"])
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{address}/cifar-10-python.tar.gz")


def trust(reader, folder, monkeypatch):
    """Take the checksums of the files in a folder for the published ones."""
    if reader.__name__ in IDX_NAMES.values():
        expected = [(name, md5(folder / name)) for name, _ in reader.resources]
        monkeypatch.setattr(reader, "resources", expected)
        return
    for table in ("train_list", "test_list"):
        expected = [[name, md5(folder / name)] for name, _ in getattr(reader, table)]
        monkeypatch.setattr(reader, table, expected)
    monkeypatch.setattr(reader, "meta", {**reader.meta, "md5": md5(folder / "batches.meta")})


@pytest.fixture
def serve():
    """Serves a folder on this machine and gives its address."""
    servers = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def start(folder):
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def compress(folder):
    for file in list(folder.iterdir()):
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
