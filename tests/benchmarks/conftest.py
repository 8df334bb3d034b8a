"""A model that has learnt something, and images to test it with."""

import pytest
import torch

from linksim import LinkConfig
from linksim_training import TrainConfig, build_model, fit, load_data

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    return load_data("digits")


@pytest.fixture(scope="session")
def trained(digits):
    """Trained for four epochs on 600 digits, the last two in phase ALIGNMENT."""
    model = build_model(
        digits.image_shape, digits.classes, LinkConfig(tokens=8, codebook_size=64, embedding_dim=16)
    )
    config = TrainConfig(
        epochs=4,
        alignment_start_epoch=3,
        lambda_vec=0.0,
        lambda_vq=0.0,
        lambda_marginal=0.3,
        lr_schedule="constant",
        temp_freeze_floor=0.5,
        vq_temp_start=0.7,
        symbol_temp_start=0.7,
        device="cpu",
    )
    images, labels = digits.x_train[:600], digits.y_train[:600]
    train = list(zip(images.split(20), labels.split(20), strict=True))
    fit(model, train, [(digits.x_validation, digits.y_validation)], config, snr_db=12.0)
    return model


@pytest.fixture
def model(trained):
    """The trained model, its temperatures put back after each test."""
    link = trained.link
    before = link.vq_temp, link.symbol_temp
    yield trained.eval()
    link.vq_temp, link.symbol_temp = before


@pytest.fixture(scope="session")
def images(digits):
    """80 test images."""
    return digits.x_test[:80]


@pytest.fixture(scope="session")
def labels(digits):
    return digits.y_test[:80]
