"""Reading the wire format of protocol buffers, without the definitions of messages."""

from collections import defaultdict

Field = int | memoryview

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 2**20


def fields(message: memoryview) -> dict[int, list[Field]]:
    """Values of a message by field number: whole numbers, and bytes that may be messages themselves.

    https://protobuf.dev/programming-guides/encoding

    Raises:
        ValueError: if the bytes are no message.
    """
    found: dict[int, list[Field]] = defaultdict(list)
    place, count = 0, 0
    while place < len(message):
        key, place = varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = varint(message, place)
            found[number].append(value)
        else:
            if kind == BYTES:
                size, place = varint(message, place)
            elif kind in (FIXED32, FIXED64):
                size = 4 if kind == FIXED32 else 8
            else:
                raise ValueError(f"unknown wire type {kind}")
            if size > len(message) - place:
                raise ValueError("a field is longer than its message")
            found[number].append(message[place : place + size])
            place += size
        count += 1
        if count > MOST_FIELDS:
            raise ValueError(f"more than {MOST_FIELDS} fields")
    return found


def varint(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number of variable length at a place, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a number is cut off or too long")


def text(values: list[Field]) -> str:
    """The last value as a text; empty if there is none."""
    value = values[-1] if values else memoryview(b"")
    if isinstance(value, int):
        raise ValueError("a text is given as a number")
    return bytes(value).decode("utf-8")


def number(values: list[Field], default: int = 0) -> int:
    """The last value as a signed whole number of 64 bits."""
    value = values[-1] if values else default
    if not isinstance(value, int):
        raise ValueError("a number is given as bytes")
    return signed(value)


def numbers(values: list[Field]) -> list[int]:
    """All values as signed whole numbers, given one by one or packed."""
    found = []
    for value in values:
        if isinstance(value, int):
            found.append(signed(value))
            continue
        place = 0
        while place < len(value):
            one, place = varint(value, place)
            found.append(signed(one))
            if len(found) > MOST_FIELDS:
                raise ValueError(f"more than {MOST_FIELDS} numbers")
    return found


def signed(value: int) -> int:
    """Two's complement of 64 bits."""
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


def messages(values: list[Field]) -> list[dict[int, list[Field]]]:
    """All values as messages."""
    found = []
    for value in values:
        if isinstance(value, int):
            raise ValueError("a message is given as a number")
        found.append(fields(value))
    return found
