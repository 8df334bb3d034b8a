"""What counts as right."""

LONGEST = 4200


class Broken(Exception):
    """A file from outside got through to where it does harm."""


def said_in_one_line(error: Exception) -> str:
    """The message of a refusal.

    Raises:
        Broken: unless it is one printable line of bearable length.
    """
    message = str(error)
    if not message or not message.isprintable() or len(message) > LONGEST:
        raise Broken(f"refused, but not in one clear line: {type(error).__name__}: {message[:300]!r}")
    return message
