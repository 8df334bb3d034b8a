"""Checkpoints written by hand: pickles that would run something, grow without end, or lie."""

import io
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path


class Imports:
    """What unpickling would call."""

    def __init__(self, function: Callable, *arguments) -> None:
        self._called = (function, arguments)

    def __reduce__(self):
        return self._called


def text(value: str) -> bytes:
    """The operation that puts a text on the stack."""
    content = value.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def storage(kind: str, key: str, count: int) -> bytes:
    """The operations that name a storage."""
    described = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu")
    return described + b"J" + struct.pack("<i", count) + b"tQ"


def tensor(key: str, count: int, shape: list[int], strides: list[int], offset: int = 0) -> bytes:
    """The operations that make a tensor."""
    sizes = [b"(" + b"".join(_whole(one) for one in numbers) + b"t" for numbers in (shape, strides)]
    made = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage("FloatStorage", key, count) + _whole(offset)
    return made + b"".join(sizes) + b"\x89ccollections\nOrderedDict\n)RtR"


def _whole(value: int) -> bytes:
    size = (value.bit_length() + 8) // 8
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def checkpoint(weights: bytes, metadata: bytes = b"}") -> bytes:
    """A pickle of a checkpoint whose weights and metadata are made by the operations given."""
    parts = {"model_state_dict": weights, "spec": b"}", "temperatures": b"}", "metadata": metadata}
    items = text("format") + text("linksim checkpoint 1") + b"".join(text(k) + v for k, v in parts.items())
    return b"\x80\x02}(" + items + b"u."


LAUGHS = b"]" + b"".join(b"q" + bytes([i]) + b"](" + (b"h" + bytes([i])) * 10 + b"e" for i in range(40))
GROWING = (
    b"c_codecs\nencode\nq\0"
    + text("A")
    + b"".join(b"q\1h\0h\1" + text("hex") + b"\x86R" for _ in range(3))
    + b"0"
)
HAND_MADE = {
    "huge bytearray": checkpoint(b"}", b"cbuiltins\nbytearray\n(" + _whole(2 * 10**9) + b"tR"),
    "huge place in memory": checkpoint(b"}", b"}r" + struct.pack("<I", 2**31)),
    "growing text": checkpoint(b"}", GROWING),
    "lists of lists": checkpoint(b"}", LAUGHS),
    "list in itself": checkpoint(b"}", b"]q\0(" + b"h\0" * 5 + b"e"),
    "deep list": checkpoint(b"}", b"]" * 100_000 + b"a" * 99_999),
    "many values": checkpoint(b"}", b"](" + b"}" * 3_000_000 + b"e"),
    "stride 0": checkpoint(b"}(" + text("head.logits.weight") + tensor("0", 16, [10**9, 16], [0, 1]) + b"u"),
    "beyond the storage": checkpoint(b"}(" + text("a") + tensor("0", 16, [4, 4], [4, 1], 8) + b"u"),
    "negative shape": checkpoint(b"}(" + text("a") + tensor("0", 16, [-4, -4], [4, 1]) + b"u"),
    "negative offset": checkpoint(b"}(" + text("a") + tensor("0", 16, [4], [1], -4) + b"u"),
    "huge storage": checkpoint(b"}(" + text("a") + tensor("0", 2**31 - 1, [4], [1]) + b"u"),
    "huge empty tensor": checkpoint(b"}(" + text("a") + tensor("0", 16, [0, 2**62, 2**62], [1, 1, 1]) + b"u"),
    "huge numbers": checkpoint(b"}(" + text("a") + tensor("0", 16, [2**100, 2**100], [1, 1]) + b"u"),
    "many views": checkpoint(
        b"}(" + b"".join(text(f"a{i}") + tensor("0", 16, [16], [1]) for i in range(1000)) + b"u"
    ),
    "other storage": checkpoint(b"}(" + text("a") + tensor("../0", 16, [4], [1]) + b"u"),
    "long number": checkpoint(b"}", b"\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000),
    "empty stack": b"\x80\x02.",
    "popped": b"\x80\x02000.",
    "no end": b"\x80\x02}",
    "endless text": b"\x80\x02X\xff\xff\xff\xff.",
    "global by stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "instance": b"(ios\nsystem\n.",
    "extension": b"\x80\x02\x82\x01.",
    "out of band": b"\x80\x05\x97.",
}


def imports(rng: random.Random, canary: Path) -> bytes:
    """A pickle that leaves a file behind when it is loaded."""
    import os
    import subprocess

    several = [
        Imports(os.system, f"touch {canary}"),
        Imports(exec, f"open({str(canary)!r}, 'w')"),
        Imports(subprocess.run, ["touch", str(canary)]),
        Imports(open, str(canary), "w"),
        Imports(__import__, "antigravity"),
        {"format": "linksim checkpoint 1", "metadata": Imports(os.mkdir, str(canary))},
    ]
    return pickle.dumps(rng.choice(several), rng.choice([0, 1, 2, 4, 5]))


def archive(pickled: bytes, data: bytes = bytes(64), compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive with a pickle and one storage, as torch.save makes them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as written:
        written.writestr("archive/data.pkl", pickled)
        written.writestr("archive/byteorder", "little")
        written.writestr("archive/data/0", data)
        written.writestr("archive/version", "3\n")
    return buffer.getvalue()
