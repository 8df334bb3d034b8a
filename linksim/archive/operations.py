"""The language of pickles, as far as torch.save needs it for plain values and tensors.

A pickle is a program for a machine with a stack. This one knows the few operations that build numbers, texts,
lists, tuples and dictionaries; it imports nothing and calls nothing. Of functions it knows two by name: what
makes a tensor, which its caller does, and an ordered dictionary, which becomes a plain one.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class NotPlain(ValueError):
    """A pickle that does more than to describe plain values and tensors."""


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names, as "module name"."""

    text: str


ORDERED, TENSOR, PARAMETER = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
)
MARK = object()

CONSTANTS: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: MARK,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
LITERALS = frozenset(["BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"])
STORING = frozenset(["BINPUT", "LONG_BINPUT"])
RECALLING = frozenset(["BINGET", "LONG_BINGET"])
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Machine:
    """Runs one pickle.

    Args:
        names: classes and functions that it may name.
        storage: makes what the description of a storage stands for.
        tensor: makes a tensor of the arguments of the function of that name.
    """

    def __init__(
        self,
        names: frozenset[str],
        storage: Callable[[Any], Any],
        tensor: Callable[[tuple[Any, ...]], Any],
    ) -> None:
        self._names = names | {ORDERED, TENSOR, PARAMETER}
        self._storage, self._tensor = storage, tensor
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, pickle: bytes | bytearray, most_operations: int) -> Any:
        """What a pickle describes.

        Raises:
            NotPlain: if it does more than that.
            ValueError: if it is no pickle, or too long.
        """
        try:
            for count, (operation, argument, _) in enumerate(pickletools.genops(pickle)):
                if count > most_operations:
                    raise ValueError(f"it describes more than {most_operations} values")
                if operation.name == "STOP":
                    (result,) = self._stack
                    return result
                if operation.name != "PROTO":
                    self._do(operation.name, argument)
        except (IndexError, KeyError, TypeError, AttributeError) as error:  # an empty stack, or no such key
            raise ValueError("what stands beside the tensors makes no sense") from error
        raise ValueError("what stands beside the tensors has no end")

    def _do(self, operation: str, argument: Any) -> None:
        stack = self._stack
        if operation in LITERALS:
            stack.append(argument)
        elif operation in CONSTANTS:
            stack.append(CONSTANTS[operation]())
        elif operation in STORING:
            self._memo[argument] = stack[-1]
        elif operation in RECALLING:
            stack.append(self._memo[argument])
        elif operation in TUPLES:
            items = self._taken(TUPLES[operation])
            stack.append(tuple(items))
        elif operation == "TUPLE":
            stack.append(tuple(self._after_mark()))
        elif operation in ("APPEND", "APPENDS"):
            items = self._after_mark() if operation == "APPENDS" else self._taken(1)
            self._last(list).extend(items)
        elif operation in ("SETITEM", "SETITEMS"):
            self._set(self._after_mark() if operation == "SETITEMS" else self._taken(2))
        elif operation == "GLOBAL":
            if argument not in self._names:
                raise NotPlain(f"it names {argument.replace(' ', '.')}")
            stack.append(Name(argument))
        elif operation == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        elif operation == "REDUCE":
            function, arguments = self._taken(2)
            stack.append(self._made(function, arguments))
        elif operation == "BUILD":
            # What torch notes beside the tensors of a module; nothing is read from it.
            stack.pop()
            self._last(dict)
        else:
            raise NotPlain(f"it uses the operation {operation}")

    def _made(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise NotPlain("it calls something")
        if function.text == ORDERED and not arguments:
            return {}
        if function.text == TENSOR:
            return self._tensor(arguments)
        if function.text == PARAMETER:
            return arguments[0]
        raise NotPlain(f"it calls {function.text.replace(' ', '.')}")

    def _set(self, items: list[Any]) -> None:
        names, values = items[::2], items[1::2]
        if len(names) != len(values) or not all(isinstance(name, (str, int, float)) for name in names):
            raise ValueError("a dictionary has names that are neither texts nor numbers")
        self._last(dict).update(zip(names, values, strict=True))

    def _last(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise TypeError(f"{kind.__name__} expected")
        return self._stack[-1]

    def _taken(self, count: int) -> list[Any]:
        """The last values, in their order; none of them a mark."""
        items = self._stack[-count:]
        if len(items) < count or any(one is MARK for one in items):
            raise IndexError("too few values")
        del self._stack[-count:]
        return items

    def _after_mark(self) -> list[Any]:
        items = []
        while self._stack[-1] is not MARK:
            items.append(self._stack.pop())
        self._stack.pop()
        return items[::-1]
