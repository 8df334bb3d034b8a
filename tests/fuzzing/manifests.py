"""Mutated manifests, and files that are not where, or what, a manifest says."""

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
from fuzzing.values import TEXTS, damaged, edited, nasty

NAME = "manifest.json"


def mutate_manifest(rng: random.Random, folder: Path) -> str:
    """Change the manifest of a bundle; returns what was done."""
    kind = rng.choice(["values"] * 6 + ["bytes", "bytes", "text", "names", "names", "link"])
    {"values": _values, "bytes": _bytes, "text": _text, "names": _names, "link": _link}[kind](rng, folder)
    return kind


def sign(folder: Path, describe: bool) -> None:
    """Let the manifest give the sizes and SHA-256 of the files as they are, perhaps dtypes and shapes too."""
    content = json.loads((folder / NAME).read_text())
    for name, entry in content["files"].items():
        path = folder / name
        if not path.is_file():
            continue
        data = path.read_bytes()
        entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        if describe and name.endswith(".npy"):
            try:
                array = np.load(path, allow_pickle=False)
            except Exception:  # then what stood there stays
                continue
            entry.update(dtype=array.dtype.str, shape=list(array.shape))
    (folder / NAME).write_text(json.dumps(content))


def _values(rng: random.Random, folder: Path) -> None:
    path = folder / NAME
    content = json.loads(path.read_text())
    # Most of a manifest lists files; what says how to run them is found more often when looked for.
    part = rng.choice([content, content["link"], content["model"], content["integer_receiver"]])
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        edited(rng, part)
    path.write_text(json.dumps(content))
    if rng.random() < 0.5 and isinstance(content.get("files"), dict):
        try:
            sign(folder, rng.random() < 0.5)
        except (AttributeError, TypeError, ValueError, OSError):
            path.write_text(json.dumps(content))


def _bytes(rng: random.Random, folder: Path) -> None:
    path = folder / NAME
    path.write_bytes(damaged(rng, path.read_bytes()))


def _text(rng: random.Random, folder: Path) -> None:
    """JSON as no program writes it."""
    path = folder / NAME
    text = path.read_text()
    depth = rng.choice([20, 500, 50_000, 400_000])
    deep = rng.choice(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth])
    several = {
        "deep": lambda: deep,
        "deep within": lambda: text.replace('"about"', f'"more": {deep}, "about"', 1),
        "twice": lambda: text.replace('"format"', '"format": 1, "format"', 1),
        "section twice": lambda: text.replace('"link"', f'"link": {json.dumps(nasty(rng))}, "link"', 1),
        "long number": lambda: text.replace('"tokens": ', '"tokens": ' + "9" * rng.choice([400, 5000]), 1),
        "long text": lambda: text.replace(
            '"format"', f'"more": "{"x" * rng.choice([10**5, 2**21])}", "format"', 1
        ),
        "many": lambda: text.replace('"format"', f'"more": [{",".join(["[]"] * 300_000)}], "format"', 1),
        "no": lambda: rng.choice(["", "null", "[]", "{}", "1", '"a"', "\ufeff" + text]),
        "comment": lambda: "/* */" + text,
    }
    written = several[rng.choice(list(several))]()
    path.write_bytes(written.encode(rng.choice(["utf-8"] * 4 + ["utf-16", "utf-32"])))


def _names(rng: random.Random, folder: Path) -> None:
    """File names that lead elsewhere, and files that are missing or too many."""
    path = folder / NAME
    content = json.loads(path.read_text())
    files = content["files"]
    name = rng.choice(list(files))
    elsewhere = [
        f"../{name}",
        f"/{name}",
        str(folder.parent / "outside.npy"),
        f"tables/../{name}",
        "/dev/zero",
    ]
    unusual = [
        name.upper(),
        f"{name}\n",
        "con.npy",
        "tables\\codebook.npy",
        "C:codebook.npy",
        "a/b/c.npy",
        ".npy",
    ]
    wrong = rng.choice([*elsewhere, *unusual, "manifest.json", *TEXTS])
    action = rng.randrange(4)
    if action == 0:
        files[wrong] = files.pop(name)
    elif action == 1:
        files[wrong] = files[name]
    elif action == 2:
        del files[name]
    else:
        other = rng.choice(list(files))
        files[name], files[other] = files[other], files[name]
    path.write_text(json.dumps(content))


def _link(rng: random.Random, folder: Path) -> None:
    """Links and other things in place of files."""
    name = rng.choice(
        ["manifest.json", "tables", "test", "encoder.onnx", "tables/codebook.npy", "test/index.npy"]
    )
    path, outside = folder / name, folder.parent / f"outside-{name.replace('/', '-')}"
    shutil.move(path, outside)
    kind = rng.randrange(6)
    if kind == 0:
        path.symlink_to(outside)
    elif kind == 1:
        path.symlink_to(os.path.relpath(outside, path.parent))
    elif kind == 2:
        path.symlink_to(path)
    elif kind == 3:
        path.mkdir()
    elif kind == 4:
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
