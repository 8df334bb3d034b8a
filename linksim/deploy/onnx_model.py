"""Looking into an ONNX model before it is run: what it computes, and how much memory that takes.

Only operators with known output shapes are let through, so a model from outside can neither read other files
nor ask for more memory than its manifest suggests. Field numbers are those of onnx.proto.
"""

from linksim import checks
from linksim.deploy.onnx_cost import cost_of
from linksim.deploy.onnx_shapes import Graph, Node, size_of
from linksim.deploy.protobuf import Field, fields, messages, number, numbers, text

MOST_NODES = 10_000
MOST_VALUES = 2**26
"""Of the activations of a frame that are needed at one time."""

MOST_WORK = 2**36
"""Multiplications for a frame."""

VALUES_AT_ONCE = 2**24
"""Of activations that are needed at one time; frames beyond wait for the next turn."""

FLOAT, INT64 = 1, 7
BYTES_OF = {FLOAT: 4, INT64: 8}
LONGEST_LIST = 64
"""Of whole numbers that are followed through the graph; shapes are shorter."""


def frames_at_once(content: bytes, place: str, inputs: tuple[int, ...]) -> int:
    """Check a model with one float32 input, frames first.

    Args:
        content: of its file.
        place: the file, for messages.
        inputs: shape of the input without its first axis.

    Returns:
        the number of frames to run together at most, such that memory stays small.

    Raises:
        ValueError: if it is no ONNX model, holds what bundles do not need, or is too large.
    """
    try:
        graph, name = _graph(fields(memoryview(content)))
        one = cost_of(graph, name, (1, *inputs))
        if one.live > MOST_VALUES:
            raise ValueError(f"its activations exceed {MOST_VALUES} values for one frame")
        if one.work > MOST_WORK:
            raise ValueError(f"it needs more than {MOST_WORK} multiplications for one frame")
        frames = max(1, VALUES_AT_ONCE // one.live)
        # Shapes can be made to grow with the square of the frames.
        many = cost_of(graph, name, (frames, *inputs))
        if many.live > frames * one.live or many.work > frames * one.work:
            raise ValueError("its activations grow faster than the number of frames")
        return frames
    except (ArithmeticError, LookupError, RecursionError, ValueError) as error:
        raise ValueError(f"{place} is no ONNX model that linksim runs: {checks.one_line(error)}") from error


def _graph(model: dict[int, list[Field]]) -> tuple[Graph, str]:
    """The graph of a model with its constants, and the name of its input."""
    domains = {text(opset[1]) for opset in messages(model[8])}
    if domains - {"", "ai.onnx"} or model[25] or model[20]:
        raise ValueError("it holds functions, training information or operators that are not ONNX's own")
    graphs = messages(model[7])
    if len(graphs) != 1:
        raise ValueError(f"it must have one graph, got {len(graphs)}")
    main = graphs[0]
    if main[15]:
        raise ValueError("it has sparse constants")
    graph = Graph()
    for tensor in messages(main[5]):
        _constant(graph, text(tensor[8]), tensor)
    nodes = messages(main[1])
    if len(nodes) > MOST_NODES:
        raise ValueError(f"it has {len(nodes)} nodes, more than {MOST_NODES}")
    for node in nodes:
        if text(node[7]) not in ("", "ai.onnx"):
            raise ValueError(f"operator {text(node[7])}.{text(node[4])} is not ONNX's own")
        given = messages(node[5])
        attributes = {text(one[1]): one for one in given}
        if len(attributes) != len(given):
            raise ValueError(f"{text(node[4])} has an attribute twice")
        if any(one[6] or one[11] or one[21] for one in attributes.values()):
            raise ValueError(f"{text(node[4])} holds a graph of its own")
        graph.nodes.append(
            Node(
                operator=text(node[4]),
                inputs=[text([one]) for one in node[1]],
                outputs=[text([one]) for one in node[2]],
                attributes={name: _attribute(one) for name, one in attributes.items()},
            )
        )
    inputs = [name for name in (text(one[1]) for one in messages(main[11])) if name not in graph.shapes]
    if len(inputs) != 1:
        raise ValueError(f"it must have one input, got {len(inputs)}")
    return graph, inputs[0]


def _attribute(attribute: dict[int, list[Field]]) -> int | list[int] | str | None:
    kind = number(attribute[20])
    if kind == 2:
        return number(attribute[3])
    if kind == 7:
        return numbers(attribute[8])
    if kind == 3:
        return text(attribute[4])
    if kind == 1:  # a real number, which changes no shape
        return None
    raise ValueError(f"attribute {text(attribute[1])} is of a kind that bundles do not need")


def _constant(graph: Graph, name: str, tensor: dict[int, list[Field]]) -> None:
    dims, kind = numbers(tensor[1]), number(tensor[2])
    if number(tensor[14]) or tensor[13]:
        raise ValueError(f"constant {name} lies in another file")
    if kind not in BYTES_OF or tensor[3] or len(tensor[9]) != 1:
        raise ValueError(f"constant {name} is not stored as bytes of float32 or int64")
    raw = tensor[9][0]
    if isinstance(raw, int) or min(dims, default=1) < 0:
        raise ValueError(f"constant {name} has no shape or no content")
    if size_of(tuple(dims)) * BYTES_OF[kind] != len(raw):
        raise ValueError(f"constant {name} does not have the size of its shape")
    if name in graph.shapes:
        raise ValueError(f"constant {name} is there twice")
    graph.shapes[name] = tuple(dims)
    if kind == INT64:
        if len(raw) > 8 * LONGEST_LIST:
            raise ValueError(f"constant {name} is a long list of whole numbers")
        graph.values[name] = [
            int.from_bytes(raw[i : i + 8], "little", signed=True) for i in range(0, len(raw), 8)
        ]
