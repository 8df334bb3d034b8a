"""What is random about a frame belongs to the frame, not to its batch or its process."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim import Draw, Link, LinkConfig
from linksim_training import TrainConfig, build_model, fit
from linksim_training.batches import Batches
from linksim_training.networks import FrameDropout
from linksim_training.randomness import BLOCK, FrameRandomness

LINK = Link(LinkConfig(tokens=3, codebook_size=8, embedding_dim=4, bits_per_symbol=2, channel="rayleigh"))
MOST = 3 * BLOCK + 20
SNRS = {"one SNR": 7.0, "a range of SNRs": (-3.0, 12.0)}


def randomness(snr_db=7.0, seed=1, key=("training", 1), gumbel=False):
    return FrameRandomness(LINK, seed, key, snr_db, gumbel)


def equal(one, other):
    assert one.channel.keys() == other.channel.keys()
    pairs = [(one.channel[name], other.channel[name]) for name in one.channel]
    pairs += [(one.snr_db, other.snr_db), (one.uniforms, other.uniforms), (one.gumbel, other.gumbel)]
    return all(mine is yours if mine is None else torch.equal(mine, yours) for mine, yours in pairs)


@st.composite
def splits(draw):
    """Ascending numbers of frames, first and last included: where a stretch of frames is cut."""
    cuts = draw(st.lists(st.integers(0, MOST), min_size=2, max_size=7, unique=True))
    return sorted(cuts)


@settings(max_examples=25, deadline=None)
@given(cuts=splits(), snr=st.sampled_from(sorted(SNRS)), gumbel=st.booleans())
def test_draws_do_not_depend_on_how_frames_are_divided(cuts, snr, gumbel):
    source = randomness(SNRS[snr], gumbel=gumbel)
    whole = source.draw(cuts[0], cuts[-1])
    assert len(whole) == cuts[-1] - cuts[0]
    assert equal(whole, Draw.cat([source.draw(start, end) for start, end in pairwise(cuts)]))


@settings(max_examples=25, deadline=None)
@given(cuts=splits(), shape=st.lists(st.integers(1, 4), max_size=2))
def test_uniforms_do_not_depend_on_how_frames_are_divided(cuts, shape):
    source = randomness()
    whole = source.uniforms("purpose", shape, cuts[0], cuts[-1])
    assert whole.shape == (cuts[-1] - cuts[0], *shape)
    assert torch.equal(
        whole, torch.cat([source.uniforms("purpose", shape, start, end) for start, end in pairwise(cuts)])
    )


@settings(max_examples=15, deadline=None)
@given(cuts=splits())
def test_dropout_masks_do_not_depend_on_how_frames_are_divided(cuts):
    """Two layers of different masks, and a frame's is its own."""
    layers = torch.nn.Sequential(FrameDropout(0.4), FrameDropout(0.4)).train()
    source = randomness()

    def masks(start, end):
        with source.dropout(layers, start, end):
            return torch.stack([layer(torch.ones(end - start, 5)) for layer in layers], 1)

    whole = masks(cuts[0], cuts[-1])
    assert torch.equal(whole, torch.cat([masks(start, end) for start, end in pairwise(cuts)]))
    assert {round(float(one), 6) for one in whole.unique()} <= {0.0, round(1 / 0.6, 6)}
    assert layers[0].source is None


def test_dropout_keeps_its_share():
    layers = torch.nn.Sequential(FrameDropout(0.3)).train()
    with randomness().dropout(layers, 0, 2000):
        kept = (layers(torch.ones(2000, 20)) > 0).double()
    assert abs(float(kept.mean()) - 0.7) < 5 * (0.21 / 40_000) ** 0.5
    assert len(kept.unique(dim=0)) > 1900


@pytest.mark.parametrize("change", [{"seed": 2}, {"key": ("training", 2)}, {"key": ("validation",)}])
def test_other_seeds_and_keys_are_other_randomness(change):
    one, other = randomness(), randomness(**change)
    assert not equal(one.draw(0, 9), other.draw(0, 9))
    assert not torch.equal(one.uniforms("a", (3,), 0, 9), other.uniforms("a", (3,), 0, 9))
    assert not torch.equal(one.uniforms("a", (3,), 0, 9), one.uniforms("b", (3,), 0, 9))


def test_frames_of_a_range_spread_over_it():
    snr_db = randomness((-3.0, 12.0)).draw(0, 1500).snr_db
    assert -3 <= float(snr_db.min()) < -2.8
    assert 11.8 < float(snr_db.max()) <= 12
    assert abs(float(snr_db.mean()) - 4.5) < 5 * 15 / 12**0.5 / 1500**0.5


@pytest.mark.parametrize("settings_", [{}, {"gradient": "gumbel"}, {"hardening": "ramp"}], ids=str)
def test_the_batch_size_of_the_validation_does_not_matter(digits, settings_):
    """To rounding: the same figures in batches of 7 as in one of 60."""
    rows = []
    for size in (7, 60):
        model = build_model(digits.image_shape, digits.classes, LINK.config, seed=3)
        config = TrainConfig(
            epochs=2, alignment_start_epoch=2, device="cpu", precision="64-true", seed=3, **settings_
        )
        loaders = (
            Batches(digits.x_train[:80], digits.y_train[:80], 40, seed=1),
            Batches(digits.x_validation[:60], digits.y_validation[:60], size),
        )
        rows.append(fit(model, *loaders, config, snr_db=6.0).rows)
    for one, other in zip(*rows, strict=True):
        assert one["train"] == other["train"]
        for name, value in one["val"].items():
            if name not in ("consistency", "loss", "marginal"):  # no means over frames
                assert value == pytest.approx(other["val"][name], abs=1e-9)
        assert one["mismatch"] == pytest.approx(other["mismatch"], abs=1e-9)
