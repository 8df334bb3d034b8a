"""The mismatch of a model without defects falls with temperature, and vanishes."""

from itertools import pairwise

import pytest
import torch

from linksim import LinkConfig, audit
from linksim_training import TrainConfig, build_model, fit, load_data

torch.set_num_threads(1)
SNRS = [0.0, 8.0, 15.0]
TEMPERATURES = (1.0, 0.7, 0.41, 0.1, 0.01, 1e-3, 1e-4)
ROUNDING = 1e-12
MISMATCH = {
    "vq_nmse": 0,
    "bit_disagreement": 0,
    "symbol_nmse": 0,
    "soft_power": 1,
    "received_nmse": 0,
    "llr_nmse": 0,
    "llr_sign_disagreement": 0,
    "index_disagreement": 0,
    "embedding_nmse": 0,
    "feature_nmse": 0,
    "feature_cosine": 1,
    "class_kl": 0,
}
"""Figure → its value without mismatch."""


@pytest.fixture(scope="module", params=["mean", "radius"])
def reports(request):
    digits = load_data("digits")
    config = LinkConfig(
        tokens=7, codebook_size=48, embedding_dim=8, decision=request.param, radius=2, channel="rayleigh"
    )
    model = build_model(digits.image_shape, digits.classes, config)
    training = TrainConfig(epochs=3, alignment_start_epoch=2, lambda_marginal=0.3, device="cpu", seed=1)
    train = list(zip(digits.x_train.split(20), digits.y_train.split(20), strict=True))
    fit(model, train, [(digits.x_validation, digits.y_validation)], training, snr_db=8.0)
    found = []
    for temperature in TEMPERATURES:
        model.link.vq_temp = model.link.symbol_temp = temperature
        generator = torch.Generator().manual_seed(5)
        data = digits.x_test, digits.y_test
        found.append(
            audit(model, data, snr_db=SNRS, generator=generator, leave_out_ties=True, parts=("attribution",))
        )
    return found


def mismatch(report, snr, metric):
    return abs(report.value(snr, metric) - MISMATCH[metric])


@pytest.mark.parametrize("metric", MISMATCH)
def test_mismatch_falls_with_temperature(reports, metric):
    for snr in SNRS:
        values = [mismatch(report, snr, metric) for report in reports]
        assert values[0] > 1e-3, "nothing to fall"
        for hotter, colder in pairwise(values):
            assert colder <= hotter + ROUNDING, (snr, values)


@pytest.mark.parametrize("metric", MISMATCH)
def test_mismatch_vanishes(reports, metric):
    for snr in SNRS:
        assert mismatch(reports[-1], snr, metric) < 1e-4


def test_nothing_is_left_to_attribute(reports):
    for row in reports[-1].attribution:
        assert abs(row["value"]) < 1e-4, row


def test_tied_tokens_are_counted(reports):
    """The same at every temperature, and few."""
    assert len({(report.tied, report.left_out) for report in reports}) == 1
    first = reports[0]
    assert 0 < first.left_out <= first.tied < 0.02 * 7 * (first.frames + first.left_out)
