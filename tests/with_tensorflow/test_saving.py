"""Models with the layer save, load and copy."""

import json

import keras
import numpy as np
import pytest
from helpers.keras_links import SMALL, classifier, small_layer, some_latents

from linksim import LinkConfig
from linksim.interop.keras import LinkLayer

OPTIONS = [
    {},
    {"snr_db": (-2.0, 12.0), "forward": "soft", "backward": "reinmax", "seed": 2**62, "commitment": 0.0},
    {"backward": {"surrogate": 1, "straight-through": 0.25}, "vq_temp": 0.3, "dtype": "mixed_float16"},
    {"symbol_temp": 1.1, "dtype": "float64", "name": "over_the_air", "trainable": False},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_predictions_survive_a_file(options, tmp_path):
    model = classifier(small_layer(**options))
    model.compile("adam", "mse")
    latents = some_latents(SMALL, 20)
    model.fit(latents, np.zeros((20, 2)), epochs=2, verbose=0)
    (layer,) = (one for one in model.layers if isinstance(one, LinkLayer))
    layer.vq_temp = 0.9
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded.predict(latents, verbose=0), model.predict(latents, verbose=0))
    other = loaded.get_layer(layer.name)
    assert other.get_config() == layer.get_config()
    assert (int(other.step.numpy()), other.vq_temp, other.forward) == (2, 0.9, layer.forward)
    assert other.config == layer.config
    for one in (model, loaded):
        one.fit(latents, np.ones((20, 2)), epochs=1, verbose=0, shuffle=False)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True))


def test_the_configuration_is_plain():
    config = LinkConfig(tokens=4, codebook_size=16, defects=("llr-scale",), code="ldpc", crc="CRC11")
    layer = LinkLayer(config, snr_db=np.float32(3), backward={"surrogate": np.float64(1)}, seed=np.int64(5))
    written = json.loads(json.dumps(layer.get_config()))
    assert written["config"] == config.as_dict()
    again = LinkLayer.from_config(written)
    assert again.config == config
    assert again.get_config() == layer.get_config()
    assert LinkLayer(config.as_dict()).config == config


def test_weights_alone(tmp_path):
    model, other = classifier(small_layer(seed=1)), classifier(small_layer(seed=2))
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert np.array_equal(other.layers[1].codebook.numpy(), model.layers[1].codebook.numpy())


def test_clones_have_links_of_their_own():
    model = classifier(small_layer())
    clone = keras.models.clone_model(model)
    assert clone.layers[1].torch_link is not model.layers[1].torch_link
    assert clone.layers[1].codebook is not model.layers[1].codebook


def test_weights():
    layer = small_layer()
    assert [weight.name for weight in layer.trainable_weights] == ["codebook"]
    assert {weight.name for weight in layer.non_trainable_weights} == {
        *("step", "vq_temp", "symbol_temp", "hard"),
    }
    assert layer.codebook.shape == (11, 4)
    layer.trainable = False
    assert not layer.trainable_weights


def test_export_is_refused(tmp_path):
    """A SavedModel would load elsewhere, and fail when called."""
    model = classifier(small_layer(name="air"))
    with pytest.raises(ValueError, match="layer 'air' cannot go into a SavedModel, which holds no torch"):
        model.export(tmp_path / "exported", verbose=False)
