"""ONNX models from outside: refused before ONNX Runtime sees them."""

import pytest
import torch
from fuzzing.wire import field, unparse

from linksim.deploy.onnx_model import frames_at_once
from linksim_training.export.networks import onnx_of
from linksim_training.networks import ResNetEncoder


def node(operator, inputs, output, *attributes):
    return field(
        1,
        [
            *(field(1, one) for one in inputs),
            field(2, output),
            field(4, operator),
            *(field(5, a) for a in attributes),
        ],
    )


def whole(name, *values):
    if len(values) == 1:
        return [field(1, name), field(3, values[0]), field(20, 2)]
    return [field(1, name), *(field(8, value) for value in values), field(20, 7)]


def model(*nodes, constants=()):
    graph = [*nodes, field(11, [field(1, "x")]), *(field(5, one) for one in constants)]
    return unparse([field(7, graph), field(8, [field(2, 18)])])


def constant(name, *dims, dtype=1):
    size = 4 if dtype == 1 else 8
    count = 1
    for one in dims:
        count *= one
    return [*(field(1, one) for one in dims), field(2, dtype), field(8, name), field(9, bytes(count * size))]


def refused(content, inputs):
    with pytest.raises(ValueError, match=r"^a\.onnx is no ONNX model that linksim runs: ") as caught:
        frames_at_once(content, "a.onnx", inputs)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_small_models_run_many_frames_at_once():
    assert frames_at_once(model(node("Relu", ["x"], "y")), "a.onnx", (10,)) > 1000


def test_activations_that_grow_with_the_square_of_the_frames():
    turned = node("Transpose", ["x"], "t", whole("perm", 1, 0))
    assert "faster than the number of frames" in refused(model(turned, node("Add", ["x", "t"], "y")), (1,))


def test_work_that_grows_with_the_square_of_the_frames():
    turned = node("Transpose", ["x"], "t", whole("perm", 1, 0))
    both = node("MatMul", ["t", "x"], "s")
    assert frames_at_once(model(turned, both), "a.onnx", (4,)) > 1
    square = node("MatMul", ["x", "t"], "s")
    assert "faster than the number of frames" in refused(model(turned, square), (4,))


def test_too_much_work():
    products = [node("MatMul", [f"x{i}" if i else "x", "x"], f"x{i + 1}") for i in range(3)]
    assert "multiplications" in refused(model(*products), (4096, 4096))


def test_activations_that_are_needed_at_one_time():
    chain = [node("Relu", [f"x{i}" if i else "x"], f"x{i + 1}") for i in range(50)]
    assert frames_at_once(model(*chain), "a.onnx", (2**22,)) >= 1
    sums = [node("Add", [f"x{i}", f"x{i + 1}"], f"y{i}") for i in range(1, 50)]
    assert "exceed" in refused(model(*chain, *sums), (2**22,))


def test_attributes_and_constants_that_are_there_twice():
    twice = node("Softmax", ["x"], "y", whole("axis", 1), whole("axis", 2))
    assert "twice" in refused(model(twice), (4,))
    added = node("Add", ["x", "c"], "y")
    assert frames_at_once(model(added, constants=[constant("c", 4)]), "a.onnx", (4,))
    assert "twice" in refused(model(added, constants=[constant("c", 4), constant("c", 1)]), (4,))


def test_two_graphs():
    one = [node("Relu", ["x"], "y"), field(11, [field(1, "x")])]
    assert "one graph, got 2" in refused(unparse([field(7, one), field(7, one)]), (4,))


def test_an_encoder_of_large_colour_images():
    encoder = ResNetEncoder((3, 224, 224), 64, 64).eval()
    content = onnx_of(encoder, torch.zeros(2, 3, 224, 224), "images", ["latents"])
    assert frames_at_once(content, "encoder.onnx", (3, 224, 224)) >= 1
