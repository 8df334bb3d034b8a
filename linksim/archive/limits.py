"""How much a file may hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a file that torch.save wrote may hold.

    Attributes:
        file_bytes: of the file.
        values: of everything but the numbers in tensors: names, texts, numbers, lists; a text counts once for
            every character, a value that stands in several lists once in each.
    """

    file_bytes: int = 2**31
    values: int = 2**20
