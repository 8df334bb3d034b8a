"""Loss terms with several modes, against enumeration by hand, and the gradient of the router."""

import numpy as np
import pytest
import torch
from helpers.generators import generator
from helpers.routed import randomised
from torch.nn.functional import one_hot

from linksim import LinkConfig
from linksim_training import TrainConfig, build_model, build_routed_model
from linksim_training.losses import loss_terms, total_loss
from linksim_training.parts import links_of

B, MODES = 8, [(4, 2), (8, 6), (5, 4)]
LINK = LinkConfig(tokens=3, embedding_dim=5)
SHAPE, CLASSES = (1, 5, 5), 3
PHASES = {"LEARNING": {"path": "soft"}, "ALIGNMENT": {"path": "hard", "backward": "surrogate"}}
NO_FLOOR = TrainConfig(mode_floor=0.0)


@pytest.fixture
def scene():
    """Model in double precision whose router has preferences, images, labels and a draw at a low SNR."""
    model = build_routed_model(SHAPE, CLASSES, MODES, LINK, seed=4, header_symbols=2).double().eval()
    randomised(model.link, seed=9)
    images, labels = data()
    return model, images, labels, model.link.draw(B, torch.linspace(-6, 20, B), generator(3))


def data():
    images = torch.rand(B, *SHAPE, generator=generator(2), dtype=torch.float64)
    return images, torch.randint(CLASSES, (B,), generator=generator(5))


def cross_entropies(model, images, labels, draw, path):
    """[B, modes] of each mode's own transmission, by NumPy."""
    with torch.no_grad():
        latents = model.encoder(images)
        found = []
        for number in range(len(model.link.modes)):
            trace = getattr(model.link.mode(number), path)(latents, draw)
            logits = model.head(trace.embedding)[0].numpy()
            shifted = logits - logits.max(-1, keepdims=True)
            log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
            found.append(-log_p[np.arange(len(labels)), labels.numpy()])
    return np.stack(found, axis=1)


def routed(model, images, draw):
    """[B, modes] probabilities and [B] modes by NumPy from the router's logits."""
    with torch.no_grad():
        link = model.link
        latents = link.link_of(0).quantize.normalise(model.encoder(images))
        logits = link.router(latents, draw.snr_db).numpy()
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True), logits.argmax(-1)


@pytest.mark.parametrize("floor", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("phase", PHASES)
def test_terms_by_enumeration(scene, phase, floor):
    """Σ weight·CE and the mean symbols; the floor is spread over all modes and does not count as rate."""
    model, images, labels, draw = scene
    p, mode = routed(model, images, draw)
    assert len(set(mode)) == 3
    path = PHASES[phase]["path"]
    weight = p if path == "soft" else np.eye(3)[mode]
    costs = cross_entropies(model, images, labels, draw, path)
    config = TrainConfig(mode_floor=floor)
    terms = loss_terms(model, model(images, draw, **PHASES[phase]), labels, config, phase)
    expected = ((1 - floor) * weight * costs + floor / 3 * costs).sum(1).mean()
    assert terms["cls"].item() == pytest.approx(expected, rel=1e-9)
    assert terms["sym"].item() == pytest.approx((weight @ np.array([2 + 3, 2 + 2, 2 + 3])).mean(), rel=1e-9)
    shares = np.bincount(mode, minlength=3) / B
    assert terms["lb"].item() == pytest.approx(3 * (shares * p.mean(0)).sum(), rel=1e-9)


@pytest.mark.parametrize("phase", PHASES)
def test_terms_that_all_modes_share_are_their_means(scene, phase):
    """Commitment, entropies and marginals are those of each mode on all frames, weighted equally."""
    model, images, labels, draw = scene
    terms = loss_terms(model, model(images, draw, **PHASES[phase]), labels, NO_FLOOR, phase)

    def entropy(q):
        return -np.where(q > 0, q * np.log(np.where(q > 0, q, 1)), 0).sum(-1)

    vq, conditional, marginal, vec = [], [], [], []
    p, mode = routed(model, images, draw)
    weight = p if phase == "LEARNING" else np.eye(3)[mode]
    with torch.no_grad():
        latents = model.encoder(images)
        for number, link in enumerate(links_of(model)):
            soft = model.link.mode(number).soft(latents, draw)
            shown = getattr(model.link.mode(number), PHASES[phase]["path"])(latents, draw)
            z, q = soft.latents.numpy(), soft.assignment.numpy()
            vq.append(2 * ((z - link.codebook[soft.index].numpy()) ** 2).mean())
            conditional.append(entropy(q).mean() + entropy(soft.symbol_probabilities.numpy()).mean())
            marginal.append(entropy(q.mean((0, 1))))
            vec.append(((shown.embedding.numpy() - z) ** 2).mean((1, 2)))
    assert terms["vq"].item() == pytest.approx(np.mean(vq), rel=1e-9)
    assert terms["entropy"].item() == pytest.approx(-np.mean(conditional), rel=1e-9)
    assert terms["marginal"].item() == pytest.approx(-np.mean(marginal), rel=1e-9)
    assert terms["vec"].item() == pytest.approx((weight * np.stack(vec, 1)).sum(1).mean(), rel=1e-9)


@pytest.mark.parametrize("phase", PHASES)
def test_load_balance_at_its_ends(scene, phase):
    """1 where every mode is equally probable, J where all frames are surely in one."""
    model, images, labels, draw = scene
    with torch.no_grad():
        for weight in (model.link.router.hidden_weight, model.link.router.direct_weight):
            weight.zero_()
    for expected in (1.0, 3.0):
        terms = loss_terms(model, model(images, draw, **PHASES[phase]), labels, NO_FLOOR, phase)
        assert terms["lb"].item() == pytest.approx(expected, rel=1e-9)
        with torch.no_grad():
            model.link.router.direct_weight[1] += 100


@pytest.mark.parametrize("floor", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("phase", PHASES)
def test_the_gradient_of_the_router_is_that_of_the_enumeration(scene, phase, floor):
    """Of Σ_j π_j·(CE_j + λ·S_j), in both phases and whatever the floor, by autograd and by finite differences
    of NumPy figures."""
    model, images, labels, draw = scene
    config = TrainConfig(mode_floor=floor, lambda_sym=0.02)
    terms = loss_terms(model, model(images, draw, **PHASES[phase]), labels, config, phase)
    weight = model.link.router.direct_weight
    (mine,) = torch.autograd.grad(terms["cls"] + 0.02 * terms["sym"], weight)

    costs = cross_entropies(model, images, labels, draw, PHASES[phase]["path"])
    priced = costs + 0.02 * np.array([5, 4, 5])

    def figure():
        return (routed(model, images, draw)[0] * priced).sum(1).mean()

    step, expected = 1e-5, np.zeros(weight.shape)
    with torch.no_grad():
        for place in np.ndindex(*weight.shape):
            kept = weight[place].item()
            weight[place] = kept + step
            above = figure()
            weight[place] = kept - step
            expected[place] = (above - figure()) / (2 * step)
            weight[place] = kept
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(mine.numpy(), expected, atol=1e-8 + 1e-5 * np.abs(expected).max())


def test_the_gradient_of_the_load_balance_is_that_of_the_probabilities(scene):
    """The shares of chosen modes count as they are."""
    model, images, labels, draw = scene
    output = model(images, draw, path="soft")
    terms = loss_terms(model, output, labels, NO_FLOOR, "LEARNING")
    router = model.link.router
    shares = one_hot(output.routing.mode, 3).double().mean(0)
    expected = 3 * (shares * output.routing.probabilities.mean(0)).sum()
    mine, by_hand = (
        torch.autograd.grad(one, router.hidden_weight, retain_graph=True)[0]
        for one in (terms["lb"], expected)
    )
    torch.testing.assert_close(mine, by_hand)
    assert mine.abs().max() > 0


@pytest.mark.parametrize("phase", PHASES)
def test_the_router_moves_neither_encoder_nor_codebooks(scene, phase):
    """Its own terms have a gradient for its weights only, so that latents are not bent to sway it."""
    model, images, labels, draw = scene
    terms = loss_terms(model, model(images, draw, **PHASES[phase]), labels, NO_FLOOR, phase)
    (terms["lb"] + terms["sym"]).backward()
    for name, parameter in model.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.any())
        assert moved == ("router" in name), name


def test_a_mode_without_weight_leaves_the_classification_loss(scene):
    """On the hard path without a floor, changes of a mode that no frame is in are not seen."""
    model, images, labels, draw = scene
    with torch.no_grad():
        model.link.router.direct_weight[1] -= 100

    def cls(floor):
        output = model(images, draw, **PHASES["ALIGNMENT"])
        return loss_terms(model, output, labels, TrainConfig(mode_floor=floor), "ALIGNMENT")["cls"].item()

    before = cls(0.0), cls(0.5)
    with torch.no_grad():
        model.link.link_of(1).codebook.mul_(-3)
    assert cls(0.0) == before[0]
    assert cls(0.5) != before[1]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_one_mode_has_the_terms_of_a_single_link(phase, floor):
    """Same seed, same weights: every term but the constant ones, and every gradient."""
    config = LinkConfig(tokens=3, embedding_dim=5, codebook_size=8, bits_per_symbol=4)
    single = build_model(SHAPE, CLASSES, config, seed=4).double().eval()
    several = build_routed_model(SHAPE, CLASSES, [(8, 4)], config, seed=4).double().eval()
    images, labels = data()
    settings = TrainConfig(mode_floor=floor, lambda_soft=0.3, marginal_of="usage")
    terms, gradients = [], []
    for model in (single, several):
        draw = model.link.draw(B, 3.0, generator(6))
        found = loss_terms(model, model(images, draw, **PHASES[phase]), labels, settings, phase)
        total_loss(found, settings).backward()
        terms.append(found)
        codebook = links_of(model)[0].codebook
        trained = [*model.encoder.parameters(), *model.head.parameters(), codebook]
        gradients.append([parameter.grad for parameter in trained])
    assert terms[0].keys() == terms[1].keys()
    for name in terms[0].keys() - {"lb"}:
        assert terms[1][name].item() == pytest.approx(terms[0][name].item(), rel=1e-12, abs=1e-15), name
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(theirs, mine, rtol=1e-10, atol=1e-14)
