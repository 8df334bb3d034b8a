"""`--surrogate module:function`: anyone's surrogate, by name."""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import cast

from torch import Tensor

from linksim import Draw, Link, Trace, checks

Surrogate = Callable[[Tensor, Draw], Trace]


def load_surrogate(name: str, link: Link) -> Surrogate:
    """Import a function f(latents, draw), or f(latents, draw, link), that returns a `Trace`.

    The module is looked for in the working directory, too.

    Args:
        name: "module:function".
        link: handed to a function that has a parameter of that name.

    Raises:
        ValueError: if there is no such module or function, or importing it fails.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise ValueError(
            f"--surrogate takes module:function, such as mine:surrogate for mine.py, got {name!r}"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except Exception as error:  # whatever a module of the user's raises
        reason = f"{type(error).__name__}: {checks.one_line(error)}"
        raise ValueError(f"--surrogate {name}: importing {module_name} failed with {reason}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ValueError(f"--surrogate {name}: {module_name} has no function {function_name!r}")
    if "link" in signature(function).parameters:
        return cast("Surrogate", partial(function, link=link))
    return cast("Surrogate", function)
