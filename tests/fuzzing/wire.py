"""Protocol buffers taken apart and put together again, field by field, for mutations of ONNX models."""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Message = list[list]
"""[number, wire type, value] of each field; the value of a message inside is such a list too."""

INSIDE = {
    "model": {7: "graph", 8: "opset"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value"},
    "node": {5: "attribute"},
    "value": {2: "type"},
    "type": {1: "tensor type"},
    "tensor type": {2: "shape"},
    "shape": {1: "dimension"},
}
"""Messages inside others, by field number (onnx.proto)."""


def parse(content: bytes, kind: str = "model") -> Message:
    """The fields of a message of some kind, in order."""
    place, fields = 0, []
    while place < len(content):
        key, place = _number(content, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _number(content, place)
        else:
            size, place = (
                _number(content, place) if wire == BYTES else ({FIXED32: 4, FIXED64: 8}[wire], place)
            )
            value, place = content[place : place + size], place + size
            inner = INSIDE.get(kind, {}).get(number)
            if inner is not None:
                value = parse(value, inner)
        fields.append([number, wire, value])
    return fields


def unparse(message: Message) -> bytes:
    """The bytes of a message."""
    written = bytearray()
    for number, wire, value in message:
        written += _varint(number << 3 | wire)
        if isinstance(value, int):
            written += _varint(value)
            continue
        inner = unparse(value) if isinstance(value, list) else value
        written += (_varint(len(inner)) if wire == BYTES else b"") + inner
    return bytes(written)


def messages(message: Message, kind: str = "model") -> Iterator[tuple[str, Message]]:
    """A message and all messages inside, with their kinds."""
    yield kind, message
    for number, _, value in message:
        inner = INSIDE.get(kind, {}).get(number)
        if inner is not None and isinstance(value, list):
            yield from messages(value, inner)


def of_kind(message: Message, kind: str) -> list[Message]:
    """All messages of a kind inside a model."""
    return [one for name, one in messages(message) if name == kind]


def field(number: int, value: int | bytes | str | Message) -> list:
    """A field to add to a message."""
    if isinstance(value, str):
        value = value.encode()
    return [number, VARINT if isinstance(value, int) else BYTES, value]


def _number(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, place = content[place], place + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    written = bytearray()
    while value >= 128:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])
