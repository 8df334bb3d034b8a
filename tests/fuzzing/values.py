"""Values that files from outside may hold where others are expected."""

import random
from typing import Any

NAN, INFINITY = float("nan"), float("inf")
NUMBERS = [
    -1, 0, 1, 2, 3, 7, 64, 255, 257, 65536, 2**31 - 1, 2**31, 2**32, 10**9, 2**63 - 1, 2**63, 10**18, 10**400,
    -(2**63), 0.5, -0.5, 1e-320, 1e30, 1e308, -1e308, NAN, INFINITY, -INFINITY,
]  # fmt: skip
TEXTS = [
    "", "a", "A" * 100_000, "../../etc/passwd", "/etc/passwd", "..", "\x1b[2J\x1b]0;x\x07", "a\nb\rc", "\0",
    "\ud800", "é€𝄞", "{0.__class__}", "%s%n", "float", "integer", "ldpc", "CRC24A", "radius", "<f8", "|O",
]  # fmt: skip
OTHERS = [None, True, False, [], {}, [[]], {"a": {}}, [1, 2, 3], [0, 0, 0], [-1], [10**9] * 3, [NAN]]


def nasty(rng: random.Random) -> Any:
    """A value of any kind."""
    return rng.choice(rng.choice([NUMBERS, NUMBERS, TEXTS, OTHERS]))


def near(rng: random.Random, number: float) -> Any:
    """A number not far from another one."""
    steps = [
        number + 1,
        number - 1,
        -number,
        number * 2,
        number * 1000,
        number / 2,
        float(number),
        str(number),
    ]
    return rng.choice(steps)


def edited(rng: random.Random, content: Any) -> None:
    """Change one place in nested lists and dictionaries, in place."""
    places = list(walk(content))
    if not places:
        return
    holder, key = rng.choice(places)
    kind = rng.randrange(8)
    value = holder[key]
    if kind == 0:
        del holder[key]
    elif kind in (1, 2):
        holder[key] = nasty(rng)
    elif kind in (3, 4) and isinstance(value, (int, float)):
        holder[key] = near(rng, value)
    elif kind == 5:
        other, place = rng.choice(places)
        if place in range_of(other) and not contains(value, other) and not contains(other[place], holder):
            holder[key], other[place] = other[place], value
    elif kind == 6 and isinstance(holder, dict):
        holder[rng.choice([*holder, *TEXTS])] = holder.pop(key)
    else:
        holder[key] = rng.choice([[value], {"a": value}, [value] * 1000, str(value)])


def walk(content: Any):
    """All places (holder, key) in nested lists and dictionaries."""
    for key in list(range_of(content)):
        yield content, key
        yield from walk(content[key])


def range_of(content: Any):
    """Keys of a list or dictionary; none of anything else."""
    if isinstance(content, dict):
        return content.keys()
    return range(len(content)) if isinstance(content, list) else ()


def contains(outer: Any, inner: Any) -> bool:
    """Whether a list or dictionary stands in another one, or is it."""
    return outer is inner or any(contains(outer[key], inner) for key in range_of(outer))


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Other bytes: cut off, flipped, replaced, longer, or none of them the same."""
    kind, place = rng.randrange(7), rng.randrange(len(content) + 1)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content + rng.randbytes(rng.choice([1, 2, 8, 4096]))
    if kind == 2:
        return rng.randbytes(rng.choice([0, 1, 64, len(content)]))
    if kind == 3:
        return content[:place] + rng.randbytes(rng.randrange(1, 9)) + content[place:]
    if kind == 4:
        return content[:place] + content[place + rng.randrange(1, 64) :]
    flipped = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8]) if content else 0):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)
