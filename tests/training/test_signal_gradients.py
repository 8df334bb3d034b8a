"""Gradient norms in the log, and the clipping of a step, against autograd by hand."""

import math

import pytest
import torch

from linksim_training import TrainConfig, fit
from linksim_training.randomness import FrameRandomness
from linksim_training.signal_gradients import SIGNALS, SignalGradients
from linksim_training.step import Frames, TrainingStep

NAMES = ("encoder", "codebook", "head", *SIGNALS)


@pytest.fixture
def scene(make_model, digits):
    model = make_model().double().eval()
    model.link.vq_temp = model.link.symbol_temp = 0.8
    draw = model.link.draw(12, 9.0, torch.Generator().manual_seed(1))
    return model, digits.x_train[:12].double(), digits.y_train[:12], draw


def by_hand(loss, *signals):
    """Norms of the gradients of a loss, complex ones over both dimensions."""
    gradients = torch.autograd.grad(loss, signals, retain_graph=True)
    return [math.sqrt(sum(one.abs().square().sum().item() for one in [g])) for g in gradients]


@pytest.mark.parametrize(("path", "backward"), [("soft", None), ("hard", "surrogate")])
def test_norms_of_the_signals(scene, path, backward):
    model, images, labels, draw = scene
    output = model(images, draw, path=path, backward=backward)
    watched = SignalGradients()
    watched.watch(output)
    # A loss that uses the latents twice: through the link and directly.
    loss = torch.nn.functional.cross_entropy(output.logits, labels) + 0.1 * output.latents.square().mean()
    soft = output.trace if path == "soft" else output.trace.surrogate
    latents, symbols, embedding = by_hand(loss, output.latents, soft.symbols, output.trace.embedding)
    (gradient,) = torch.autograd.grad(loss, soft.assignment, retain_graph=True)
    q = soft.assignment.detach()
    jacobian = torch.diag_embed(q) - q.unsqueeze(-1) * q.unsqueeze(-2)  # of the softmax in its logits
    logits = (jacobian @ gradient.unsqueeze(-1)).norm().item()
    expected = [latents, logits, symbols, embedding]
    loss.backward()
    norms = watched.norms()
    assert list(norms) == [f"gradient_norm_{name}" for name in SIGNALS]
    assert [norm.item() for norm in norms.values()] == pytest.approx(expected, rel=1e-9)
    assert min(expected) > 0


def test_a_signal_that_no_gradient_reaches_counts_zero(scene):
    """Straight-through goes around the symbols; a second watch forgets what the first one caught."""
    model, images, labels, draw = scene
    watched = SignalGradients()
    for backward in ("surrogate", "straight-through"):
        output = model(images, draw, path="hard", backward=backward)
        watched.watch(output)
        torch.nn.functional.cross_entropy(output.logits, labels).backward()
    norms = watched.norms()
    assert norms["gradient_norm_symbols"].item() == 0
    assert norms["gradient_norm_latents"].item() > 0


def test_watching_changes_no_gradient(scene):
    model, images, labels, draw = scene
    gradients = []
    for watches in (False, True):
        model.zero_grad()
        output = model(images, draw, path="soft")
        if watches:
            SignalGradients().watch(output)
        torch.nn.functional.cross_entropy(output.logits, labels).backward()
        gradients.append([one.grad.clone() for one in model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize("epoch", [1, 2])
def test_norms_of_an_epoch_are_means_over_its_steps(train, few, make_model, epoch):
    """A learning rate of next to nothing keeps the weights, so each step can be run again by hand."""
    still = {"epochs": 2, "alignment_start_epoch": 2, "lr": 1e-30, "random_codebook": True}
    batches, config = few[0][:2], TrainConfig(**still)
    _, history = train(train_loader=batches, **still)
    row = history.rows[epoch - 1]

    model = make_model().train()
    model.link.vq_temp = model.link.symbol_temp = config.vq_temp(epoch)
    randomness = FrameRandomness(model.link, 0, ("training", epoch), 12.0)
    step, norms = TrainingStep(model, config), {name: [] for name in NAMES[:3]}
    for number, (images, labels) in enumerate(batches):
        loss = step(images, labels, Frames(25 * number, 25 * number + 25), randomness, epoch)["loss"]
        for name, module in zip(NAMES, (model.encoder, model.link, model.head), strict=False):
            gradients = torch.autograd.grad(loss, list(module.parameters()), retain_graph=True)
            norms[name].append(math.sqrt(sum(g.double().square().sum().item() for g in gradients)))
    for name, figures in norms.items():
        assert row["train"][f"gradient_norm_{name}"] == pytest.approx(sum(figures) / 2, rel=1e-4)


@pytest.mark.parametrize("limit", [1e-3, 0.05, 1e6])
def test_clipping_bounds_the_gradient_of_every_step(few, make_model, monkeypatch, limit):
    """Over all weights together; a gradient that is short enough stays as it is, and its direction always."""
    norms = {"clipped": [], "free": []}
    steps = {"clipped": [], "free": []}
    for kind, clip in (("free", None), ("clipped", limit)):
        model = make_model()
        parameters, plain = list(model.parameters()), torch.optim.AdamW.step

        def looked_at(self, *words, parameters=parameters, kind=kind, plain=plain, **named):
            gradient = torch.cat([one.grad.flatten() for one in parameters])
            norms[kind].append(gradient.double().norm().item())
            steps[kind].append(gradient)
            return plain(self, *words, **named)

        with monkeypatch.context() as patch:
            patch.setattr(torch.optim.AdamW, "step", looked_at)
            config = TrainConfig(epochs=1, alignment_start_epoch=2, device="cpu", clip_norm=clip)
            history = fit(model, few[0][:3], few[1][:1], config)
    assert len(norms["clipped"]) == len(norms["free"]) == 3
    assert all(norm <= limit * (1 + 1e-5) for norm in norms["clipped"])
    assert norms["clipped"][0] == pytest.approx(min(limit, norms["free"][0]), rel=1e-3)
    cosine = torch.nn.functional.cosine_similarity(steps["clipped"][0], steps["free"][0], dim=0)
    assert cosine.item() == pytest.approx(1, abs=1e-5)
    logged = [history.rows[0]["train"][f"gradient_norm_{name}"] for name in NAMES[:3]]
    assert math.hypot(*logged) == pytest.approx(sum(norms["free"]) / 3, rel=0.3)  # logged before clipping
