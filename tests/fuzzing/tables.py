"""Mutated tables, which the manifest vouches for."""

import io
import random
from pathlib import Path

import numpy as np
from fuzzing.manifests import sign
from fuzzing.values import damaged

HEADERS = [
    "{'descr': '|O', 'fortran_order': False, 'shape': (4,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1" + "0" * 30 + ")}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 90 + ")" * 90 + "}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 90 + ")}",
    "{'descr': '<f4', 'fortran_order': True, 'shape': (4L, 4L)}",
    "{'descr': ('<f4', (1000000000,)), 'fortran_order': False, 'shape': ()}",
    "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (4,)}",
    "{'descr': '\\d', 'fortran_order': False, 'shape': (4,)}",
    "{'descr': '|S0', 'fortran_order': False, 'shape': (1000000000,)}",
    "{'descr': '|V1000000000', 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '<f4', 'fortran_order': 1, 'shape': (4,)}",
    "{'descr': '<f4', 'shape': (4,)}",
    "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (4,)}",
    "__import__('os').system('touch owned')",
    "{'a': " * 200,
    "9" * 900,
]
DTYPES = ["<f2", "<f8", ">f4", "<i8", "<i4", "|i1", "|u1", "|b1", "<c8", "<c16", "<U4", "<u2", "<i2", "<f4"]


def mutate_table(rng: random.Random, folder: Path) -> str:
    """Change one table or test vector of a bundle, and sign it; returns what was done."""
    path = rng.choice(sorted(folder.glob("t*/*.npy")))
    action = rng.choice([_values] * 4 + [_shape, _dtype, _header, _header, _bytes])
    path.write_bytes(action(rng, path.read_bytes()))
    sign(folder, describe=rng.random() < 0.7)
    return f"{action.__name__.strip('_')} of {path.parent.name}/{path.stem}"


def _stored(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version, allow_pickle=False)
    return buffer.getvalue()


def _values(rng: random.Random, content: bytes) -> bytes:
    array = np.load(io.BytesIO(content)).copy()
    flat = array.reshape(-1)
    if not len(flat):
        return _stored(np.zeros(3, array.dtype))
    if array.dtype.kind in "fc":
        extremes = [np.nan, np.inf, -np.inf, 0, 1e38, -1e38, 1e-45, 1e30, 2, flat[0]]
    else:
        limits = np.iinfo(array.dtype)
        extremes = [limits.min, limits.max, 0, 1, 2, limits.max // 2, flat[0]]
    kind = rng.randrange(5)
    if kind == 0:
        flat[:] = rng.choice(extremes)
    elif kind == 1:
        flat[:] = flat[::-1].copy()
    elif kind == 2:
        flat[:] = np.frombuffer(rng.randbytes(flat.nbytes), array.dtype)
    else:
        for _ in range(rng.choice([1, 1, 3])):
            flat[rng.randrange(len(flat))] = rng.choice(extremes)
    return _stored(array)


def _shape(rng: random.Random, content: bytes) -> bytes:
    array = np.load(io.BytesIO(content))
    others = [
        lambda: array[:-1],
        lambda: array[:0],
        lambda: np.concatenate([array, array]),
        lambda: np.concatenate([array] * 200),
        lambda: array.reshape(-1),
        lambda: array[None],
        lambda: np.asfortranarray(array),
        lambda: array.T,
        lambda: array.reshape(-1)[0] if array.size else array,
    ]
    return _stored(np.asarray(rng.choice(others)()), rng.choice([(1, 0), (1, 0), (2, 0), (3, 0)]))


def _dtype(rng: random.Random, content: bytes) -> bytes:
    array = np.load(io.BytesIO(content))
    with np.errstate(all="ignore"):
        real = array.real if array.dtype.kind == "c" else array
        return _stored(real.astype(rng.choice(DTYPES)))


def _header(rng: random.Random, content: bytes) -> bytes:
    """Another description of the same numbers."""
    size = int.from_bytes(content[8:10], "little")
    header = rng.choice(HEADERS).encode() + b"\n"
    length = rng.choice([len(header)] * 4 + [0, 65535, 1])
    version = rng.choice([b"\x01\0"] * 5 + [b"\x02\0", b"\x03\0", b"\x09\0"])
    return content[:6] + version + length.to_bytes(2, "little") + header + content[10 + size :]


def _bytes(rng: random.Random, content: bytes) -> bytes:
    return damaged(rng, content)
