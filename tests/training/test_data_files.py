"""Data of one's own in an .npz file: three layouts, and every way to be broken."""

import io
import zipfile

import numpy as np
import pytest
import torch

from linksim_training import load_data

PARTS = ("x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test")
random = np.random.default_rng(8)
COLOUR = random.integers(0, 256, (48, 3, 6, 5), dtype=np.uint8)
GREY = random.integers(0, 256, (48, 6, 5), dtype=np.uint8)
LABELS = np.arange(48) % 4


def arrays(images=GREY, **changes):
    """A good file's arrays: 32 images to train on and 16 to test with."""
    good = {
        "x_train": images[:32],
        "y_train": LABELS[:32],
        "x_test": images[32:],
        "y_test": LABELS[32:],
    }
    return {name: array for name, array in {**good, **changes}.items() if array is not None}


def load(path, content):
    np.savez(path, **content)
    return load_data(str(path))


def assert_equal(one, other):
    for part in PARTS:
        assert torch.equal(getattr(one, part), getattr(other, part)), part


def test_contents(tmp_path):
    data = load(tmp_path / "a.npz", arrays(COLOUR))
    assert data.image_shape == (3, 6, 5)
    assert data.classes == 4
    assert torch.equal(data.x_test, torch.from_numpy(COLOUR[32:]).float() / 255)
    assert data.y_test.tolist() == LABELS[32:].tolist()
    kept = torch.cat([data.x_train, data.x_validation])
    assert len(data.x_validation) == 4
    assert torch.equal(
        kept.flatten(1).unique(dim=0), (torch.from_numpy(COLOUR[:32]) / 255).flatten(1).unique(dim=0)
    )


def test_layouts_of_grey_images(tmp_path):
    plain, last, first = (
        load(tmp_path / f"{number}.npz", arrays(images))
        for number, images in enumerate((GREY, GREY[..., None], GREY[:, None]))
    )
    assert plain.image_shape == (1, 6, 5)
    assert_equal(plain, last)
    assert_equal(plain, first)


def test_layouts_of_colour_images(tmp_path):
    first = load(tmp_path / "first.npz", arrays(COLOUR))
    last = load(tmp_path / "last.npz", arrays(COLOUR.transpose(0, 2, 3, 1)))
    assert_equal(first, last)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64])
def test_labels_of_any_whole_type(tmp_path, dtype):
    data = load(
        tmp_path / "a.npz", arrays(y_train=LABELS[:32].astype(dtype), y_test=LABELS[32:].astype(dtype))
    )
    assert data.y_test.dtype == torch.int64
    assert data.y_test.tolist() == LABELS[32:].tolist()


def test_a_compressed_file(tmp_path):
    np.savez_compressed(tmp_path / "b.npz", **arrays())
    assert_equal(load(tmp_path / "a.npz", arrays()), load_data(str(tmp_path / "b.npz")))


def test_fewer_test_images_than_classes(tmp_path):
    """Labels are judged by the classes there are, not by how many images a part has."""
    data = load(tmp_path / "a.npz", arrays(x_test=GREY[:2], y_test=np.array([3, 2])))
    assert data.y_test.tolist() == [3, 2]


def unpicklable():
    images = np.empty(32, dtype=object)
    images[:] = list(GREY[:32])
    return images


# What is wrong, and a word that the message must contain.
BROKEN = {
    "no x_train": ({"x_train": None}, "x_train"),
    "no y_test": ({"y_test": None}, "y_test"),
    "float images": ({"x_train": GREY[:32] / 255}, "uint8"),
    "signed images": ({"x_test": GREY[32:].astype(np.int8)}, "uint8"),
    "flat images": ({"x_train": GREY[:32].reshape(32, -1)}, "shape"),
    "images of five axes": ({"x_train": GREY[:32, None, None]}, "shape"),
    "two channels": ({"x_train": np.zeros((32, 6, 5, 2), np.uint8)}, "channels"),
    "a number for images": ({"x_train": np.uint8(3)}, "x_train"),
    "no training images": ({"x_train": GREY[:0], "y_train": LABELS[:0]}, "x_train"),
    "no test images": ({"x_test": GREY[:0], "y_test": LABELS[:0]}, "x_test"),
    "images without pixels": ({"x_train": GREY[:32, :0]}, "x_train"),
    "other test shape": ({"x_test": GREY[32:, :4]}, "x_test"),
    "float labels": ({"y_train": LABELS[:32].astype(float)}, "y_train"),
    "true and false as labels": ({"y_train": LABELS[:32] > 1}, "y_train"),
    "text as labels": ({"y_test": LABELS[32:].astype(str)}, "y_test"),
    "one-hot labels": ({"y_train": np.eye(4, dtype=int)[LABELS[:32]]}, "y_train"),
    "negative labels": ({"y_train": LABELS[:32] - 1}, "y_train"),
    "huge labels": ({"y_train": np.where(LABELS[:32] == 3, 2**40, LABELS[:32])}, "y_train"),
    "unknown test label": ({"y_test": np.where(LABELS[32:] == 3, 4, LABELS[32:])}, "y_test"),
    "too few labels": ({"y_train": LABELS[:31]}, "y_train"),
    "too many labels": ({"y_test": LABELS[:17]}, "y_test"),
    "a class without images": ({"y_train": np.where(LABELS[:32] == 1, 2, LABELS[:32])}, "two"),
    "a class with one image": ({"y_train": np.where(np.arange(32) == 0, 4, LABELS[:32])}, "two"),
    "one class": ({"y_train": 0 * LABELS[:32], "y_test": 0 * LABELS[32:]}, "two"),
    "pickled images": ({"x_train": unpicklable()}, "pickle"),
    "pickled labels": ({"y_test": LABELS[32:].astype(object)}, "pickle"),
}


def refused(path):
    """The one line with which a file is refused; it names the file."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - every message is checked below
        load_data(str(path))
    message = str(caught.value)
    assert str(path) in message
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("fault", BROKEN)
def test_unfit_arrays(tmp_path, fault):
    changes, word = BROKEN[fault]
    np.savez(tmp_path / "own.npz", **arrays(**changes))
    assert word in refused(tmp_path / "own.npz")


def as_bytes(content, compressed=False):
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **content)
    return file.getvalue()


def lying_header():
    """x_train.npy claims 4,000 times the images it holds."""
    inner = io.BytesIO()
    claims = {"descr": "|u1", "fortran_order": False, "shape": (128000, 6, 5)}
    np.lib.format.write_array_header_1_0(inner, claims)
    return member("x_train.npy", inner.getvalue() + GREY[:32].tobytes())


def member(name, content):
    """A file whose member for x_train holds something else."""
    file = io.BytesIO()
    np.savez(file, **arrays(x_train=None))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def patched(offset_in_entry, offset_in_directory, value):
    """A good file with one byte of each entry's header changed, in both places where it stands."""
    content = bytearray(as_bytes(arrays()))
    for signature, offset in ((b"PK\x03\x04", offset_in_entry), (b"PK\x01\x02", offset_in_directory)):
        place = -1
        while (place := content.find(signature, place + 1)) >= 0:
            content[place + offset] = value
    return bytes(content)


GOOD = as_bytes(arrays())
DAMAGED = bytearray(as_bytes(arrays(COLOUR), compressed=True))
DAMAGED[400:420] = bytes(20)

FILES = {
    "an empty file": b"",
    "text": b"x_train, y_train\n",
    "one array": (lambda file: (np.save(file, GREY), file.getvalue())[1])(io.BytesIO()),
    "a pickle": b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94K\x01a.",
    "cut in the middle": GOOD[: len(GOOD) // 2],
    "cut near the end": GOOD[:-30],
    "damaged": bytes(DAMAGED),
    "a member that is no array": member("x_train.npy", b"hello"),
    "a member without ending": member("x_train", b"hello"),
    "an empty member": member("x_train.npy", b""),
    "a header that lies": lying_header(),
    "encrypted": patched(6, 8, 1),
    "an unknown compression": patched(8, 10, 99),
}


@pytest.mark.parametrize("fault", FILES)
def test_broken_files(tmp_path, fault):
    path = tmp_path / "own.npz"
    path.write_bytes(FILES[fault])
    refused(path)


@pytest.mark.parametrize("share", [0.05, 0.35, 0.65, 0.95])
def test_truncated_files(tmp_path, share):
    path = tmp_path / "own.npz"
    path.write_bytes(GOOD[: int(share * len(GOOD))])
    refused(path)


class Trap:
    """Makes a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_are_not_run(tmp_path):
    trap = np.array([Trap(str(tmp_path / "sprung"))] * 32, dtype=object)
    np.savez(tmp_path / "own.npz", **arrays(y_train=trap))
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is checked above
        load_data(str(tmp_path / "own.npz"))
    assert not (tmp_path / "sprung").exists()
