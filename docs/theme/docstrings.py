"""An extension of the reader of docstrings: doctests become sections of examples, shown as code."""

import re

from griffe import Extension


class Examples(Extension):
    """Reads `Example:` as `Examples:`, and gives that heading to doctests at the end that have none."""

    def on_object(self, *, obj, **_):
        """Change the docstring of an object before it is parsed."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(r"(?<=\n\n)>>> .*\Z", _section, text, flags=re.DOTALL)


def _section(doctests):
    return "Examples:\n" + re.sub(r"^(?=.)", "    ", doctests[0], flags=re.MULTILINE)
