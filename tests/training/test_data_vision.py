"""MNIST, Fashion-MNIST and CIFAR-10: real files of their formats, read, split and downloaded."""

import shutil
import tarfile

import numpy as np
import pytest
import torch
from helpers import vision_files
from helpers.vision_files import (
    IDX_NAMES,
    TEST,
    TRAIN,
    compress,
    download_from,
    md5,
    trust,
    write_cifar,
    write_idx,
)

from linksim_training import load_data

# Fixtures that both files of tests share.
colour_digits, idx_digits, readers, serve = (
    vision_files.colour_digits,
    vision_files.idx_digits,
    vision_files.readers,
    vision_files.serve,
)
PARTS = ("train", "validation", "test")


def check_contents(data, images, labels, shape):
    """The test part as it stands, the train part split evenly; nothing lost, nothing twice."""
    assert data.image_shape == shape
    assert data.classes == 10
    images = torch.from_numpy(images.reshape(-1, *shape))
    assert torch.equal(data.x_test, images[TRAIN:].float() / 255)
    assert data.y_test.tolist() == labels[TRAIN:].tolist()
    assert [len(data.part(part)[1]) for part in PARTS] == [1312, 188, TEST]
    kept = {}
    for part in ("train", "validation"):
        x, y = data.part(part)
        assert x.dtype == torch.float32
        assert y.dtype == torch.int64
        kept |= {image.numpy().tobytes(): int(label) for image, label in zip(x, y, strict=True)}
        share = len(y) / TRAIN
        counts = torch.bincount(torch.from_numpy(labels[:TRAIN]), minlength=10)
        assert bool(((torch.bincount(y, minlength=10) - share * counts).abs() <= 1.5).all())
    expected = (images[:TRAIN].float() / 255).numpy()
    assert kept == {image.tobytes(): int(label) for image, label in zip(expected, labels, strict=False)}


@pytest.mark.parametrize("name", IDX_NAMES)
def test_idx_files(tmp_path, readers, idx_digits, name):
    write_idx(tmp_path / IDX_NAMES[name] / "raw", *idx_digits)
    data = load_data(name, tmp_path)
    assert data.name == name
    check_contents(data, *idx_digits, (1, 28, 28))


@pytest.mark.parametrize("name", IDX_NAMES)
def test_compressed_idx_files(tmp_path, readers, idx_digits, name, monkeypatch):
    folder = tmp_path / IDX_NAMES[name] / "raw"
    write_idx(folder, *idx_digits)
    compress(folder)
    trust(getattr(readers, IDX_NAMES[name]), folder, monkeypatch)
    check_contents(load_data(name, str(tmp_path)), *idx_digits, (1, 28, 28))


def test_cifar_batches(tmp_path, readers, colour_digits, monkeypatch):
    trust(readers.CIFAR10, write_cifar(tmp_path, *colour_digits), monkeypatch)
    data = load_data("cifar10", tmp_path)
    assert data.name == "cifar10"
    check_contents(data, *colour_digits, (3, 32, 32))


def test_at_most_5000_images_to_validate_with(tmp_path, readers, idx_digits):
    images, labels = (np.tile(part, (25, *[1] * (part.ndim - 1))) for part in idx_digits)
    write_idx(tmp_path / "MNIST" / "raw", images[:, ::7, ::7], labels, train=42000)
    data = load_data("mnist", tmp_path)
    assert [len(data.part(part)[1]) for part in PARTS] == [37000, 5000, 25 * 1797 - 42000]


def test_idx_files_are_downloaded_once(tmp_path, readers, idx_digits, serve, monkeypatch):
    write_idx(tmp_path / "served", *idx_digits)
    compress(tmp_path / "served")
    trust(readers.MNIST, tmp_path / "served", monkeypatch)
    download_from(serve(tmp_path / "served"), readers, monkeypatch)
    first = load_data("mnist", tmp_path / "data")
    check_contents(first, *idx_digits, (1, 28, 28))
    shutil.rmtree(tmp_path / "served")
    assert torch.equal(load_data("mnist", tmp_path / "data").x_train, first.x_train)


def test_cifar_is_downloaded_once(tmp_path, readers, colour_digits, serve, monkeypatch):
    batches = write_cifar(tmp_path / "made", *colour_digits)
    trust(readers.CIFAR10, batches, monkeypatch)
    (tmp_path / "served").mkdir()
    archive = tmp_path / "served" / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(batches, batches.name)
    monkeypatch.setattr(readers.CIFAR10, "tgz_md5", md5(archive))
    download_from(serve(archive.parent), readers, monkeypatch)
    first = load_data("cifar10", tmp_path / "data")
    check_contents(first, *colour_digits, (3, 32, 32))
    archive.unlink()
    assert torch.equal(load_data("cifar10", tmp_path / "data").x_train, first.x_train)


def test_which_folder(tmp_path, readers, idx_digits, monkeypatch):
    """The argument, else LINKSIM_DATA, else ~/.cache/linksim."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LINKSIM_DATA", raising=False)
    homes = [tmp_path / "given", tmp_path / "named", tmp_path / "home" / ".cache" / "linksim"]
    for number, home in enumerate(homes):
        write_idx(home / "MNIST" / "raw", idx_digits[0] // (number + 1), idx_digits[1])
    assert load_data("mnist").x_test.max() == pytest.approx((idx_digits[0] // 3).max() / 255)
    monkeypatch.setenv("LINKSIM_DATA", str(homes[1]))
    assert load_data("mnist").x_test.max() == pytest.approx((idx_digits[0] // 2).max() / 255)
    assert load_data("mnist", homes[0]).x_test.max() == pytest.approx(idx_digits[0].max() / 255)
    assert load_data("mnist", "~/.cache/linksim").x_test.max() < 0.4
