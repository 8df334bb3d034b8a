"""The gradients of the layer are those of the torch call."""

import numpy as np
import pytest
import tensorflow as tf
import torch
from helpers.keras_links import (
    CONFIGS,
    config_of,
    layer_draw,
    reference,
    small_layer,
    some_latents,
    torch_gradients,
    weighted_gradients,
)
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st

from linksim.gradients import NEAREST
from linksim.interop.keras import LinkLayer
from linksim.interop.keras.losses import commitment, normalise

BACKWARDS = {
    **{name: name for name in (*NEAREST, "gumbel", "reinmax")},
    "mixed": {"surrogate": 0.3, "surrogate-at-symbols": 0.2, "straight-through": 0.5},
}


def largest_error(found, expected):
    """Relative to the largest entry."""
    scale = max(float(abs(expected).max()), 1e-30)
    return float(abs(found - expected).max()) / scale


def check(layer, call, latents, step, forward, **options):
    link = reference(layer)
    draw = layer_draw(layer, link, len(latents), step=step)
    weight = some_latents(layer.config, len(latents), seed=9, dtype=latents.dtype)
    value, found = weighted_gradients(layer, call, latents, weight)
    expected_value, expected = torch_gradients(link, latents, draw, weight, forward=forward, **options)
    assert np.array_equal(value, expected_value)
    for name, mine, other in zip(("latents", "codebook"), found, expected, strict=True):
        assert mine.shape == other.shape
        assert largest_error(mine, other) <= 1e-5, name
    return expected


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("backward", BACKWARDS)
@pytest.mark.parametrize("name", CONFIGS)
def test_hard_forward(name, backward, mode):
    layer = LinkLayer(config_of(name), snr_db=5.0, backward=BACKWARDS[backward])
    call = layer if mode == "eager" else tf.function(layer)
    expected = check(layer, call, some_latents(layer.config), 0, "hard", backward=BACKWARDS[backward])
    assert abs(expected[1]).max() > 0


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("backward", BACKWARDS)
def test_soft_forward(backward, mode):
    layer = small_layer(forward="soft", backward=BACKWARDS[backward], dtype="float64")
    latents = some_latents(layer.config, dtype="float64")
    call = layer if mode == "eager" else tf.function(layer)
    expected = check(layer, call, latents, 0, "soft", backward=BACKWARDS[backward])
    assert all(abs(one).max() > 0 for one in expected)


@reproducible(15)
@given(
    st.dictionaries(st.sampled_from(NEAREST), st.floats(0.1, 2.0), min_size=1),
    st.floats(0.1, 3.0),
    st.floats(0.1, 3.0),
    st.sampled_from([2, 4, 6]),
    st.integers(2, 40),
    st.sampled_from(["mean", "map", "radius"]),
    st.integers(1, 9),
    st.floats(-5, 20),
)
def test_any_link(backward, vq_temp, symbol_temp, bits, codewords, decision, frames, snr_db):
    config = {"tokens": 3, "codebook_size": codewords, "embedding_dim": 5, "bits_per_symbol": bits}
    layer = LinkLayer(
        {**config, "decision": decision},
        snr_db=snr_db,
        backward=backward,
        vq_temp=vq_temp,
        symbol_temp=symbol_temp,
        seed=codewords,
    )
    check(layer, layer, some_latents(layer.config, frames), 0, "hard", backward=backward)


@pytest.mark.parametrize("backward", [{"surrogate": 0.5, "straight-through": 0.5}, "gumbel", "reinmax"])
def test_gradient_of_inference(backward):
    """The gradient of training on its draw; the deployed link draws no indices."""
    layer = small_layer(backward=backward)
    latents, link = some_latents(layer.config), reference(layer)
    weight = some_latents(layer.config, seed=9)
    value, found = weighted_gradients(layer, lambda given, training: layer(given), latents, weight)
    backward = "surrogate" if isinstance(backward, str) else backward
    draw = layer_draw(layer, link, 5)
    expected_value, expected = torch_gradients(link, latents, draw, weight, backward=backward)
    assert np.array_equal(value, expected_value)
    assert all(largest_error(a, b) <= 1e-5 for a, b in zip(found, expected, strict=True))


def test_gradients_by_finite_differences():
    """Of the surrogate, whose values are smooth: an oracle that is not torch's backward pass."""
    layer = small_layer(forward="soft", backward="surrogate", dtype="float64", commitment=0.0)
    latents = some_latents(layer.config, 2, dtype="float64")
    weight = some_latents(layer.config, 2, seed=9, dtype="float64")

    def loss(latents, shift=0.0):
        layer.step.assign(0)
        layer.codebook.assign_add(shift)
        embedding = layer(latents, training=True).numpy()
        layer.codebook.assign_sub(shift)
        return float((weight * (embedding + embedding**2)).sum())

    _, (of_latents, of_codebook) = weighted_gradients(layer, layer, latents, weight)
    towards, shift = some_latents(layer.config, 2, seed=4, dtype="float64"), np.zeros(of_codebook.shape)
    shift[2, 1], step = 1.0, 1e-6
    slope = (loss(latents + step * towards) - loss(latents - step * towards)) / (2 * step)
    assert np.isclose(slope, (of_latents * towards).sum(), rtol=1e-5)
    slope = (loss(latents, step * shift) - loss(latents, -step * shift)) / (2 * step)
    assert np.isclose(slope, of_codebook[2, 1], rtol=1e-5)


def test_two_calls_in_one_step():
    """Each call keeps its own draw for the way back."""
    layer = small_layer()
    first, second = (some_latents(layer.config, seed=seed) for seed in (1, 2))
    weight = some_latents(layer.config, seed=9)

    @tf.function
    def gradients(first, second):
        with tf.GradientTape() as tape:
            tape.watch([first, second])
            total = layer(first, training=True) * layer(second, training=True)
            loss = tf.reduce_sum(weight * total)
        return tape.gradient(loss, [first, second, layer.codebook.value])

    found = gradients(tf.constant(first), tf.constant(second))
    link = reference(layer)
    given = [torch.from_numpy(one).requires_grad_() for one in (first, second)]
    received = [
        link(one, layer_draw(layer, link, 5, step=step), backward=dict(layer.backward)).embedding
        for step, one in enumerate(given)
    ]
    loss = (torch.from_numpy(weight) * received[0] * received[1]).sum()
    expected = torch.autograd.grad(loss, (*given, link.codebook))
    assert all(largest_error(a.numpy(), b.numpy()) <= 1e-5 for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("dim", [1, 6])
def test_commitment_is_the_trainers(dim):
    """In value and gradient, by the trainer's own code."""
    from linksim_training import TrainConfig
    from linksim_training.losses import loss_terms
    from linksim_training.model import SemanticModel
    from linksim_training.networks import Head

    config = {"tokens": 4, "codebook_size": 16, "embedding_dim": dim}
    layer = LinkLayer(config, snr_db=6.0, commitment=1.0)
    latents, link = some_latents(layer.config), reference(layer)
    given = tf.constant(latents)
    with tf.GradientTape() as tape:
        tape.watch(given)
        layer(given, training=True)
        (loss,) = layer.losses
    found = tape.gradient(loss, [given, layer.codebook.value])
    model = SemanticModel(torch.nn.Identity(), link, Head(4, dim, 3))
    images = torch.from_numpy(latents).requires_grad_()
    output = model(images, layer_draw(layer, link, 5, step=0), backward=dict(layer.backward))
    labels = torch.zeros(5, dtype=torch.int64)
    term = loss_terms(model, output, labels, TrainConfig(), "ALIGNMENT")["vq"]
    assert float(loss) == pytest.approx(term.item(), rel=1e-6)
    expected = torch.autograd.grad(term, (images, link.codebook))
    for mine, other in zip(found, expected, strict=True):
        assert largest_error(tf.convert_to_tensor(mine).numpy(), other.numpy()) <= 1e-5


def test_commitment_has_the_gradient_of_its_half():
    codebook, nearest = tf.constant([[1.0, -1.0], [4.0, 0.0]]), tf.constant([[0, 1]])
    latents = tf.constant([[[2.0, -2.0], [5.0, 3.0]]])
    with tf.GradientTape() as tape:
        tape.watch([latents, codebook])
        loss = commitment(latents, codebook, nearest)
    off = normalise(latents).numpy() - codebook.numpy()[None]
    assert float(loss) == pytest.approx(2 * float((off**2).mean()))
    (of_codebook,) = tape.gradient(loss, [codebook])
    assert np.allclose(tf.convert_to_tensor(of_codebook), -2 * off[0] / 4)
