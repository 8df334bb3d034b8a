"""Every loss term against NumPy, computed from weights, latents and LLRs alone."""

import math

import numpy as np
import pytest
import torch

from linksim import LinkConfig
from linksim_training import TrainConfig, build_model
from linksim_training.losses import loss_terms, total_loss
from linksim_training.randomness import FrameRandomness
from linksim_training.step import Frames, TrainingStep

B, N, K, D = 6, 3, 4, 5
VQ_TEMP, SYMBOL_TEMP = 0.8, 0.6
# One token of two bits per QPSK symbol, so the distribution of a symbol is that of its index, sharpened.
LINK = LinkConfig(tokens=N, codebook_size=K, embedding_dim=D, bits_per_symbol=2)
STAGES = ("vq", "symbol", "features")


@pytest.fixture
def scene():
    """Model in double precision, images, labels and a draw at a low SNR."""
    model = build_model((1, 5, 5), 3, LINK, seed=4).double().eval()
    model.link.vq_temp, model.link.symbol_temp = VQ_TEMP, SYMBOL_TEMP
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(B, 1, 5, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (B,), generator=generator)
    return model, images, labels, model.link.draw(B, 3.0, generator)


def softmax(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def entropy(p):
    return -(p * np.log(p)).sum(-1)


class Reference:
    """The same quantities in NumPy, from the encoder's output, the codebook, the head and the LLRs."""

    def __init__(self, model, images, trace):
        weights = {name: w.detach().numpy() for name, w in model.state_dict().items()}
        self.codebook = weights["transceiver_dig.codebook"]
        raw = model.encoder(images).detach().numpy()
        self.z = (raw - raw.mean(-1, keepdims=True)) / np.sqrt(raw.var(-1, keepdims=True) + 1e-5)
        distances = ((self.z[:, :, None] - self.codebook) ** 2).sum(-1)
        self.q = softmax(-distances / (math.sqrt(D) * VQ_TEMP))
        self.index = distances.argmin(-1)
        self.p = self.q ** (1 / SYMBOL_TEMP)
        self.p /= self.p.sum(-1, keepdims=True)
        llr = trace.llr.detach().numpy().reshape(B, N, 2)
        labels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        self.embedding = softmax(llr @ labels.T) @ self.codebook
        hidden = self.embedding.reshape(B, -1) @ weights["head.hidden.1.weight"].T
        self.features = np.maximum(hidden + weights["head.hidden.1.bias"], 0)
        self.logits = self.features @ weights["head.logits.weight"].T + weights["head.logits.bias"]

    def terms(self, labels):
        labels = labels.numpy()
        log_likelihood = np.log(softmax(self.logits)[np.arange(B), labels])
        return {
            "cls": -log_likelihood.mean(),
            "vec": ((self.embedding - self.z) ** 2).mean(),
            "vq": 2 * ((self.z - self.codebook[self.index]) ** 2).mean(),
            "sym": 3.0,
            "lb": 0.0,
            "entropy": -(entropy(self.q).mean() + entropy(self.p).mean()),
            "marginal": -entropy(self.q.mean((0, 1))),
        }


def check(terms, expected):
    assert terms.keys() == expected.keys()
    for name, figure in expected.items():
        assert terms[name].item() == pytest.approx(figure, rel=1e-8, abs=1e-12), name


def test_terms_of_the_learning_phase(scene):
    model, images, labels, draw = scene
    output = model(images, draw, path="soft")
    reference = Reference(model, images, output.trace)
    check(loss_terms(model, output, labels, TrainConfig(), "LEARNING"), reference.terms(labels))


@pytest.mark.parametrize("stages", [("features",), ("vq",), ("symbol",), STAGES, ()])
@pytest.mark.parametrize("symmetric", [0.0, 0.3])
def test_terms_of_the_alignment_phase(scene, stages, symmetric):
    model, images, labels, draw = scene
    config = TrainConfig(consistency_stages=stages, symmetric_consistency=symmetric)
    output = model(images, draw, path="hard", backward="surrogate")
    hard, soft = (Reference(model, images, one) for one in (output.trace, output.trace.surrogate))

    points = np.array([1 + 1j, 1 - 1j, -1 + 1j, -1 - 1j]) / math.sqrt(2)
    pairs = {
        "vq": (soft.q @ soft.codebook, hard.codebook[hard.index]),
        "symbol": (soft.p @ points, points[hard.index]),
        "features": (soft.features, hard.features),
    }
    energy = {name: (np.abs(s - h) ** 2).sum() for name, (s, h) in pairs.items()}
    consistency = sum(
        energy[name] / (np.abs(pairs[name][1]) ** 2).sum()
        + symmetric * energy[name] / (np.abs(pairs[name][0]) ** 2).sum()
        for name in stages
    )
    terms = loss_terms(model, output, labels, config, "ALIGNMENT")
    soft_loss = soft.terms(labels)["cls"]
    check(terms, {**hard.terms(labels), "consistency": consistency, "soft": soft_loss})


def test_total_is_the_weighted_sum():
    names = ("vec", "sym", "vq", "lb", "entropy", "marginal", "consistency")
    weights = dict(zip(names, (0.2, 0.3, 0.5, 0.7, 1.1, 1.3, 1.7), strict=True))
    values = dict(zip(names, (3.0, -5.0, 7.0, 11.0, -13.0, 17.0, 19.0), strict=True))
    config = TrainConfig(**{f"lambda_{name}": weight for name, weight in weights.items()})
    terms = {name: torch.tensor(value) for name, value in values.items()}
    total = total_loss({"cls": torch.tensor(2.0), **terms}, config)
    assert total.item() == pytest.approx(2.0 + sum(weights[name] * values[name] for name in names))
    assert total_loss({"cls": torch.tensor(2.0)}, config).item() == 2.0


def test_weights_of_zero_leave_the_classification(scene):
    model, images, labels, _ = scene
    silent = {f"lambda_{name}": 0.0 for name in ("vec", "vq", "entropy", "marginal", "consistency")}
    step = TrainingStep(model, TrainConfig(alignment_start_epoch=2, **silent))
    randomness = FrameRandomness(model.link, 0, ("test",), 5.0)
    for epoch in (1, 2):
        figures = step(images, labels, Frames(0, B), randomness, epoch)
        assert figures["loss"].item() == figures["cls"].item()


def test_entropies_are_in_nats_and_bounded(scene):
    """Equal codewords give a uniform assignment; the marginal entropy is never below the conditional one."""
    model, images, labels, draw = scene
    terms = loss_terms(model, model(images, draw, path="soft"), labels, TrainConfig(), "LEARNING")
    trace = model(images, draw, path="soft").trace
    assert -terms["marginal"].item() >= entropy(trace.assignment.detach().numpy()).mean() - 1e-12
    assert -terms["marginal"].item() <= math.log(K) + 1e-12
    with torch.no_grad():
        model.link.codebook.zero_()
    terms = loss_terms(model, model(images, draw, path="soft"), labels, TrainConfig(), "LEARNING")
    assert -terms["marginal"].item() == pytest.approx(math.log(4))
    assert -terms["entropy"].item() == pytest.approx(math.log(4) + math.log(4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [1e-8, 1e-4, 1e-2])
def test_gradients_are_finite_at_one_hot_assignments(scene, dtype, temperature):
    model, images, labels, _ = scene
    model = model.to(dtype)
    model.link.vq_temp = model.link.symbol_temp = temperature
    draw = model.link.draw(B, 3.0, torch.Generator().manual_seed(0))
    output = model(images.to(dtype), draw, path="soft")
    if temperature == 1e-8:
        assert bool(((output.trace.assignment == 0) | (output.trace.assignment == 1)).all())
    terms = loss_terms(model, output, labels, TrainConfig(), "LEARNING")
    for name in ("entropy", "marginal"):
        model.zero_grad()
        terms[name].backward(retain_graph=True)
        for gradient in (model.link.codebook.grad, *(p.grad for p in model.encoder.parameters())):
            assert gradient is not None
            assert bool(torch.isfinite(gradient).all()), name


def pulls(scene, stage, symmetric):
    """Norms of the gradient of a consistency loss on the soft and on the hard signal of a stage."""
    model, images, labels, draw = scene
    config = TrainConfig(consistency_stages=(stage,), symmetric_consistency=symmetric)
    output = model(images, draw, path="hard", backward="surrogate")
    signals = {
        "features": (output.surrogate_features, output.features),
        "vq": (output.trace.surrogate.quantized, output.trace.quantized),
        "symbol": (output.trace.surrogate.symbols, None),
    }[stage]
    loss = loss_terms(model, output, labels, config, "ALIGNMENT")["consistency"]
    return [0.0 if signal is None else pull(loss, signal) for signal in signals]


def pull(loss, signal):
    (gradient,) = torch.autograd.grad(loss, signal, allow_unused=True, retain_graph=True)
    return 0.0 if gradient is None else gradient.norm().item()


@pytest.mark.parametrize("stage", STAGES)
def test_the_soft_path_is_pulled_to_the_hard_one(scene, stage):
    on_soft, on_hard = pulls(scene, stage, symmetric=0.0)
    assert on_soft > 0
    assert on_hard == 0


@pytest.mark.parametrize("stage", ["features", "vq"])
def test_symmetric_consistency_pulls_both(scene, stage):
    on_soft, on_hard = pulls(scene, stage, symmetric=0.5)
    assert on_soft > 0
    assert on_hard > 0


def test_following_the_gradient_brings_the_paths_together(scene):
    """Small steps down the consistency loss reduce it, although only the soft path feels it."""
    model, images, labels, draw = scene
    config = TrainConfig(consistency_stages=STAGES)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    figures = []
    for _ in range(4):
        output = model(images, draw, path="hard", backward="surrogate")
        loss = loss_terms(model, output, labels, config, "ALIGNMENT")["consistency"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        figures.append(loss.item())
    assert figures[-1] < figures[0]


def test_label_smoothing_spreads_a_share_of_the_target(scene):
    """Cross-entropy against (1 − s)·label + s/classes, on the path that counts and on the soft one."""
    model, images, labels, draw = scene
    config = TrainConfig(label_smoothing=0.3)
    output = model(images, draw, path="hard", backward="surrogate")
    terms = loss_terms(model, output, labels, config, "ALIGNMENT")
    target = 0.7 * np.eye(3)[labels.numpy()] + 0.1
    for name, logits in (("cls", output.logits), ("soft", output.surrogate_logits)):
        expected = -(target * np.log(softmax(logits.detach().numpy()))).sum(1).mean()
        assert terms[name].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("term", ["entropy", "marginal"])
def test_warm_up_by_hand(term):
    """λ·min(1, epoch/10), for that term alone; without a warm-up, λ from the first epoch."""
    config = TrainConfig(**{f"lambda_{term}": 0.4, f"{term}_warmup_epochs": 10})
    by_hand = {1: 0.04, 5: 0.2, 9: 0.36, 10: 0.4, 30: 0.4}
    for epoch, weight in by_hand.items():
        assert config.weight(term, epoch) == pytest.approx(weight)
        assert TrainConfig(**{f"lambda_{term}": 0.4}).weight(term, epoch) == 0.4
        for other in ("vec", "vq", "consistency", "soft", "sym", "lb"):
            assert config.weight(other, epoch) == getattr(TrainConfig(), f"lambda_{other}")
        terms = {"cls": torch.tensor(1.0), term: torch.tensor(-2.0)}
        assert total_loss(terms, config, epoch).item() == pytest.approx(1 - 2 * weight)
    assert total_loss(terms, config).item() == pytest.approx(1 - 2 * 0.4)


def test_each_stage_of_the_consistency_has_its_weight(scene):
    """The sum of the stages taken one by one; the opposite direction has the symmetric weight on top."""
    model, images, labels, draw = scene
    output = model(images, draw, path="hard", backward="surrogate")
    weights = dict(zip(STAGES, (0.2, 0.5, 3.0), strict=True))

    def consistency(stages, symmetric=0.0, **settings):
        config = TrainConfig(consistency_stages=stages, symmetric_consistency=symmetric, **settings)
        return loss_terms(model, output, labels, config, "ALIGNMENT")["consistency"].item()

    named = {f"consistency_{stage}": weight for stage, weight in weights.items()}
    one_by_one = {stage: consistency((stage,)) for stage in STAGES}
    backwards = {stage: consistency((stage,), 1.0) - one_by_one[stage] for stage in STAGES}
    assert consistency(STAGES, **named) == pytest.approx(sum(weights[s] * one_by_one[s] for s in STAGES))
    assert consistency(STAGES, 0.7, **named) == pytest.approx(
        sum(weights[s] * (one_by_one[s] + 0.7 * backwards[s]) for s in STAGES)
    )
    assert all(figure > 0 for figure in (*one_by_one.values(), *backwards.values()))


def test_lambda_soft_adds_the_loss_of_the_soft_path_in_phase_2(scene):
    model, images, labels, _ = scene
    randomness = FrameRandomness(model.link, 0, ("test",), 3.0)
    figures = {}
    for weight in (0.0, 0.4):
        step = TrainingStep(model, TrainConfig(alignment_start_epoch=2, lambda_soft=weight))
        figures[weight] = [step(images, labels, Frames(0, B), randomness, epoch) for epoch in (1, 2)]
    (learning, aligned), (learning_too, heavier) = figures[0.0], figures[0.4]
    assert learning["loss"].item() == learning_too["loss"].item()
    assert "soft" not in learning
    added = heavier["loss"] - aligned["loss"]
    assert added.item() == pytest.approx(0.4 * heavier["soft"].item())
    soft = model(images, randomness.draw(0, B), path="soft")
    expected = torch.nn.functional.cross_entropy(soft.logits, labels)
    assert heavier["soft"].item() == pytest.approx(expected.item())


def test_the_marginal_entropy_of_the_codewords_used(scene):
    """That of nine tenths of what is sent and a tenth of the assignment; with the assignment's gradient."""
    model, images, labels, draw = scene
    output = model(images, draw, path="hard", backward="surrogate")
    terms = loss_terms(model, output, labels, TrainConfig(marginal_of="usage"), "ALIGNMENT")
    reference = Reference(model, images, output.trace)
    used = (0.9 * np.eye(K)[reference.index] + 0.1 * reference.q).mean((0, 1))
    assert terms["marginal"].item() == pytest.approx(-entropy(used), rel=1e-9)
    by_hand = (output.trace.assignment.mean((0, 1)) * torch.from_numpy(np.log(used) + 1)).sum()
    found, expected = (
        torch.autograd.grad(loss, model.link.codebook, retain_graph=True)[0]
        for loss in (terms["marginal"], by_hand)
    )
    torch.testing.assert_close(found, expected)
