"""What it costs to run the graph of an ONNX model."""

from dataclasses import dataclass

from linksim.deploy.onnx_shapes import Graph, Shape, infer, size_of


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        live: values of all activations that are needed at one time, at most; at least 1.
        work: multiplications and additions, about.
    """

    live: int
    work: int


def cost_of(graph: Graph, name: str, shape: Shape) -> Cost:
    """Follow shapes through a graph.

    Args:
        graph: with its constants; left as it is.
        name: of its input.
        shape: of its input, frames first.

    Raises:
        ValueError: if a node does not fit what goes into it.
    """
    graph = Graph(graph.nodes, {**graph.shapes, name: shape}, dict(graph.values))
    last = {used: place for place, node in enumerate(graph.nodes) for used in node.inputs}
    held = {name: size_of(shape)}
    live = most = max(1, held[name])
    work = 0
    for place, node in enumerate(graph.nodes):
        made = infer(graph, node)
        size, output = size_of(made.shape), node.outputs[0]
        graph.shapes[output] = made.shape
        held[output] = size
        live += size
        most = max(most, live + made.scratch)
        work += max(made.work, size)
        # What no node needs any more is free; what none ever needs is a result, and stays.
        for used in {one for one in node.inputs if last[one] == place}:
            live -= held.pop(used, 0)
    return Cost(most, work)
