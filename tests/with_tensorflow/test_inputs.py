"""Batches of any size, frames with SNRs and numbers of their own, and frames that do not meddle."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from helpers.keras_links import (
    CONFIGS,
    SMALL,
    classifier,
    config_of,
    layer_draw,
    reference,
    small_layer,
    some_latents,
)

from linksim import Link
from linksim.interop.keras import LinkLayer
from linksim.interop.keras.numbered_draws import BLOCK, numbered_draw
from linksim.seeds import stream


def hard(link, latents, draw):
    return link.hard(torch.from_numpy(latents), draw).embedding.detach().numpy()


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_one_snr_per_frame(shape):
    layer = small_layer(snr_db=None)
    latents, link = some_latents(SMALL), reference(layer)
    snr = np.array([-10, 0, 5, 10, 30])
    draw = layer_draw(layer, link, 5, snr_db=snr)
    for dtype in ("float32", "int64"):
        found = layer([latents, snr.reshape(shape).astype(dtype)])
        assert np.array_equal(found, hard(link, latents, draw))


def test_snr_of_the_frames_wins_over_that_of_the_layer():
    latents, snr = some_latents(SMALL), np.full(5, -3.0, "float32")
    assert np.array_equal(small_layer(snr_db=30.0)([latents, snr]), small_layer(snr_db=None)([latents, snr]))


@pytest.mark.parametrize("training", [False, True])
def test_a_range_of_snrs(training):
    layer = small_layer(snr_db=(-5, 15), forward="hard")
    link, latents = reference(layer), some_latents(SMALL, 200)
    draw = layer_draw(layer, link, 200, step=0 if training else None)
    assert -5 <= float(draw.snr_db.min()) < 0 < 10 < float(draw.snr_db.max()) <= 15
    assert abs(float(draw.snr_db.mean()) - 5) < 1.5
    assert np.array_equal(layer(latents, training=training), hard(link, latents, draw))


def test_numbers_of_frames():
    """A frame keeps its noise wherever it stands, also beside itself at another SNR."""
    layer = small_layer(seed=3)
    latents, numbers = some_latents(SMALL, 150), np.arange(150)
    whole = layer(latents).numpy()
    shuffled = np.random.default_rng(5).permutation(150)
    snr = np.full(150, 6.0, "float32")
    assert np.array_equal(layer([latents[shuffled], snr, numbers[shuffled]]).numpy(), whole[shuffled])
    assert np.array_equal(layer([latents[70:90], snr[70:90], numbers[70:90, None]]).numpy(), whole[70:90])
    assert not np.array_equal(layer(latents[70:90]).numpy(), whole[70:90])
    twice = layer([latents[[7, 7, 9]], np.array([6.0, -6.0, 6.0], "float32"), np.array([7, 7, 9])]).numpy()
    assert np.array_equal(twice[[0, 2]], whole[[7, 9]])
    alone = layer([latents[[7]], np.array([-6.0], "float32"), np.array([7])]).numpy()
    assert np.array_equal(twice[[1]], alone)
    assert not np.array_equal(twice[0], twice[1])


@pytest.mark.parametrize("name", CONFIGS)
def test_frames_do_not_depend_on_those_beside_them(name):
    """Other latents and SNRs beside a frame, or none, leave it as it is, to the last bits of a float."""
    layer = LinkLayer(config_of(name))
    latents, others = some_latents(layer.config, 70), some_latents(layer.config, 70, seed=8)
    others[3] = latents[3]
    snr, other_snr = np.full(70, 4.0, "float32"), np.linspace(-20, 40, 70).astype("float32")
    other_snr[3] = 4.0
    first = layer([latents, snr]).numpy()[3]
    assert np.allclose(layer([others, other_snr]).numpy()[3], first, rtol=1e-5, atol=1e-5)
    assert np.allclose(layer([latents[:4], snr[:4]]).numpy()[3], first, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channel", ["awgn", "rayleigh", "rician-fast", "bsc"])
def test_draws_of_numbered_frames(channel):
    """The noise of a frame depends on its number alone; different frames have different noise."""
    options = {"modulation": "psk", "bits_per_symbol": 1} if channel == "bsc" else {}
    link = Link(type(SMALL)(tokens=40, channel=channel, **options))
    numbers = torch.tensor([130, 2, 65, 2])
    draw = numbered_draw(link, 1, ("a",), numbers, torch.tensor([5.0, 0.0, -5.0, 0.0]), gumbel=True)
    for place, (number, snr) in enumerate([(130, 5.0), (2, 0.0), (65, -5.0)]):
        own = numbered_draw(link, 1, ("a",), torch.tensor([number]), snr, gumbel=True)
        whole = link.draw(BLOCK, snr, stream(1, "a", "draw", number // BLOCK), gumbel=True)[number % BLOCK]
        for one in (own, whole):
            assert torch.equal(one.uniforms, draw[place].uniforms)
            assert torch.equal(one.gumbel, draw[place].gumbel)
            assert one.channel.keys() == draw.channel.keys()
            for signal, values in one.channel.items():
                torch.testing.assert_close(values, draw[place].channel[signal], rtol=1e-6, atol=1e-7)
    assert torch.equal(draw[1].uniforms, draw[3].uniforms)
    assert len(draw.uniforms[:3].unique()) == 120
    for other in (("b",), ("a", 1)):
        drawn = numbered_draw(link, 1, other, numbers, 0.0)
        assert not torch.equal(drawn.uniforms, draw.uniforms)


@pytest.mark.parametrize("frames", [1, 2, BLOCK, BLOCK + 1, 1000])
def test_batches_of_any_size_in_one_graph(frames):
    layer = small_layer()
    signature = tf.TensorSpec((None, SMALL.tokens, SMALL.embedding_dim), tf.float32)
    call = tf.function(layer, input_signature=[signature])
    assert call.get_concrete_function().output_shapes.as_list() == [None, 3, 4]
    latents, link = some_latents(SMALL, frames), reference(layer)
    assert np.array_equal(call(latents), hard(link, latents, layer_draw(layer, link, frames)))


def test_inference_repeats_itself_and_seeds_differ():
    latents = some_latents(SMALL)
    layer = small_layer()
    first = layer(latents).numpy()
    layer(latents, training=True)
    assert np.array_equal(layer(latents).numpy(), first)
    other = small_layer(seed=1)
    other.codebook.assign(layer.codebook)
    assert not np.array_equal(other(latents).numpy(), first)


def test_training_draws_differ_from_step_to_step():
    layer, latents = small_layer(), some_latents(SMALL)
    steps = [layer(latents, training=True).numpy() for _ in range(3)]
    assert not np.array_equal(steps[0], steps[1])
    assert not np.array_equal(steps[1], steps[2])
    layer.step.assign(1)
    assert np.array_equal(layer(latents, training=True).numpy(), steps[1])


def test_in_functional_and_sequential_models():
    latents, snr, frame = some_latents(SMALL), np.full(5, 2.0, "float32"), np.arange(5)
    layer = small_layer()
    inputs = [keras.Input((3, 4)), keras.Input(()), keras.Input((1,), dtype="int64")]
    output = layer(inputs)
    assert (output.shape, output.dtype) == ((None, 3, 4), "float32")
    model = keras.Model(inputs, output)
    found = model.predict([latents, snr, frame[:, None]], batch_size=2, verbose=0)
    assert np.array_equal(found, layer([latents, snr]).numpy())  # numbered, so in two's as in one batch
    sequential = keras.Sequential([keras.Input((3, 4)), layer, keras.layers.Flatten()])
    assert sequential.predict(latents, verbose=0).shape == (5, 12)
    assert layer.compute_output_shape((7, 3, 4)) == (7, 3, 4)
    assert layer.compute_output_shape([(None, 3, 4), (None,)]) == (None, 3, 4)


def test_half_precision_inputs_of_a_model():
    model = classifier(small_layer(dtype="mixed_bfloat16"))
    assert np.isfinite(model.predict(some_latents(SMALL), verbose=0)).all()
