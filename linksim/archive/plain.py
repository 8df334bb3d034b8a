"""How large plain values are when written out."""

from typing import Any

from torch import Tensor

DEEPEST = 64


def check_plain(content: Any, most: int) -> None:
    """Check that values are not nested endlessly, and that writing them out stays small.

    A list that stands in itself, or twice in a list that stands twice in a list and so on, takes little room
    in a file, but a message that shows it does not end.

    Args:
        content: lists, tuples, dictionaries, and what they hold.
        most: values, and characters of texts, that count once in each place where they stand.

    Raises:
        ValueError: if there are more, or more than 64 levels.
    """
    waiting, count = [(content, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        count += 1 + (len(value) if isinstance(value, str) else 0)
        if isinstance(value, dict):
            inner = [*value, *value.values()]
        elif isinstance(value, (list, tuple)):
            inner = list(value)
        elif value is None or isinstance(value, (bool, int, float, str, Tensor)):
            continue
        else:
            raise ValueError("it holds something that is neither a plain value nor a tensor")
        if count + len(waiting) + len(inner) > most:
            raise ValueError(f"it holds more than {most} values")
        if depth >= DEEPEST:
            raise ValueError(f"its values are nested more than {DEEPEST} levels deep")
        waiting += [(one, depth + 1) for one in inner]
