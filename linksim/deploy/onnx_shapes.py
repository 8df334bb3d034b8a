"""Output shapes of the ONNX operators that bundles may use (https://onnx.ai/onnx/operators)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

Shape = tuple[int, ...]
MOST_SIZE = 2**31
"""Of an axis, a stride or a padding."""


@dataclass
class Node:
    """One operator with the names of what goes in and comes out, and its attributes."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, int | list[int] | str | None]

    def whole(self, name: str, default: int) -> int:
        """A whole number among the attributes."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise ValueError(f"{name} of {self.operator} must be a whole number")
        return value

    def wholes(self, name: str, default: list[int]) -> list[int]:
        """A list of as many whole numbers as the default has, among the attributes."""
        value = self.attributes.get(name, default)
        if not isinstance(value, list) or len(value) != len(default):
            raise ValueError(f"{name} of {self.operator} must be {len(default)} whole numbers")
        return value


@dataclass
class Graph:
    """Nodes in order, shapes of all that is known so far, and values of short lists of whole numbers."""

    nodes: list[Node] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    values: dict[str, list[int]] = field(default_factory=dict)

    def shape(self, node: Node, place: int) -> Shape:
        """Shape of an input of a node."""
        if place >= len(node.inputs) or node.inputs[place] not in self.shapes:
            raise ValueError(f"{node.operator} has an input that nothing made")
        return self.shapes[node.inputs[place]]

    def value(self, node: Node, place: int) -> list[int]:
        """Known whole numbers that go into a node."""
        if place >= len(node.inputs) or node.inputs[place] not in self.values:
            raise ValueError(f"{node.operator} depends on whole numbers that are not known beforehand")
        return self.values[node.inputs[place]]


@dataclass(frozen=True)
class Made:
    """What a node makes and takes.

    Attributes:
        shape: of its first output.
        scratch: values that it needs beside, while it runs.
        work: multiplications and additions, about.
    """

    shape: Shape
    scratch: int = 0
    work: int = 0


def size_of(shape: Shape) -> int:
    """Number of values."""
    return math.prod(shape)


def infer(graph: Graph, node: Node) -> Made:
    """What a node makes and takes, for as many frames as its input has.

    Raises:
        ValueError: if the operator is not among those that bundles may use, or does not fit its inputs.
    """
    if not node.outputs:
        raise ValueError(f"{node.operator} has no output")
    if node.operator in SAME_SHAPE:
        return Made(graph.shape(node, 0))
    if node.operator in BROADCAST:
        return Made(_broadcast(graph.shape(node, 0), graph.shape(node, 1)))
    if node.operator not in OTHERS:
        raise ValueError(f"operator {node.operator} is not among those that bundles may use")
    made = OTHERS[node.operator](graph, node)
    if any(size < 0 for size in made.shape):
        raise ValueError(f"{node.operator} does not fit the shape of its input")
    return made


def _broadcast(first: Shape, second: Shape) -> Shape:
    """NumPy's rule for shapes of different length and axes of size one."""
    pairs = zip_longest(reversed(first), reversed(second), fillvalue=1)
    sizes = []
    for a, b in pairs:
        if a != b and 1 not in (a, b):
            raise ValueError(f"shapes {list(first)} and {list(second)} do not go together")
        sizes.append(b if a == 1 else a)
    return tuple(reversed(sizes))


def _matmul(graph: Graph, node: Node) -> Made:
    first, second = graph.shape(node, 0), graph.shape(node, 1)
    if len(first) < 2 or len(second) < 2 or first[-1] != second[-2]:
        raise ValueError(f"MatMul cannot multiply {list(first)} with {list(second)}")
    shape = (*_broadcast(first[:-2], second[:-2]), first[-2], second[-1])
    return Made(shape, work=size_of(shape) * first[-1])


def _gemm(graph: Graph, node: Node) -> Made:
    first, second = graph.shape(node, 0), graph.shape(node, 1)
    if len(first) != 2 or len(second) != 2:
        raise ValueError("Gemm multiplies matrices")
    rows, inner = reversed(first) if node.whole("transA", 0) else first
    other, columns = reversed(second) if node.whole("transB", 0) else second
    if inner != other:
        raise ValueError(f"Gemm cannot multiply {list(first)} with {list(second)}")
    return Made((rows, columns), work=rows * inner * columns)


def _conv(graph: Graph, node: Node) -> Made:
    image, weight = graph.shape(node, 0), graph.shape(node, 1)
    groups = node.whole("group", 1)
    if len(image) < 3 or len(image) != len(weight) or groups < 1 or image[1] != weight[1] * groups:
        raise ValueError(f"Conv of {list(image)} has no weights of shape {list(weight)}")
    sides = _windows(node, image[2:], list(weight[2:]))
    # The windows of the image side by side, as a convolution by matrix product needs them.
    scratch = weight[1] * groups * size_of(weight[2:]) * size_of(sides)
    shape = (image[0], weight[0], *sides)
    return Made(shape, scratch, work=size_of(shape) * size_of(weight[1:]))


def _pool(graph: Graph, node: Node) -> Made:
    image = graph.shape(node, 0)
    if len(image) < 3:
        raise ValueError(f"{node.operator} takes images")
    kernel = node.wholes("kernel_shape", [1] * (len(image) - 2))
    shape = (*image[:2], *_windows(node, image[2:], kernel))
    return Made(shape, work=size_of(shape) * size_of(tuple(kernel)))


def _windows(node: Node, sides: Shape, kernel: list[int]) -> Shape:
    """Sides of an image after sliding a window over it."""
    axes = len(sides)
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise ValueError(f"{node.operator} must give its padding in numbers")
    pads = node.wholes("pads", [0] * 2 * axes)
    strides, dilations = node.wholes("strides", [1] * axes), node.wholes("dilations", [1] * axes)
    if not all(0 <= one < MOST_SIZE for one in pads) or not all(
        0 < one < MOST_SIZE for one in (*strides, *dilations, *kernel)
    ):
        raise ValueError(f"{node.operator} has strides, dilations or pads out of range")
    ceil = node.whole("ceil_mode", 0)
    after = []
    for axis, side in enumerate(sides):
        room = side + pads[axis] + pads[axes + axis] - dilations[axis] * (kernel[axis] - 1) - 1
        if room < 0:
            raise ValueError(f"the window of {node.operator} is larger than its image")
        after.append((-(-room // strides[axis]) if ceil else room // strides[axis]) + 1)
    return tuple(after)


def _global_pool(graph: Graph, node: Node) -> Made:
    image = graph.shape(node, 0)
    return Made((*image[:2], *(1 for _ in image[2:])))


def _flatten(graph: Graph, node: Node) -> Made:
    shape, axis = graph.shape(node, 0), node.whole("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise ValueError("Flatten has no such axis")
    axis %= len(shape) or 1
    return Made((size_of(shape[:axis]), size_of(shape[axis:])))


def _reshape(graph: Graph, node: Node) -> Made:
    before, wanted = graph.shape(node, 0), graph.value(node, 1)
    if not node.whole("allowzero", 0):
        if any(size == 0 and axis >= len(before) for axis, size in enumerate(wanted)):
            raise ValueError("Reshape keeps an axis that is not there")
        wanted = [before[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    known = math.prod(size for size in wanted if size != -1)
    if wanted.count(-1) == 1 and known > 0:
        wanted = [size_of(before) // known if size == -1 else size for size in wanted]
    shape = tuple(wanted)
    if min(shape, default=1) < 0 or size_of(shape) != size_of(before):
        raise ValueError(f"Reshape cannot make {wanted} of {list(before)}")
    return Made(shape)


def _transpose(graph: Graph, node: Node) -> Made:
    shape = graph.shape(node, 0)
    order = node.wholes("perm", list(reversed(range(len(shape)))))
    if sorted(order) != list(range(len(shape))):
        raise ValueError("Transpose needs every axis once")
    return Made(tuple(shape[axis] for axis in order))


def _shape_of(graph: Graph, node: Node) -> Made:
    shape = graph.shape(node, 0)
    part = shape[slice(node.whole("start", 0), node.whole("end", len(shape)))]
    graph.values[node.outputs[0]] = list(part)
    return Made((len(part),))


SAME_SHAPE = frozenset(
    [
        "BatchNormalization",
        "Clip",
        "Dropout",
        "Elu",
        "Erf",
        "Exp",
        "Gelu",
        "GroupNormalization",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "InstanceNormalization",
        "LayerNormalization",
        "LeakyRelu",
        "LogSoftmax",
        "Mish",
        "Neg",
        "Relu",
        "Selu",
        "Sigmoid",
        "Softmax",
        "Softplus",
        "Sqrt",
        "Tanh",
    ]
)
BROADCAST = frozenset(["Add", "Div", "Mul", "Pow", "Sub"])
OTHERS: dict[str, Callable[[Graph, Node], Made]] = {
    "AveragePool": _pool,
    "Conv": _conv,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "Reshape": _reshape,
    "Shape": _shape_of,
    "Transpose": _transpose,
}
