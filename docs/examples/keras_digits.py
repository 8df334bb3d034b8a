"""A Keras classifier of handwritten digits, trained over the exact digital link by `model.fit`.

    pip install 'linksim[tensorflow]'
    python docs/examples/keras_digits.py --compare

Networks, data, optimiser, learning rates and budget are those of linksim's own trainer; with `--compare`,
that one trains, too, and both are tested over the deployed link.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import torch

from linksim import LinkConfig
from linksim.interop.keras import LinkLayer
from linksim.metrics.intervals import clopper_pearson, newcombe_paired
from linksim.metrics.means import student
from linksim.seeds import stream
from linksim_training import TrainConfig, build_model, fit, load_data
from linksim_training.data import ImageData
from linksim_training.presets import PRESETS

BATCH = 64
LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 1e-3, 1e-2, 0.2


@dataclass(frozen=True)
class Task:
    """What is trained: the data, the link, its Es/N0 in dB, and for how long."""

    data: ImageData
    link: LinkConfig
    snr_db: float
    epochs: int


def arrays(data: ImageData, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images [n, h, w, c] and labels [n] of a part."""
    images, labels = data.part(part)
    return images.permute(0, 2, 3, 1).numpy(), labels.numpy()


def build(task: Task, seed: int) -> keras.Model:
    """Encoder, link and head, of the shapes that `linksim_training` gives them for these images."""
    link = task.link
    channels, height, width = task.data.image_shape
    images = keras.Input((height, width, channels))
    signal, filters, kernel = images, 32, 5
    while min(height, width) >= 8:
        signal = keras.layers.ZeroPadding2D(kernel // 2)(signal)
        signal = keras.layers.Conv2D(filters, kernel, strides=2, activation="relu")(signal)
        height, width = (height + 1) // 2, (width + 1) // 2
        filters, kernel = min(2 * filters, 64), 3
    signal = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(signal)
    signal = keras.layers.Dropout(DROPOUT)(keras.layers.Flatten()(signal))
    latents = keras.layers.Dense(link.tokens * link.embedding_dim)(signal)
    latents = keras.layers.Reshape((link.tokens, link.embedding_dim), name="latents")(latents)
    embedding = LinkLayer(link, snr_db=task.snr_db, seed=seed, name="link")(latents)
    features = keras.layers.Dense(256, activation="relu")(keras.layers.Flatten()(embedding))
    logits = keras.layers.Dense(task.data.classes)(keras.layers.Dropout(DROPOUT)(features))
    return keras.Model(images, logits)


def train_keras(task: Task, seed: int) -> keras.Model:
    """Train by `model.fit`."""
    keras.utils.set_random_seed(seed)  # initial weights, order of the images, dropout
    model = build(task, seed)
    images, labels = arrays(task.data, "train")
    link = model.get_layer("link")
    link.adapt(keras.Model(model.input, model.get_layer("latents").output).predict(images, verbose=0))
    steps = task.epochs * -(-len(labels) // BATCH)
    optimiser = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps), WEIGHT_DECAY, epsilon=1e-8
    )
    optimiser.exclude_from_weight_decay(var_names=["bias", "codebook"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimiser, loss, metrics=["accuracy"])
    validation = arrays(task.data, "validation")
    model.fit(images, labels, BATCH, task.epochs, validation_data=validation, verbose=0)
    return model


def test_keras(task: Task, model: keras.Model) -> np.ndarray:
    """[n] whether each test image is classified correctly over the deployed link; one batch, so one draw."""
    images, labels = arrays(task.data, "test")
    return model.predict(images, batch_size=len(labels), verbose=0).argmax(-1) == labels


def train_and_test_torch(task: Task, seed: int) -> np.ndarray:
    """The same for linksim's trainer and its recommended settings."""
    data = task.data
    config = TrainConfig(epochs=task.epochs, seed=seed, **PRESETS["recommended"])
    model = build_model(data.image_shape, data.classes, task.link, seed)
    order = stream(seed, "order")
    loaders = data.loader("train", BATCH, order), data.loader("validation", 500)
    fit(model, *loaders, config, snr_db=task.snr_db)
    images, labels = data.part("test")
    with torch.no_grad():
        output = model(images, model.link.draw(len(labels), task.snr_db, stream(seed, "test")))
    return (output.logits.argmax(-1) == labels).numpy()


def interval(correct: np.ndarray) -> str:
    """Accuracy in % with its 95 % interval over the images."""
    low, high = clopper_pearson(int(correct.sum()), len(correct))
    return f"{100 * correct.mean():.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def paired(first: np.ndarray, second: np.ndarray) -> str:
    """Difference in points with its 95 % interval over the images, which both were tested on."""
    counts = [int((a & b).sum()) for a, b in ((first, second), (first, ~second), (~first, second))]
    ends = newcombe_paired(*counts, int((~first & ~second).sum()))
    return "{:+.1f} points [{:+.1f}, {:+.1f}]".format(*(100 * end for end in ends))


def main() -> None:
    """Train, test and report, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="one training for each")
    parser.add_argument("--snr-db", type=float, default=8.0, help="Es/N0 in dB")
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--codebook-size", type=int, default=64)
    parser.add_argument("--compare", action="store_true", help="train linksim's own trainer, too")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    link = LinkConfig(tokens=options.tokens, codebook_size=options.codebook_size)
    task = Task(load_data("digits"), link, options.snr_db, options.epochs)
    rows = []
    for seed in options.seed:
        start = time.perf_counter()
        correct = test_keras(task, train_keras(task, seed))
        row = {"seed": seed, "keras": correct.mean(), "keras_seconds": time.perf_counter() - start}
        print(f"seed {seed}: Keras {interval(correct)} in {row['keras_seconds']:.0f} s", flush=True)
        if options.compare:
            start = time.perf_counter()
            other = train_and_test_torch(task, seed)
            row |= {"torch": other.mean(), "torch_seconds": time.perf_counter() - start}
            print(f"seed {seed}: torch {interval(other)} in {row['torch_seconds']:.0f} s", flush=True)
            print(f"seed {seed}: Keras minus torch {paired(correct, other)}", flush=True)
        rows.append(row)
    if options.compare and len(rows) > 1:
        ends = student([100 * (row["keras"] - row["torch"]) for row in rows])
        print("mean difference {:+.2f} points [{:+.2f}, {:+.2f}] over the seeds".format(*ends))
    if options.json:
        figures = {"epochs": task.epochs, "snr_db": task.snr_db, "link": link.as_dict(), "seeds": rows}
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
