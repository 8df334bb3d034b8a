"""Reading a file that torch.save wrote, which may come from anyone."""

import math
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from linksim.archive.entries import Entries
from linksim.archive.limits import Limits
from linksim.archive.operations import Machine, Name
from linksim.archive.plain import check_plain

DTYPES = {
    "torch BFloat16Storage": torch.bfloat16,
    "torch BoolStorage": torch.bool,
    "torch ByteStorage": torch.uint8,
    "torch CharStorage": torch.int8,
    "torch DoubleStorage": torch.float64,
    "torch FloatStorage": torch.float32,
    "torch HalfStorage": torch.float16,
    "torch IntStorage": torch.int32,
    "torch LongStorage": torch.int64,
    "torch ShortStorage": torch.int16,
}
MOST_AXES = 8


def read_archive(path: Path, limits: Limits) -> Any:
    """Read plain values and tensors that torch.save wrote, on the CPU.

    Nothing is unpickled: names, numbers and sizes are read and compared with what the file holds, then
    tensors are made of its bytes. Memory is at most about twice the size of the file, and 300 bytes for each
    of `limits.values`.

    Args:
        path: of the file, which must exist.
        limits: on its content.

    Returns:
        numbers, texts, truth values, None, lists, tuples, dictionaries and tensors.

    Raises:
        NotPlain: if the file holds anything else; a ValueError.
        ValueError: if it is no such file, is truncated, damaged, or claims more than it holds.
    """
    with Entries(path, limits) as entries:
        entries.check_the_rest()
        if "byteorder" in entries and entries.read("byteorder") != sys.byteorder.encode():
            raise ValueError(f"its numbers are not in this machine's order of bytes, {sys.byteorder}")
        tensors = _Tensors(entries)
        machine = Machine(frozenset(DTYPES), tensors.storage, tensors.tensor)
        content = machine.run(entries.read("data.pkl"), 2 * limits.values)
        check_plain(content, limits.values)
        return content


class _Tensors:
    """Makes storages and tensors, and keeps count of what they claim."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._storages: dict[str, Tensor] = {}
        self._claimed = 0

    def storage(self, described: Any) -> Tensor:
        """[n] numbers of a storage, described as ("storage", dtype, key, device, n)."""
        kind, dtype, key, _, count = described
        if (
            kind != "storage"
            or not isinstance(dtype, Name)
            or dtype.text not in DTYPES
            or type(key) is not str
        ):
            raise ValueError("a storage of tensors is described in another way than torch.save does")
        name, numbers = f"data/{key}", DTYPES[dtype.text]
        if type(count) is not int or self._entries.size(name) != count * numbers.itemsize:
            raise ValueError(f"a tensor claims another size than its numbers have, {name}")
        if key not in self._storages:
            content = self._entries.read(name)
            if numbers == torch.bool and content.translate(None, b"\0\1"):
                raise ValueError(f"truth values are neither 0 nor 1, {name}")
            made = torch.frombuffer(content, dtype=numbers) if content else torch.empty(0, dtype=numbers)
            self._storages[key] = made
        if self._storages[key].dtype != numbers:
            raise ValueError(f"one storage has two dtypes, {name}")
        return self._storages[key]

    def tensor(self, arguments: tuple[Any, ...]) -> Tensor:
        """A tensor of the arguments (storage, offset, shape, strides, …) of torch's function."""
        storage, offset, shape, strides = arguments[:4]
        if not isinstance(storage, Tensor) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
            raise ValueError("a tensor is described in another way than torch.save does")
        sizes = (offset, *shape, *strides)
        if len(shape) != len(strides) or len(shape) > MOST_AXES or not all(type(one) is int for one in sizes):
            raise ValueError(f"a tensor has no shape, or more than {MOST_AXES} axes")
        if min(sizes) < 0:
            raise ValueError("a tensor has a negative size")
        count = math.prod(shape)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if count and (last >= len(storage) or count > len(storage)):
            raise ValueError(
                f"a tensor of shape {list(shape)} claims more numbers than the file holds for it"
            )
        if not count and max(sizes) > 2**40:
            raise ValueError("an empty tensor claims a huge size")
        self._claimed += count * storage.dtype.itemsize
        if self._claimed > self._entries.total:
            raise ValueError("its tensors claim more numbers than the file holds")
        return storage.as_strided(shape, strides, offset)
