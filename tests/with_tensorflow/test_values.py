"""What the layer hands on is what the link receives, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf
import torch
from helpers.keras_links import CONFIGS, config_of, layer_draw, reference, small_layer, some_latents

from linksim.interop.keras import LinkLayer


@pytest.fixture(params=["eager", "graph"])
def mode(request):
    return (lambda call: call) if request.param == "eager" else tf.function


@pytest.mark.parametrize("name", CONFIGS)
def test_inference_is_the_hard_link(name, mode):
    layer = LinkLayer(config_of(name), snr_db=7.0, forward="soft")
    latents, link = some_latents(layer.config), reference(layer)
    expected = link.hard(torch.from_numpy(latents), layer_draw(layer, link, 5)).embedding.detach().numpy()
    for options in ({}, {"training": False}):
        assert np.array_equal(mode(layer)(latents, **options).numpy(), expected)
    assert int(layer.step.numpy()) == 0


@pytest.mark.parametrize("forward", ["hard", "soft"])
@pytest.mark.parametrize("name", CONFIGS)
def test_training_has_the_values_of_its_path(name, forward, mode):
    layer = LinkLayer(config_of(name), snr_db=7.0, forward=forward, vq_temp=0.4, symbol_temp=1.3)
    latents, link = some_latents(layer.config), reference(layer)
    call = mode(layer)
    for step in range(2):
        draw = layer_draw(layer, link, 5, step=step)
        expected = getattr(link, forward)(torch.from_numpy(latents), draw).embedding.detach().numpy()
        assert np.array_equal(call(latents, training=True).numpy(), expected)
    assert int(layer.step.numpy()) == 2


@pytest.mark.parametrize("backward", ["gumbel", "reinmax"])
def test_drawn_indices(backward, mode):
    """In training, those of the torch call; in inference none are drawn."""
    layer = small_layer(backward=backward)
    latents, link = some_latents(layer.config), reference(layer)
    draw = layer_draw(layer, link, 5, step=0)
    expected = link(torch.from_numpy(latents), draw, backward=backward).embedding.detach().numpy()
    assert np.array_equal(mode(layer)(latents, training=True).numpy(), expected)
    deployed = link.hard(torch.from_numpy(latents), layer_draw(layer, link, 5)).embedding.detach().numpy()
    assert np.array_equal(mode(layer)(latents).numpy(), deployed)
    assert not np.array_equal(expected, deployed)


def test_double_precision(mode):
    layer = small_layer(dtype="float64")
    latents, link = some_latents(layer.config, dtype="float64"), reference(layer)
    embedding = mode(layer)(latents)
    assert embedding.dtype == tf.float64
    expected = link.hard(torch.from_numpy(latents), layer_draw(layer, link, 5)).embedding.detach().numpy()
    assert np.array_equal(embedding.numpy(), expected)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_the_link_in_float32(policy, mode):
    layer = small_layer(dtype=policy)
    link, half = reference(layer), policy.removeprefix("mixed_")
    latents = tf.cast(some_latents(layer.config), half)
    embedding = mode(layer)(latents)
    assert embedding.dtype == half
    assert layer.codebook.dtype == "float32"
    given = torch.from_numpy(tf.cast(latents, "float32").numpy())
    expected = link.hard(given, layer_draw(layer, link, 5)).embedding.detach().numpy()
    assert np.array_equal(embedding.numpy(), tf.cast(expected, half).numpy())
    with tf.GradientTape() as tape:
        tape.watch(latents)
        loss = tf.reduce_sum(layer(latents, training=True))
    of_latents, of_codebook = tape.gradient(loss, [latents, layer.codebook.value])
    assert of_latents.dtype == half
    assert of_codebook.dtype == tf.float32
    assert np.isfinite(of_codebook.numpy()).all()


def test_settings_reach_a_graph_that_is_traced_already():
    layer = small_layer()
    latents, call = some_latents(layer.config), tf.function(layer)
    call(latents, training=True)
    layer.forward, layer.vq_temp, layer.symbol_temp = "soft", 0.25, 2.0
    link = reference(layer)
    assert (layer.forward, link.vq_temp, link.symbol_temp) == ("soft", 0.25, 2.0)
    expected = link.soft(torch.from_numpy(latents), layer_draw(layer, link, 5, step=1)).embedding
    assert np.array_equal(call(latents, training=True).numpy(), expected.detach().numpy())
    layer.codebook.assign(2 * layer.codebook)
    link = reference(layer)
    expected = link.soft(torch.from_numpy(latents), layer_draw(layer, link, 5, step=2)).embedding
    assert np.array_equal(call(latents, training=True).numpy(), expected.detach().numpy())
    assert call.experimental_get_tracing_count() == 1
