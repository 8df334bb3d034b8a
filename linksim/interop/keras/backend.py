"""Keras on TensorFlow, imported in one place, with one message if it cannot be.

Both count as untyped: type checkers must not depend on whether TensorFlow is installed.
"""

from importlib import import_module
from typing import Any, TypeAlias

TfTensor: TypeAlias = Any
"""A tensor of TensorFlow."""

try:
    keras: Any = import_module("keras")
    tf: Any = import_module("tensorflow")
except ImportError as error:
    raise ImportError(
        f"linksim.interop.keras needs Keras and TensorFlow: pip install 'linksim[tensorflow]' ({error})"
    ) from error

if keras.config.backend() != "tensorflow":
    raise ImportError(
        "linksim.interop.keras needs the TensorFlow backend of Keras: set KERAS_BACKEND=tensorflow in the "
        f"environment before Keras is imported, got {keras.config.backend()!r}"
    )
