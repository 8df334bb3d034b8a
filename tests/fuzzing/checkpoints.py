"""Mutated checkpoints."""

import io
import random
import zipfile
from pathlib import Path
from typing import Any

import torch
from fuzzing.pickles import HAND_MADE, archive, imports
from fuzzing.values import INFINITY, NAN, damaged, edited, nasty

HUGE = [10**9, 2**31, 2**40, 2**62, 10**30]


def mutate_checkpoint(rng: random.Random, path: Path, canary: Path) -> str:
    """Change a checkpoint; returns what was done.

    Args:
        rng: what chooses the change.
        path: of the file.
        canary: a file that must not exist afterwards; some checkpoints would make it if unpickled.
    """
    content = path.read_bytes()
    kind = rng.randrange(10)
    if kind < 4:
        loaded = torch.load(io.BytesIO(content), weights_only=True)
        action = rng.choice([_specification, _specification, _sizes, _tensors, _tensors, _beside])
        action(rng, loaded)
        torch.save(loaded, path)
        return action.__name__.strip("_")
    if kind < 6:
        path.write_bytes(damaged(rng, content))
        return "bytes"
    if kind < 8:
        action = rng.choice([_members, _pickle, _pickle])
        path.write_bytes(action(rng, content))
        return action.__name__.strip("_")
    if kind == 8:
        path.write_bytes(archive(imports(rng, canary)))
        return "imports"
    name = rng.choice(list(HAND_MADE))
    path.write_bytes(archive(HAND_MADE[name]))
    return name


def _specification(rng: random.Random, content: dict[str, Any]) -> None:
    for _ in range(rng.choice([1, 1, 2])):
        edited(rng, content["spec"])


def _sizes(rng: random.Random, content: dict[str, Any]) -> None:
    """Sizes of a model that no machine holds."""
    spec, size = content["spec"], rng.choice(HUGE)
    name = rng.choice(
        ["tokens", "codebook_size", "embedding_dim", "image_shape", "classes", "modes", "header_symbols"]
    )
    if name in spec["link"]:
        spec["link"][name] = size
        if rng.random() < 0.5 and name == "codebook_size":  # with a tensor that claims to be as large
            content["model_state_dict"]["transceiver_dig.codebook"] = torch.zeros(1).expand(10**9, 4)
    elif name == "image_shape":
        spec[name] = rng.choice([[1, size, size], [size, 8, 8], [3, 8, size], [1, 0, 8], [1, 8]])
    elif name == "modes":
        spec[name] = rng.choice([[[size, 4]], [[16, 2]] * 100_000, [], [[16]], [[16, 2, 3]], [16, 2]])
        spec.setdefault("header_symbols", 6)
    else:
        spec[name] = size


def _tensors(rng: random.Random, content: dict[str, Any]) -> None:
    weights = content["model_state_dict"]
    name = rng.choice(list(weights))
    old = weights[name]
    others = [
        lambda: weights.pop(name),
        lambda: old.double(),
        lambda: old.half(),
        lambda: old.to(torch.complex64),
        lambda: old.to(torch.int64),
        lambda: torch.full_like(old, rng.choice([NAN, INFINITY, 0.0, 1e30, -1e30])),
        lambda: torch.zeros(1).expand(old.shape),
        lambda: torch.zeros(1).expand(10**9, 10**9),
        lambda: torch.zeros(1, dtype=torch.float32)[:0].expand(0),
        lambda: old.reshape(-1),
        lambda: old[:-1],
        lambda: old.to_sparse(),
        lambda: torch.quantize_per_tensor(old, 0.1, 0, torch.qint8),
        lambda: old.to("meta"),
        lambda: torch.nn.Parameter(old),
        lambda: old.T if old.dim() == 2 else old.flip(0),
        lambda: torch.arange(old.numel() * 2).float()[::2].reshape(old.shape),
        lambda: nasty(rng),
    ]
    weights[name] = rng.choice(others)()
    if rng.random() < 0.2:
        weights[rng.choice(["", "encoder", "a\nb", "\x1b[2J", 7, *weights])] = weights.pop(name)


def _beside(rng: random.Random, content: dict[str, Any]) -> None:
    """Metadata, temperatures and format."""
    name = rng.choice(["metadata", "temperatures", "format", "spec", "model_state_dict"])
    kind = rng.randrange(4)
    if kind == 0:
        content[name] = rng.choice([nasty(rng), torch.zeros(3)])
    elif kind == 1:
        del content[name]
    elif kind == 2:
        content["temperatures"][rng.choice(["vq_temp", "symbol_temp"])] = nasty(rng)
    else:
        content["metadata"]["more"] = rng.choice([nasty(rng), torch.zeros(3), [[]] * 10, {1: {2.5: (1, 2)}}])


def _members(rng: random.Random, content: bytes) -> bytes:
    """Another archive around the same members."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    kind, buffer = rng.randrange(8), io.BytesIO()
    names = list(members)
    if kind == 0:
        del members[rng.choice(names)]
    elif kind == 1:
        members[rng.choice(names)] = bytes(50_000_000)  # little when compressed
    elif kind == 2:
        members = {f"{rng.choice(['../', '/', 'a/', ''])}{name}": one for name, one in members.items()}
    elif kind == 3:
        members[rng.choice(names)] = content
    elif kind == 4:
        members = {"archive/data.pkl": archive(content)}
    elif kind == 5:
        members |= {f"archive/more/{number}": b"" for number in range(rng.choice([10, 40_000]))}
    method = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED])
    if kind == 1:
        method = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", method) as written:
        for name, one in members.items():
            written.writestr(name, one)
    if kind == 6:
        return content + buffer.getvalue()
    return _lying(rng, buffer.getvalue()) if kind == 7 else buffer.getvalue()


def _lying(rng: random.Random, content: bytes) -> bytes:
    """A directory that claims other sizes, places or methods."""
    changed = bytearray(content)
    places = [at for at in range(len(content) - 46) if content[at : at + 4] == b"PK\x01\x02"]
    for _ in range(rng.choice([1, 3])):
        at = rng.choice(places) + rng.choice([8, 10, 16, 20, 24, 28, 30, 42])
        changed[at : at + 4] = rng.choice(
            [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", rng.randbytes(4)]
        )
    return bytes(changed)


def _pickle(rng: random.Random, content: bytes) -> bytes:
    """Another pickle beside the same tensors, with its checksum made new."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w") as written:
        for name in source.namelist():
            one = source.read(name)
            if name.endswith("data.pkl"):
                one = _altered(rng, one)
            written.writestr(name, one)
    return buffer.getvalue()


def _altered(rng: random.Random, pickled: bytes) -> bytes:
    if rng.random() < 0.4:
        return damaged(rng, pickled)
    # Sizes of tensors and storages stand behind K, M and J.
    changed = bytearray(pickled)
    places = [at for at in range(len(pickled) - 6) if pickled[at : at + 1] in (b"K", b"M", b"J", b"h", b"q")]
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.choice(places) + 1
        changed[at : at + 1] = rng.choice([b"\0", b"\xff", b"\x7f", rng.randbytes(1)])
    return bytes(changed)
