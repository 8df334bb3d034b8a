"""The ramp of phase 2, temperatures that gradients come from, the surrogate's share, the SNR of frames."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from linksim_training import TrainConfig
from linksim_training.randomness import FrameRandomness
from linksim_training.step import Frames, TrainingStep

FRAMES = 40


@pytest.mark.parametrize(
    ("epochs", "start", "alpha"),
    [
        (30, 20, {1: 0, 19: 0, 20: 0, 21: 0.1, 25: 0.5, 29: 0.9, 30: 1}),
        (10, 5, {4: 0, 5: 0, 6: 0.2, 7: 0.4, 10: 1}),
        (6, 5, {4: 0, 5: 0, 6: 1}),
        (6, 6, {5: 0, 6: 1}),  # one epoch of phase 2 is hard
        (5, 1, {1: 0, 2: 0.25, 5: 1}),
        (5, 9, {1: 0, 5: 0}),  # no phase 2
    ],
)
def test_the_ramp_by_hand(epochs, start, alpha):
    ramp = TrainConfig(epochs=epochs, alignment_start_epoch=start, hardening="ramp")
    step = TrainConfig(epochs=epochs, alignment_start_epoch=start)
    for epoch, share in alpha.items():
        assert ramp.hard_share(epoch) == pytest.approx(share)
        assert step.hard_share(epoch) == float(epoch >= start)


@pytest.fixture
def transmit(make_model, digits):
    """Runs the forward pass of a training step over the same frames, with the settings of choice."""
    model = make_model().double().eval()
    model.link.vq_temp = model.link.symbol_temp = 0.9
    images, labels = digits.x_train[:FRAMES].double(), digits.y_train[:FRAMES]

    def run(epoch, first=0, **settings):
        config = TrainConfig(**{"epochs": 5, "alignment_start_epoch": 1, **settings})
        randomness = FrameRandomness(model.link, 3, ("training", epoch), 6.0)
        step = TrainingStep(model, config)
        return step._transmit(images[first:], labels[first:], Frames(first, FRAMES), randomness, epoch)

    run.model, run.images = model, images
    return run


def chosen(transmit, epoch, **settings):
    """[B] which frames were sent hard; every other one must have been sent softly."""
    paths = [transmit(epoch, epochs=5, alignment_start_epoch=9)]  # LEARNING: the soft path
    paths.append(transmit(epoch))  # hard from the first epoch of phase 2
    soft, hard = (path.trace.embedding.detach() for path in paths)
    sent = transmit(epoch, hardening="ramp", **settings).trace.embedding.detach()
    is_hard, is_soft = ((sent - one).abs().amax((1, 2)) < 1e-12 for one in (hard, soft))
    assert bool((is_hard ^ is_soft).all())
    return is_hard


def test_each_frame_is_sent_hard_or_soft_and_their_share_follows_the_ramp(transmit):
    hard = {epoch: chosen(transmit, epoch) for epoch in range(1, 6)}
    assert not hard[1].any()
    assert hard[5].all()
    for epoch in (2, 3, 4):
        count, alpha = int(hard[epoch].sum()), (epoch - 1) / 4
        assert stats.binomtest(count, FRAMES, alpha).pvalue > 0.01
        assert 0 < count < FRAMES


def test_the_choice_belongs_to_the_frame(transmit):
    """It does not depend on which frames share the batch, and is drawn anew in each epoch."""
    whole = chosen(transmit, 3)
    sent = transmit(3, hardening="ramp").trace.embedding
    part = transmit(3, first=17, hardening="ramp").trace.embedding
    torch.testing.assert_close(part, sent[17:])
    draw = FrameRandomness(transmit.model.link, 3, ("training", 3), 6.0)
    assert torch.equal(whole, draw.uniforms("hardening", (), 0, FRAMES) < 0.5)
    assert not torch.equal(whole, FrameRandomness(draw.link, 3, ("training", 4), 6.0).uniforms(
        "hardening", (), 0, FRAMES) < 0.5)  # fmt: skip


def test_over_many_frames_the_share_is_that_of_the_ramp(make_model):
    draw = FrameRandomness(make_model().link, 0, ("training", 2), 6.0)
    uniforms = draw.uniforms("hardening", (), 0, 4000).numpy()
    assert stats.kstest(uniforms, "uniform").pvalue > 0.01


def test_a_convex_blend_mixes_the_embeddings(transmit):
    for epoch, alpha in {1: 0.0, 2: 0.25, 3: 0.5, 4: 0.75, 5: 1.0}.items():
        paths = [
            transmit(epoch, epochs=5, alignment_start_epoch=9).trace.embedding,
            transmit(epoch).trace.embedding,
        ]
        mixed = transmit(epoch, hardening="ramp", hardening_blend="convex").trace.embedding
        torch.testing.assert_close(mixed, (1 - alpha) * paths[0] + alpha * paths[1])
        assert not torch.allclose(*paths)


def through(output, images, weights):
    """Gradient of a weighted sum of the received embedding at the pixels and at the codebook."""
    loss = (output.trace.embedding * weights).sum()
    return torch.autograd.grad(loss, images)


@pytest.mark.parametrize("path", ["soft", "hard"])
def test_values_are_of_the_forward_temperatures_and_gradients_of_the_backward_ones(transmit, path):
    """Against the plain soft path, run at either pair of temperatures."""
    model = transmit.model
    images = transmit.images.clone().requires_grad_()
    draw = FrameRandomness(model.link, 3, ("training", 1), 6.0).draw(0, FRAMES)
    weights = torch.randn(FRAMES, 4, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def plain(vq_temp, symbol_temp):
        model.link.vq_temp, model.link.symbol_temp = vq_temp, symbol_temp
        return model(images, draw, path="soft")

    warm, cold = plain(0.8, 0.6), plain(0.3, 0.2)
    expected = {
        temps: through(one, images, weights) for temps, one in (((0.8, 0.6), warm), ((0.3, 0.2), cold))
    }
    backward = None if path == "soft" else "surrogate"
    sent = model(images, draw, path=path, backward=backward, backward_temperatures=(0.8, 0.6))
    values = cold.trace.embedding if path == "soft" else model(images, draw, path="hard").trace.embedding
    torch.testing.assert_close(sent.trace.embedding, values)
    gradient = through(sent, images, weights)
    torch.testing.assert_close(gradient, expected[0.8, 0.6])
    assert not torch.allclose(gradient[0], expected[0.3, 0.2][0])


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_training_step_takes_the_backward_temperatures_in_both_phases(transmit, epoch):
    settings = {"epochs": 2, "alignment_start_epoch": 2, "gradient": "surrogate"}
    plain = transmit(epoch, **settings)
    same = transmit(epoch, **settings, backward_vq_temp=0.9, backward_symbol_temp=0.9)
    other = transmit(epoch, **settings, backward_vq_temp=0.5, backward_symbol_temp=0.4)
    gradients = []
    for output in (plain, same, other):
        torch.testing.assert_close(output.trace.embedding, plain.trace.embedding)
        codebook = transmit.model.link.codebook
        (gradient,) = torch.autograd.grad(output.trace.embedding.square().sum(), codebook)
        gradients.append(gradient)
    torch.testing.assert_close(gradients[0], gradients[1])
    assert not torch.allclose(gradients[0], gradients[2], rtol=1e-2)


def test_the_surrogates_share_goes_from_its_first_to_its_last_value():
    config = TrainConfig(epochs=9, alignment_start_epoch=5, surrogate_weight=0.2, surrogate_weight_end=1.0)
    snr = torch.zeros(3)
    shares = [config.share(config.alignment_progress(epoch), snr) for epoch in range(4, 10)]
    for share, expected in zip(shares, (0.2, 0.2, 0.4, 0.6, 0.8, 1.0), strict=True):
        assert share.tolist() == pytest.approx([expected] * 3)
    one_epoch = TrainConfig(epochs=5, alignment_start_epoch=5, surrogate_weight_end=1.0)
    assert one_epoch.share(one_epoch.alignment_progress(5), snr).tolist() == [1.0] * 3
    constant = TrainConfig(epochs=9, alignment_start_epoch=5, surrogate_weight=0.2)
    assert constant.share(0.7, snr).tolist() == pytest.approx([0.2] * 3)


def test_the_surrogates_share_depends_on_the_snr_of_each_frame():
    config = TrainConfig(surrogate_weight=0.5, surrogate_weight_slope=0.1, surrogate_weight_pivot=8.0)
    share = config.share(0.0, torch.tensor([-10.0, 3.0, 8.0, 10.0, 30.0]))
    assert share.tolist() == pytest.approx([0.0, 0.0, 0.5, 0.7, 1.0])


def test_the_mixed_gradient_weighs_each_frame_by_its_own_share():
    config = TrainConfig(surrogate_weight=0.5, surrogate_weight_slope=-0.05, surrogate_weight_pivot=5.0)
    weights = config.backward(0.0, torch.tensor([5.0, 9.0]))
    assert weights["surrogate"].tolist() == pytest.approx([0.5, 0.3])
    assert weights["straight-through"].tolist() == pytest.approx([0.5, 0.7])
    at_symbols = TrainConfig(surrogate_at="symbols")
    assert set(at_symbols.backward(0.0, torch.zeros(1))) == {"surrogate-at-symbols", "straight-through"}
    assert TrainConfig(gradient="surrogate").backward(0.0, torch.zeros(1)) == "surrogate"
    assert TrainConfig(gradient="reinmax").backward(0.0, torch.zeros(1)) == "reinmax"


def test_every_frame_has_an_snr_of_its_own_uniform_over_the_range(make_model):
    link, frames = make_model().link, 3000
    draws = [FrameRandomness(link, 0, ("training", epoch), (-4.0, 11.0)).draw(0, frames) for epoch in (1, 2)]
    for draw in draws:
        snr = draw.snr_db.double().numpy()
        assert snr.min() >= -4
        assert snr.max() <= 11
        assert stats.kstest(snr, stats.uniform(-4, 15).cdf).pvalue > 0.01
        assert len(np.unique(snr)) > 0.999 * frames
        neighbours = np.corrcoef(snr[:-1], snr[1:])[0, 1]
        assert abs(neighbours) < 4 / math.sqrt(frames)
    assert not torch.equal(draws[0].snr_db, draws[1].snr_db)
    again = FrameRandomness(link, 0, ("training", 1), (-4.0, 11.0)).draw(100, 230)
    assert torch.equal(again.snr_db, draws[0].snr_db[100:230])


def test_the_noise_of_a_frame_has_the_power_of_its_snr(make_model):
    """Received minus sent, over all symbols of the frames in a slice of the range."""
    link = make_model(tokens=64).link
    draw = FrameRandomness(link, 0, ("x",), (0.0, 20.0)).draw(0, 1500)
    index = torch.randint(16, (1500, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        trace = link.hard(index=index, draw=draw)
    noise = (trace.received - trace.symbols).abs().square().mean(1).double()
    expected = 10 ** (-draw.snr_db.double() / 10)
    ratio = noise / expected  # mean of 64 exponential variables
    assert ratio.mean().item() == pytest.approx(1, abs=4 / math.sqrt(64 * 1500))
    assert ratio.std().item() == pytest.approx(1 / math.sqrt(64), rel=0.1)


def test_a_range_without_width_is_that_snr(train):
    fixed, ranged = (train(snr_db_range=one)[1].rows for one in (None, (12.0, 12.0)))
    for one, other in zip(fixed, ranged, strict=True):
        assert one["val"]["mean_llr"] == pytest.approx(other["val"]["mean_llr"], rel=0.2)


def test_validation_draws_of_a_range_are_the_same_in_every_epoch(train):
    still = {"lr": 1e-30, "vq_temp_decay": 1.0, "symbol_temp_decay": 1.0, "alignment_start_epoch": 9}
    _, history = train(snr_db_range=(0.0, 15.0), **still)
    first, second = ({**row["val"], **row["mismatch"]} for row in history.rows)
    assert first == second
    assert history.rows[0]["train"] != history.rows[1]["train"]
    _, higher = train(snr_db_range=(15.0, 16.0), **still)
    assert higher.rows[0]["val"]["mean_llr"] > first["mean_llr"]
