"""`--surrogate module:function`: anyone's surrogate, by name."""

import sys
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from linksim import Draw, Link, Trace, checks

Surrogate = Callable[[Tensor, Draw], Trace]


def load_surrogate(name: str, link: Link) -> Surrogate:
    """Import a function f(latents, draw), or f(latents, draw, link), that returns a `Trace`.

    The module is looked for in the working directory, too.

    Args:
        name: "module:function".
        link: handed to a function that has a parameter of that name.

    Returns:
        the function, whose errors are told as ValueError with its name.

    Raises:
        ValueError: if there is no such module or function, or importing it fails.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise ValueError(f"--surrogate takes module:function, as in mine:surrogate for mine.py, got {name!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    # Whatever a module or a function of the user's raises is told in one line.
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:
        raise ValueError(f"--surrogate {name}: importing {module_name} failed with {_told(error)}") from error
    function: Any = getattr(module, function_name, None)
    if not callable(function):
        raise ValueError(f"--surrogate {name}: {module_name} has no function {function_name!r}")
    try:
        more = {"link": link} if "link" in signature(function).parameters else {}
    except ValueError as error:
        raise ValueError(f"--surrogate {name}: {_told(error)}") from error

    def surrogate(latents: Tensor, draw: Draw) -> Trace:
        try:
            return cast("Trace", function(latents, draw, **more))
        except Exception as error:
            raise ValueError(f"--surrogate {name} failed with {_told(error)}") from error

    return surrogate


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {checks.one_line(str(error))}"
