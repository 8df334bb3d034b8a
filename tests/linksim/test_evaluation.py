"""Evaluating a model leaves no trace on it."""

import pytest
import torch
from torch import nn

from linksim import Link, LinkConfig, audit
from linksim.evaluation import evaluating, placed


def make_model():
    model = nn.Module()
    model.encoder = nn.Sequential(nn.Embedding(10, 8), nn.Dropout(0.5))
    model.transceiver_dig = Link(LinkConfig(tokens=4, codebook_size=8, embedding_dim=8))
    model.hidden = nn.Linear(32, 3)
    model.head = lambda embedding: (model.hidden(embedding.flatten(1)), embedding.flatten(1))
    model.train()
    model.encoder[0].eval()
    return model


def modes(model):
    return [module.training for module in model.modules()]


def test_modes_come_back_after_success_and_failure():
    model = make_model()
    before = modes(model)
    with evaluating(model):
        assert not any(modes(model))
    assert modes(model) == before
    with pytest.raises(KeyError), evaluating(model):
        raise KeyError
    assert modes(model) == before


def test_audit_of_an_encoder_of_whole_numbers():
    """Sentences are token numbers, which must not become real ones on the way."""
    model = make_model()
    before = modes(model)
    generator = torch.Generator().manual_seed(0)
    sentences = torch.randint(0, 10, (6, 4), generator=generator)
    report = audit(model, (sentences, torch.zeros(6).long()), snr_db=[5.0], generator=generator)
    assert report.frames == 6
    assert modes(model) == before


def test_real_inputs_take_the_precision_of_the_codebook():
    codebook = torch.zeros(2, 2, dtype=torch.float64)
    assert placed(torch.zeros(3), codebook).dtype == torch.float64
    assert placed(torch.zeros(3, dtype=torch.int64), codebook).dtype == torch.int64
