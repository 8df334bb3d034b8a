"""Gradient estimators: their values, their gradients by other means, what they draw, and what is refused."""

import itertools
from dataclasses import replace

import pytest
import torch
from scipy import special
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from linksim import Link, LinkConfig
from linksim.gradients import NEAREST, SAMPLED, relaxed_index, sampled_index
from linksim.seeds import stream
from linksim.stages.quantize import Quantize
from linksim_training import TrainConfig
from linksim_training.model import SemanticModel
from linksim_training.networks import Head
from linksim_training.score import with_score

TOKENS, CODEWORDS, DIM = 2, 5, 4  # 3 bits per token in QPSK: the second symbol straddles the tokens
ALL = (*NEAREST, *SAMPLED)


@pytest.fixture(params=["mean", "map"])
def link(request):
    sizes = {"tokens": TOKENS, "codebook_size": CODEWORDS, "embedding_dim": DIM, "bits_per_symbol": 2}
    return Link(LinkConfig(**sizes, decision=request.param)).double()


def frames(link, count=4, snr_db=0.0):
    """Latents and a draw with Gumbel noise."""
    generator = stream(3)
    shape = (count, TOKENS, DIM)
    latents = torch.randn(shape, dtype=torch.float64, generator=generator, requires_grad=True)
    return latents, link.draw(count, snr_db, generator, gumbel=True)


def weight_of(embedding):
    return torch.randn(embedding.shape, dtype=embedding.dtype, generator=stream(7))


def gradient(link, latents, embedding, weight=None):
    """Of a fixed quadratic function of the embedding, for the latents and the codebook."""
    weight = weight_of(embedding) if weight is None else weight
    loss = (weight * (embedding + embedding.square())).sum()
    return torch.autograd.grad(loss, (latents, link.codebook), retain_graph=True)


def assert_equal(actual, expected, rtol=1e-9, atol=1e-11):
    for name, got, wanted in zip(("latents", "codebook"), actual, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=rtol, atol=atol, msg=lambda m, n=name: f"{n}: {m}")


def model_over(link):
    generator = stream(11)
    head = Head(TOKENS, DIM, 3, 8, dropout=0.0).double()
    for parameter in head.parameters():
        parameter.data = torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
    return SemanticModel(nn.Identity(), link, head).eval()


def expected_loss(model, latents, labels, draw, config):
    """Σ_k q(k)·L(k), one index tuple after the other."""
    soft = model.link.soft(latents, draw)
    total = 0
    for k in itertools.product(range(CODEWORDS), repeat=TOKENS):
        trace = model.link.hard(index=torch.tensor([k] * len(latents)), draw=draw)
        logits = model.decode(trace).logits
        loss = cross_entropy(logits, labels, label_smoothing=config.label_smoothing, reduction="none")
        loss = loss + config.lambda_vec * (trace.embedding - soft.latents).square().mean((1, 2))
        q = torch.stack([soft.assignment[:, token, one] for token, one in enumerate(k)]).prod(0)
        total = total + (q * loss).sum()
    return total


def slope(function, link, latents, to_latents, to_codebook, step=1e-5):
    """Central difference of a function of latents, with the codebook moved along."""
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            link.codebook.add_(sign * step * to_codebook)
            values.append(float(function(latents + sign * step * to_latents)))
            link.codebook.sub_(sign * step * to_codebook)
    return (values[0] - values[1]) / (2 * step)


def directions(latents, link):
    """One that moves latents alone, one the codebook alone."""
    moves = [torch.randn(x.shape, dtype=x.dtype, generator=stream(5)) for x in (latents, link.codebook)]
    return [(moves[0], 0 * moves[1]), (0 * moves[0], moves[1])]


@pytest.mark.parametrize("settings", [{"lambda_vec": 0.0}, {"lambda_vec": 0.3, "label_smoothing": 0.1}])
def test_score_function_is_unbiased(link, settings):
    """All indices, each drawn by a uniform in its interval and weighted by its probability."""
    model, config = model_over(link), TrainConfig(gradient="score-function", **settings)
    latents, draw = frames(link)
    labels = torch.tensor([0, 1, 2, 0])
    expected = expected_loss(model, latents, labels, draw, config)
    exact = torch.autograd.grad(expected, (latents, link.codebook))
    for move in directions(latents, link):
        moved = slope(lambda x: expected_loss(model, x, labels, draw, config), link, latents, *move)
        along = sum(float((one * other).sum()) for one, other in zip(exact, move, strict=True))
        assert moved == pytest.approx(along, rel=1e-6, abs=1e-8)
        assert abs(along) > 1e-3
    q = link.soft(latents, draw).assignment.detach()
    middle = q.cumsum(-1) - q / 2
    mean = [torch.zeros_like(latents), torch.zeros_like(link.codebook)]
    for k in itertools.product(range(CODEWORDS), repeat=TOKENS):
        uniforms = torch.stack([middle[:, token, one] for token, one in enumerate(k)], 1)
        output = model(latents, replace(draw, uniforms=uniforms), backward=config.backward(0.0, draw.snr_db))
        assert output.trace.index.tolist() == [list(k)] * len(latents)
        output = with_score(model, output, labels, draw, config)
        loss = cross_entropy(output.logits, labels, label_smoothing=config.label_smoothing, reduction="none")
        error = (output.trace.embedding - output.trace.latents).square().mean((1, 2))
        loss = loss + config.lambda_vec * error + output.score - output.score.detach()
        probability = torch.stack([q[:, token, one] for token, one in enumerate(k)]).prod(0)
        found = torch.autograd.grad((probability * loss).sum(), (latents, link.codebook))
        mean = [one + more for one, more in zip(mean, found, strict=True)]
    assert_equal(mean, exact)


@pytest.mark.parametrize("name", NEAREST)
def test_values_of_nearest_codewords(link, name):
    latents, draw = frames(link)
    trace, hard = link(latents, draw, backward=name), link.hard(latents, draw)
    for field in ("index", "symbols", "llr", "posterior", "embedding"):
        assert torch.equal(getattr(trace, field), getattr(hard, field)), field
    assert trace.log_probability is None


@pytest.mark.parametrize("name", SAMPLED)
def test_values_of_drawn_indices(link, name):
    latents, draw = frames(link, 50)
    trace = link(latents, draw, backward=name)
    q = link.soft(latents, draw).assignment
    if name == "gumbel":
        index = (q.log() + draw.gumbel).argmax(-1)
    else:
        index = (q.cumsum(-1) < draw.uniforms.unsqueeze(-1)).sum(-1)
    assert torch.equal(trace.index, index)
    assert not torch.equal(index, link.hard(latents, draw).index)
    hard = link.hard(index=index, draw=draw)
    for field in ("symbols", "llr", "posterior", "decoded_index", "embedding"):
        assert torch.equal(getattr(trace, field), getattr(hard, field)), field
    assert (trace.log_probability is not None) == (name == "score-function")
    if name == "score-function":
        expected = q.gather(-1, index.unsqueeze(-1)).log().sum((1, 2))
        torch.testing.assert_close(trace.log_probability, expected)


@pytest.mark.parametrize("name", SAMPLED)
def test_frequencies_of_drawn_indices(name):
    """Chi-square over all pairs of indices at a level of 1e-4, which also finds dependent tokens."""
    count, size = 20_000, 4
    link = Link(LinkConfig(tokens=2, codebook_size=size, embedding_dim=DIM, bits_per_symbol=2)).double()
    q = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.55, 0.05, 0.25, 0.15]], dtype=torch.float64)
    draw = link.draw(count, 0.0, stream(17), gumbel=True)
    index = sampled_index(name, q.expand(count, -1, -1), draw, Quantize())
    seen = torch.bincount(index[:, 0] * size + index[:, 1], minlength=size**2)
    expected = count * torch.outer(q[0], q[1]).flatten()
    statistic = float(((seen - expected).square() / expected).sum())
    assert special.chdtrc(size**2 - 1, statistic) > 1e-4
    swapped = count * torch.outer(q[1], q[0]).flatten()
    assert special.chdtrc(size**2 - 1, float(((seen - swapped).square() / swapped).sum())) < 1e-4


@pytest.mark.parametrize("size", [2, 5])
def test_reinmax_is_exact_for_quadratic_functions(size):
    """Liu et al. 2023: second order, so exact where third derivatives are zero."""
    generator = stream(23)
    logits = torch.randn(1, 1, size, dtype=torch.float64, generator=generator, requires_grad=True)
    matrix = torch.randn(size, size, dtype=torch.float64, generator=generator)
    vector = torch.randn(size, dtype=torch.float64, generator=generator)

    def function(x):
        return ((x @ matrix) * x).sum(-1) + x @ vector

    q = logits.softmax(-1)
    (exact,) = torch.autograd.grad((q * function(torch.eye(size, dtype=q.dtype))).sum(), logits)
    link = Link(LinkConfig(tokens=1, codebook_size=size)).double()
    draw = link.draw(1, 0.0, generator)
    mean = torch.zeros_like(logits)
    for k in range(size):
        x = relaxed_index("reinmax", logits.softmax(-1), torch.tensor([[k]]), draw)
        assert torch.equal(x, one_hot(torch.tensor([[k]]), size).double())
        mean += q[0, 0, k].detach() * torch.autograd.grad(function(x).sum(), logits)[0]
    torch.testing.assert_close(mean, exact, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("difference", [0.0, 1.3])
def test_gumbel_softmax_of_two_has_a_known_mean(difference):
    """Of a linear function: the logistic density convolved with itself, at zero 1/6 where 1/4 is exact."""
    count = 20_001
    quantiles = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    link = Link(LinkConfig(tokens=1, codebook_size=2)).double()
    # Two Gumbel variables differ by a logistic one.
    noise = torch.stack([torch.logit(quantiles), torch.zeros_like(quantiles)], -1).unsqueeze(1)
    draw = replace(link.draw(count, 0.0, stream(0)), gumbel=noise)
    logit = torch.tensor(difference, dtype=torch.float64, requires_grad=True)
    q = torch.stack([logit, torch.zeros_like(logit)]).softmax(-1).expand(count, 1, 2)
    index = sampled_index("gumbel", q, draw, Quantize())
    x = relaxed_index("gumbel", q, index, draw)
    assert torch.equal(x.detach(), one_hot(index, 2).double())
    (found,) = torch.autograd.grad(x[..., 0].mean(), logit)
    e = torch.tensor(difference, dtype=torch.float64).exp()
    known = 1 / 6 if difference == 0 else e * ((difference - 2) * e + difference + 2) / (e - 1) ** 3
    assert float(found) == pytest.approx(float(known), rel=1e-4)


def test_surrogate_at_symbols_by_finite_differences(link):
    """The loss behind the hard path's receiver when the soft symbols move, and the codebook it reads."""
    latents, draw = frames(link)
    found = gradient(link, latents, link(latents, draw, backward="surrogate-at-symbols").embedding)
    hard, soft = link.hard(latents, draw), link.soft(latents, draw)
    paths = {"quantize": "hard", "map": "hard", "decide": "soft"}

    def embedding(x):
        symbols = hard.symbols + link.soft(x, draw).symbols - soft.symbols
        return link.receive(hard.replace(symbols=symbols), draw, paths).embedding

    # Under MAP decisions the posterior mean lends its gradient to another value: one linear function of it.
    own = hard.embedding.detach()
    weight = weight_of(own) * (1 + 2 * own)
    for move in directions(latents, link):
        moved = slope(lambda x: (weight * embedding(x)).sum(), link, latents, *move)
        along = sum(float((one * other).sum()) for one, other in zip(found, move, strict=True))
        assert moved == pytest.approx(along, rel=1e-6, abs=1e-9)
        assert abs(along) > 1e-3


def test_weights_per_frame_are_a_linear_combination(link):
    latents, draw = frames(link)
    weights = {
        "surrogate": torch.tensor([0.0, 0.5, 1.0, 0.2]),
        "surrogate-at-symbols": torch.tensor([1.0, 0.25, 0.0, 0.4]),
        "straight-through": torch.tensor([0.0, 2.0, 0.0, 0.3]),
    }
    found = gradient(link, latents, link(latents, draw, backward=weights).embedding)
    expected = [torch.zeros_like(latents), torch.zeros_like(link.codebook)]
    for name, shares in weights.items():
        embedding = link(latents, draw, backward=name).embedding
        scaled = shares.double().reshape(-1, 1, 1) * weight_of(embedding)
        own = gradient(link, latents, embedding, scaled)
        expected = [one + more for one, more in zip(expected, own, strict=True)]
    assert_equal(found, expected)


@pytest.mark.parametrize("name", ALL)
def test_frames_are_independent(link, name):
    latents, draw = frames(link)

    def gradient_of(part):
        trace = link(latents[part], draw[part], backward=name)
        loss = (trace.embedding + trace.embedding.square()).sum()
        if trace.log_probability is not None:
            loss = loss + trace.log_probability.sum()
        return torch.autograd.grad(loss, latents)[0][part]

    together = gradient_of(slice(0, 4))
    assert together.abs().sum() > 0
    for frame in range(4):
        part = slice(frame, frame + 1)
        torch.testing.assert_close(gradient_of(part), together[part], rtol=1e-9, atol=1e-12)
