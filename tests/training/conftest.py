"""Small data, small models and one short training run, shared by the tests of the trainer."""

import pytest
import torch

from linksim import LinkConfig
from linksim_training import TrainConfig, build_model, fit, load_data

torch.set_num_threads(1)

SMALL = LinkConfig(tokens=4, codebook_size=16, embedding_dim=8, bits_per_symbol=4)
SNR_DB = 12.0


def batches(images, labels, size):
    """A plain list of batches, which is all that `fit` asks for."""
    return list(zip(images.split(size), labels.split(size), strict=True))


@pytest.fixture(scope="session")
def small_link():
    return SMALL


@pytest.fixture(scope="session")
def digits():
    return load_data("digits")


@pytest.fixture(scope="session")
def few(digits):
    """200 images to train on and 90 to validate with, in batches."""
    return (
        batches(digits.x_train[:200], digits.y_train[:200], 25),
        batches(digits.x_validation[:90], digits.y_validation[:90], 40),
    )


@pytest.fixture
def make_model(digits):
    """Builds a small model for the digits; keyword arguments change the link."""

    def make(seed=0, **changes):
        link = LinkConfig(**{**SMALL.as_dict(), **changes})
        return build_model(digits.image_shape, digits.classes, link, seed)

    return make


@pytest.fixture
def train(few, make_model):
    """Trains a fresh small model on the few digits and returns it with its history."""

    def run(train_loader=few[0], validation_loader=few[1], model=None, **settings):
        model = make_model() if model is None else model
        settings = {"epochs": 2, "alignment_start_epoch": 2, "device": "cpu", **settings}
        return model, fit(model, train_loader, validation_loader, TrainConfig(**settings), snr_db=SNR_DB)

    return run


@pytest.fixture(scope="session")
def short_run(digits):
    """Model and history of six epochs on 400 digits, the last two of them in phase ALIGNMENT."""
    link = LinkConfig(tokens=8, codebook_size=64, embedding_dim=16)
    model = build_model(digits.image_shape, digits.classes, link)
    config = TrainConfig(
        epochs=6,
        alignment_start_epoch=5,
        temp_freeze_floor=0.5,
        vq_temp_start=0.7,
        symbol_temp_start=0.75,
        lr_schedule="constant",
        lambda_vec=0.0,
        lambda_vq=0.0,
        lambda_marginal=0.3,
        device="cpu",
    )
    loaders = (
        batches(digits.x_train[:400], digits.y_train[:400], 20),
        batches(digits.x_validation, digits.y_validation, 100),
    )
    return model, fit(model, *loaders, config, snr_db=15.0)
