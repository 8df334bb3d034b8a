"""`model.fit` learns over the exact link, repeatably."""

import json
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.keras_links import SMALL, classifier, reference, small_layer, some_latents

from linksim.interop.keras import TwoPhases
from linksim.seeds import stream
from linksim_training import TrainConfig, build_model, load_data
from linksim_training.codebook import initialise_codebook, latents_of

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "keras_digits.py"


def example(*arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *arguments])
    return runpy.run_path(str(EXAMPLE), run_name="__main__")


def test_digits_reach_the_trainer(tmp_path, monkeypatch, capsys):
    """The deployed accuracy of `fit` beside that of linksim's trainer, on 360 real test digits."""
    example("--epochs", "12", "--compare", "--json", str(tmp_path / "figures.json"), monkeypatch=monkeypatch)
    (row,) = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["seeds"]
    assert row["keras"] > 0.95
    assert row["keras"] > row["torch"] - 0.02
    assert "Keras minus torch" in capsys.readouterr().out


def task(count=96):
    """Latents of two classes, told apart by a sign."""
    latents = some_latents(SMALL, count)
    return latents, (latents[:, 0, 0] > latents[:, 0, 1]).astype("int64")


def fitted(seed=0, run_eagerly=False, epochs=8, **options):
    latents, labels = task()
    model = classifier(small_layer(seed=seed, **options))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"], run_eagerly=run_eagerly)
    history = model.fit(
        latents, labels, 32, epochs, shuffle=False, verbose=0, validation_data=(latents, labels)
    )
    return model, history.history


@pytest.mark.parametrize(
    "options",
    [{}, {"forward": "soft"}, {"backward": "reinmax"}, {"backward": "gumbel"}, {"snr_db": (0, 12)}],
    ids=str,
)
def test_the_loss_falls(options):
    model, history = fitted(epochs=30, **options)
    assert history["loss"][-1] < 0.75 * history["loss"][0]
    assert history["val_accuracy"][-1] > 0.65  # chance: 0.5
    assert int(model.layers[1].step.numpy()) == 90


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_the_same_seed_gives_the_same_weights(run_eagerly):
    first, second = (fitted(run_eagerly=run_eagerly)[0].get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    other = fitted(seed=1, run_eagerly=run_eagerly)[0].get_weights()
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_eager_training_is_that_of_the_graph():
    graph, eager = (fitted(run_eagerly=flag)[0].get_weights() for flag in (False, True))
    for a, b in zip(graph, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_validation_meets_the_same_noise_each_time():
    model, _ = fitted()
    latents, labels = task()
    first = model.evaluate(latents, labels, verbose=0)
    model.train_on_batch(latents[:1], labels[:1])  # moves the step on
    model.set_weights(fitted()[0].get_weights())
    assert model.evaluate(latents, labels, verbose=0) == first


def test_the_codebook_learns():
    before = small_layer().codebook.numpy()
    after = fitted()[0].layers[1].codebook.numpy()
    assert abs(after - before).max() > 0.01


def test_the_commitment_loss_is_among_the_losses():
    layer, latents = small_layer(commitment=0.3), some_latents(SMALL)
    layer(latents)
    (loss,) = layer.losses
    link = reference(layer)
    normalised = tf.convert_to_tensor(link.quantize.normalise(_torch(latents)).numpy())
    off = normalised - tf.gather(layer.codebook, link.hard(_torch(latents), _draw(link)).index.numpy())
    assert float(loss) == pytest.approx(0.3 * 2 * float(tf.reduce_mean(off**2)), rel=1e-5)
    silent = small_layer(commitment=0.0)
    silent(latents)
    assert silent.losses == []


def _torch(latents):
    import torch

    return torch.from_numpy(latents)


def _draw(link):
    return link.draw(5, 6.0, stream(0))


@pytest.mark.parametrize("hard_from", [1, 4, 100])
def test_the_phases_are_the_trainers(hard_from):
    layer, seen = small_layer(), []
    schedule = TwoPhases(layer, hard_from, start=0.9, decay=0.8, floor=0.5)
    for epoch in range(6):
        schedule.on_epoch_begin(epoch)
        seen.append((layer.forward, layer.vq_temp, layer.symbol_temp))
    names = {"vq_temp_start": 0.9, "vq_temp_decay": 0.8, "temp_freeze_floor": 0.5}
    config = TrainConfig(alignment_start_epoch=hard_from, epochs=6, **names)
    paths = {"LEARNING": "soft", "ALIGNMENT": "hard"}
    expected = [(paths[config.phase(e)], config.vq_temp(e), config.vq_temp(e)) for e in range(1, 7)]
    assert seen == expected


def test_the_phases_in_fit():
    latents, labels = task()
    layer = small_layer()
    model = classifier(layer)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((layer.forward, round(layer.vq_temp, 3)))
    )
    model.fit(latents, labels, epochs=3, verbose=0, callbacks=[TwoPhases(layer, 3), watch])
    assert seen == [("soft", 1.0), ("soft", 0.97), ("hard", 0.7)]


def test_adapting_is_the_trainers():
    """The codebook that the trainer starts from, for the same latents and the same seed."""
    data = load_data("digits")
    model = build_model(data.image_shape, data.classes, seed=3)
    layer = type(small_layer())(model.link.config, snr_db=8.0, seed=3)
    assert np.array_equal(layer.codebook.numpy(), model.link.codebook.detach().numpy())
    images = data.x_train[:300]
    layer.adapt(model.encoder.eval()(images).detach().numpy())
    initialise_codebook(model, images, 3)
    np.testing.assert_allclose(layer.codebook.numpy(), model.link.codebook.detach().numpy(), rtol=1e-5)
    assert len(latents_of(model, images)) == 300 * 16
