"""Mutated ONNX models, which the manifest vouches for."""

import random
from pathlib import Path

from fuzzing.manifests import sign
from fuzzing.values import damaged
from fuzzing.wire import Message, field, of_kind, parse, unparse

OPERATORS = [
    "Add", "AveragePool", "BatchNormalization", "Clip", "ConstantOfShape", "Conv", "Div", "Dropout", "Einsum",
    "Elu", "Expand", "Flatten", "Gelu", "Gemm", "GlobalAveragePool", "GroupNormalization", "Identity", "If",
    "InstanceNormalization", "LayerNormalization", "LogSoftmax", "Loop", "MatMul", "MaxPool", "Mul", "Neg",
    "Pad", "Pow", "Range", "Relu", "Reshape", "Resize", "Scan", "Shape", "Sigmoid", "Softmax", "Sqrt", "Tanh",
    "Tile", "Transpose", "Upsample", "",
]  # fmt: skip
INTEGERS = [-1, 0, 1, 2, 3, 7, 8, 64, 255, 65536, 2**20, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63)]
LISTS = ["pads", "strides", "dilations", "kernel_shape", "perm", "axes"]
NUMBERS = [
    "group",
    "axis",
    "num_groups",
    "transA",
    "transB",
    "allowzero",
    "start",
    "end",
    "ceil_mode",
    "training_mode",
]


def mutate_network(rng: random.Random, folder: Path) -> str:
    """Change encoder or head of a bundle, and sign it; returns what was done."""
    path = folder / rng.choice(["encoder.onnx", "head.onnx"])
    content = path.read_bytes()
    if rng.random() < 0.2:
        path.write_bytes(damaged(rng, content))
        sign(folder, describe=False)
        return f"bytes of {path.stem}"
    model, done = parse(content), []
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        action = rng.choice(ACTIONS)
        action(rng, model)
        done.append(action.__name__.strip("_"))
    path.write_bytes(unparse(model))
    sign(folder, describe=False)
    return f"{', '.join(done)} of {path.stem}"


def _attribute(rng: random.Random, model: Message) -> None:
    """A number, or a list of them, given to an operator that has it, or that has it not."""
    node = rng.choice(of_kind(model, "node"))
    if rng.random() < 0.5:
        name, count = rng.choice(LISTS), rng.choice([0, 1, 2, 3, 4, 8])
        values = [field(8, rng.choice(INTEGERS)) for _ in range(count)]
        attribute = [field(1, name), *values, field(20, 7)]
    else:
        attribute = [
            field(1, rng.choice(NUMBERS)),
            field(3, rng.choice(INTEGERS)),
            field(20, rng.choice([2, 2, 7, 1])),
        ]
    others = [one for one in node if one[0] != 5 or field(1, attribute[0][2]) not in one[2]]
    node[:] = [*(node if rng.random() < 0.2 else others), field(5, attribute)]


def _operator(rng: random.Random, model: Message) -> None:
    node = rng.choice(of_kind(model, "node"))
    node[:] = [one for one in node if one[0] != 4] + [field(4, rng.choice(OPERATORS))]


def _wiring(rng: random.Random, model: Message) -> None:
    """Inputs and outputs of a node that are those of others."""
    names = [one[2] for node in of_kind(model, "node") for one in node if one[0] in (1, 2)]
    node = rng.choice(of_kind(model, "node"))
    ends = [one for one in node if one[0] in (1, 2)]
    if ends and rng.random() < 0.8:
        rng.choice(ends)[2] = rng.choice([*names, b"", b"none"])
    else:
        node.append(field(rng.choice([1, 2]), rng.choice(names)))


def _nodes(rng: random.Random, model: Message) -> None:
    """Nodes in another order, twice, or missing."""
    graph = of_kind(model, "graph")[0]
    places = [place for place, one in enumerate(graph) if one[0] == 1]
    first, second = rng.choice(places), rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        del graph[first]
    elif kind == 1:
        graph[first], graph[second] = graph[second], graph[first]
    elif kind == 2:
        graph.insert(second, graph[first])
    else:
        graph += [field(1, _chain_node(number, len(places))) for number in range(rng.choice([10, 20_000]))]


def _chain_node(number: int, start: int) -> Message:
    return [field(1, f"chain{start + number}"), field(2, f"chain{start + number + 1}"), field(4, "Identity")]


def _constant(rng: random.Random, model: Message) -> None:
    """Other shapes, dtypes, values and homes of the weights."""
    tensor = rng.choice(of_kind(model, "tensor"))
    kind = rng.randrange(6)
    if kind == 0:
        tensor[:] = [one for one in tensor if one[0] != 1]
        tensor += [field(1, rng.choice(INTEGERS)) for _ in range(rng.randrange(5))]
    elif kind == 1:
        tensor[:] = [one for one in tensor if one[0] != 2] + [
            field(2, rng.choice([0, 1, 6, 7, 8, 9, 10, 11, 16, 99]))
        ]
    elif kind == 2:
        tensor[:] = [one for one in tensor if one[0] != 9] + [
            field(9, rng.randbytes(rng.choice([0, 3, 8, 64])))
        ]
    elif kind == 3:
        where = [
            field(1, "location"),
            field(2, rng.choice(["../outside.npy", "/etc/passwd", "tables/codebook.npy"])),
        ]
        tensor += [field(14, 1), field(13, where)]
    elif kind == 4:
        for one in tensor:
            if one[0] == 9 and one[2]:
                one[2] = rng.choice([b"\0", b"\xff", b"\x7f"]) * len(one[2])
    else:
        tensor[:] = [one for one in tensor if one[0] != 8] + [
            field(8, rng.choice(["", "images", "latents", "a"]))
        ]


def _declared(rng: random.Random, model: Message) -> None:
    """Other shapes, dtypes or names of inputs and outputs."""
    kind = rng.choice(["dimension", "tensor type", "value"])
    found = of_kind(model, kind)
    if not found:
        return
    one = rng.choice(found)
    if kind == "dimension":
        one[:] = [field(1, rng.choice(INTEGERS))] if rng.random() < 0.7 else [field(2, "frames")]
    elif kind == "tensor type":
        one[:] = [part for part in one if part[0] != 1] + [field(1, rng.choice([0, 1, 7, 8, 10, 11]))]
    else:
        one[:] = [part for part in one if part[0] != 1] + [
            field(1, rng.choice(["", "images", "latents", "x"]))
        ]


def _top(rng: random.Random, model: Message) -> None:
    """Versions, operators of others, functions, and more than one graph."""
    graph = of_kind(model, "graph")[0]
    others = [
        field(8, [field(1, "com.microsoft"), field(2, 1)]),
        field(8, [field(1, ""), field(2, rng.choice(INTEGERS))]),
        field(1, rng.choice(INTEGERS)),
        field(7, graph),
        field(25, b"\x0a\x01f"),
        field(20, b""),
        field(14, b"\x0a\x03key\x12\x05value"),
        field(99, b"unknown" * 1000),
    ]
    model.append(rng.choice(others))


def _made(rng: random.Random, model: Message) -> None:
    """A node in front of the others that few exporters write."""
    graph = of_kind(model, "graph")[0]
    given = next(part[2] for one in graph if one[0] == 11 for part in one[2] if part[0] == 1)
    for node in of_kind(model, "node"):
        for one in node:
            if one[0] == 1 and one[2] == given:
                one[2] = b"fuzzed"
    node = [field(1, given), field(2, b"fuzzed"), field(4, rng.choice(OPERATORS))]
    for _ in range(rng.randrange(3)):
        tensors = [part[2] for tensor in of_kind(model, "tensor") for part in tensor if part[0] == 8]
        node.insert(1, field(1, rng.choice([*tensors, given])))
    first = next(place for place, one in enumerate(graph) if one[0] == 1)
    graph.insert(first, field(1, node))
    _attribute_of(rng, node)


def _attribute_of(rng: random.Random, node: Message) -> None:
    for name in rng.sample(NUMBERS, 2):
        node.append(field(5, [field(1, name), field(3, rng.choice(INTEGERS)), field(20, 2)]))
    count = rng.choice([1, 2, 4])
    numbers = [field(8, rng.choice(INTEGERS)) for _ in range(count)]
    node.append(field(5, [field(1, rng.choice(LISTS)), *numbers, field(20, 7)]))


ACTIONS = [_attribute, _attribute, _operator, _wiring, _nodes, _constant, _constant, _declared, _top, _made]
