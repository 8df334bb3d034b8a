"""What does not fit is refused at the boundary, by name, with the value and a way out."""

import re

import numpy as np
import pytest
import tensorflow as tf
from helpers.keras_links import SMALL, small_layer, some_latents

from linksim import LinkConfig
from linksim.interop.keras import LinkLayer, TwoPhases

ARGUMENTS = [
    ({"config": 5}, TypeError, "config must be a LinkConfig or its dictionary, got int"),
    ({"config": {"token": 5}}, ValueError, "config has no token: its names are the fields of LinkConfig"),
    ({"config": {"tokens": 0}}, ValueError, "tokens must be at least 1, got 0"),
    ({"config": LinkConfig(modulation="custom", bits_per_symbol=3)}, ValueError, "got 'custom'"),
    ({"snr_db": "8"}, TypeError, "snr_db must be a number, got '8'"),
    ({"snr_db": float("nan")}, ValueError, "snr_db must be a finite number, got nan"),
    ({"snr_db": 300.0}, ValueError, "snr_db must be finite, from -200 to 200, got 300"),
    ({"snr_db": (1.0, 2.0, 3.0)}, ValueError, "snr_db must be a number or two, lowest and highest, got 3"),
    ({"snr_db": (9.0, 2.0)}, ValueError, "snr_db must have the lowest value first, got 9 and 2"),
    ({"forward": "mean"}, ValueError, "forward must be one of hard, soft, got 'mean'"),
    ({"backward": "none"}, ValueError, "backward must be one of"),
    ({"backward": 3}, TypeError, "backward must be a name or weights of several by name, got int"),
    ({"backward": {"surrogate": -1}}, ValueError, "backward['surrogate'] must be at least 0, got -1"),
    ({"backward": {"surrogate": np.ones(2)}}, TypeError, "one number for all frames, got ndarray"),
    ({"backward": {"gumbel": 1}}, ValueError, "got 'gumbel'"),
    ({"backward": {"surrogate": 0}}, ValueError, "a positive weight"),
    ({"backward": "score-function"}, ValueError, "give 'reinmax' or 'gumbel'"),
    ({"commitment": -0.1}, ValueError, "commitment must be at least 0, got -0.1"),
    ({"vq_temp": 0}, ValueError, "vq_temp must be greater than 0, got 0"),
    ({"symbol_temp": "1"}, TypeError, "symbol_temp must be a number, got '1'"),
    ({"seed": 1.5}, TypeError, "seed must be a whole number, got 1.5"),
    ({"seed": -1}, ValueError, "seed must be from 0 to"),
    ({"dtype": "float16"}, ValueError, "give 'mixed_float16' or 'mixed_bfloat16'"),
    ({"dtype": "bfloat16"}, ValueError, "got 'bfloat16'"),
]


@pytest.mark.parametrize(("options", "error", "message"), ARGUMENTS)
def test_arguments(options, error, message):
    options = {"config": SMALL, **options}
    with pytest.raises(error, match=re.escape(message)):
        LinkLayer(options.pop("config"), **options)


CALLS = [
    ((5, 3), None, "latents must have shape [B, 3, 4]"),
    ((5, 4, 4), None, "got [5, 4, 4]"),
    ((5, 3, 5), None, "got [5, 3, 5]"),
    ((5, 3, 4), [(4,)], "snr_db must hold one number per frame, 5, got 4"),
    ((5, 3, 4), [(5, 2)], "snr_db must hold one number per frame, [B] or [B, 1], got [5, 2]"),
    ((5, 3, 4), [(5,), ()], "frame must hold one number per frame"),
    ((5, 3, 4), [(5,), (5,), (5,)], "inputs must be latents, or a list of latents, snr_db, frame"),
    ((5, 3, 4), None, "snr_db must be given"),
]


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize(("shape", "others", "message"), CALLS)
def test_shapes(shape, others, message, mode):
    layer = small_layer(snr_db=None if "given" in message else 5.0)
    inputs = tf.zeros(shape) if others is None else [tf.zeros(shape), *map(tf.zeros, others)]
    with pytest.raises(ValueError, match=re.escape(message)):
        (layer if mode == "eager" else tf.function(layer))(inputs)
    shapes = shape if others is None else [shape, *others]
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.compute_output_shape(shapes)


VALUES = [
    (float("nan"), [5.0], [0], "latents must be finite"),
    (0.0, [float("inf")], [0], "snr_db must be finite, from -200 to 200, got inf"),
    (0.0, [-201.0], [0], "got -201"),
    (0.0, [5.0], [-1], "frame must hold numbers from 0 on, got -1"),
]


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize(("value", "snr", "frame", "message"), VALUES)
def test_values(value, snr, frame, message, mode):
    layer = small_layer()
    inputs = [tf.fill((1, 3, 4), value), tf.constant(snr), tf.constant(frame)]
    if mode == "eager":
        with pytest.raises(ValueError, match=re.escape(message)):
            layer(inputs)
        return
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(message)):
        tf.function(layer)(inputs)


def test_an_empty_batch():
    with pytest.raises(ValueError, match="latents must hold at least one frame, got 0"):
        small_layer()(tf.zeros((0, 3, 4)))


def test_settings_between_steps():
    layer = small_layer()
    for name, value in (
        ("vq_temp", 0),
        ("symbol_temp", -1.0),
        ("vq_temp", float("nan")),
        ("forward", "mean"),
    ):
        with pytest.raises(ValueError, match=name):
            setattr(layer, name, value)
    assert (layer.vq_temp, layer.symbol_temp, layer.forward) == (0.7, 0.7, "hard")


def test_adapting():
    layer = small_layer()
    with pytest.raises(ValueError, match=re.escape("as codewords, 11, got 9: give more images")):
        layer.adapt(some_latents(SMALL, 3))
    with pytest.raises(ValueError, match=re.escape("latents must have shape [B, 3, 4]")):
        layer.adapt(some_latents(SMALL, 30)[:, :2])
    with pytest.raises(ValueError, match="latents must be finite"):
        layer.adapt(np.full((30, 3, 4), np.nan))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": None}, TypeError, "layer must be a LinkLayer, got NoneType"),
        ({"hard_from": 0}, ValueError, "hard_from must be at least 1, got 0"),
        ({"start": 0}, ValueError, "start must be greater than 0"),
        ({"decay": 1.1}, ValueError, "decay must be at most 1, got 1.1"),
        ({"floor": "x"}, TypeError, "floor must be a number"),
    ],
)
def test_the_schedule(options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        TwoPhases(**{"layer": small_layer(), **options})
