"""Stages with a gradient in closed form against plain PyTorch, in value and gradient."""

import pytest
import torch
from torch.autograd import grad, gradcheck

from linksim import FrameLayout, LinkConfig, Modem
from linksim.bits import labels
from linksim.metrics.entropy import entropy
from linksim.seeds import stream
from linksim.stages.bit_posterior import bit_posterior, posterior_of_all
from linksim.stages.decide import Decide
from linksim.stages.demap import Demap
from linksim.stages.qam_llr import qam_llr
from linksim.stages.quantize import Quantize, squared_distances
from linksim.stages.sharpening import sharpen
from linksim.stages.softmax import gradient_of_logits, softmax_of


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=stream(seed), requires_grad=True)


def same_value_and_gradient(mine, plain, *inputs, rtol=1e-9):
    """Of functions of tensors, for random gradients of the result."""
    values, expected = mine(*inputs), plain(*inputs)
    torch.testing.assert_close(values, expected, rtol=rtol, atol=1e-12)
    weights = torch.randn(values.shape, dtype=values.dtype, generator=stream(0, "weights"))
    gradients = (grad((one * weights).sum(), inputs) for one in (values, expected))
    torch.testing.assert_close(*gradients, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.05, 0.7, 3.0])
def test_assignments(temperature):
    def plain(latents, codebook):
        return (-squared_distances(latents, codebook) / (4**0.5 * temperature)).softmax(-1)

    latents, codebook = normal(2, 3, 4), normal(5, 4, seed=1)
    same_value_and_gradient(lambda z, c: Quantize().soft(z, c, temperature), plain, latents, codebook)
    assert gradcheck(lambda z, c: Quantize().soft(z, c, temperature), (latents, codebook))


@pytest.mark.parametrize("size", [2, 8, 11, 16])
def test_posteriors(size):
    own = labels(size, (size - 1).bit_length()).double()
    llr = (3 * normal(2, 3, own.shape[1])).detach().requires_grad_()

    def mine(llr):
        if size == 2 ** own.shape[1]:
            return posterior_of_all(llr, own)
        return bit_posterior(llr, llr.detach() @ own.T, own)

    same_value_and_gradient(mine, lambda llr: (llr @ own.T).softmax(-1), llr)
    assert gradcheck(mine, llr)


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("width", [2, 4, 6, 8, 10])
def test_llr(width, demapper):
    modem, received = Modem(width, demapper), normal(2, 3, dtype=torch.complex128)
    variance = torch.tensor([[0.05], [2.0]], dtype=torch.float64)
    weights = torch.randn(2, 3 * width, dtype=torch.float64, generator=stream(0, "weights"))
    mine, plain = qam_llr(received, variance, modem), modem.demodulate(received, variance)
    assert torch.equal(mine, plain)
    ours, expected = (grad((llr * weights).sum(), received)[0] for llr in (mine, plain))
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_a_noise_variance_keeps_its_gradient():
    """As where the transmitter's scale is undone at the receiver."""
    layout = FrameLayout(tokens=6, codebook_size=4, bits_per_symbol=4)
    received, one = normal(2, 3, dtype=torch.complex128), torch.ones(2, 1, dtype=torch.float64)
    variance = torch.full((2, 1), 0.3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(Demap(layout, Modem(4)), (received, one, variance))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_sharpening(temperature):
    p = normal(2, 3, 5).detach().softmax(-1).requires_grad_()
    same_value_and_gradient(
        lambda p: sharpen(p, temperature), lambda p: (p.log() / temperature).softmax(-1), p
    )
    assert gradcheck(lambda p: sharpen(p, temperature), p)


def test_entropy():
    p = normal(2, 3, 5).detach().softmax(-1).requires_grad_()
    same_value_and_gradient(entropy, lambda p: -(p * p.log()).sum(-1), p)
    assert gradcheck(entropy, p)


def test_gradients_of_logits_hold_where_a_softmax_is_nearly_one_hot():
    """In float32, against float64: naively, rounding leaves more than there is."""
    logits = torch.tensor([[0.0, 30.0, 3.0], [40.0, 1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    gradient = torch.tensor([[1.0, 2.5, -3.0], [0.3, 1e3, 1.1]], dtype=torch.float64)
    relative = gradient - gradient.gather(1, logits.argmax(1, keepdim=True))  # which cancels nothing
    (expected,) = grad((logits.softmax(-1) * relative).sum(), logits)
    single = softmax_of(logits.detach(), torch.float32)
    actual = gradient_of_logits(single, gradient.float()).double()
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=0)
    naive = single * (gradient.float() - (single * gradient.float()).sum(-1, keepdim=True))
    assert not torch.allclose(naive.double(), expected, rtol=1e-1, atol=0)


@pytest.mark.parametrize("size", [4, 3])
def test_a_weak_llr_counts_beside_a_huge_one(size):
    decide = Decide(FrameLayout(tokens=1, codebook_size=size, bits_per_symbol=2))
    decided = decide.soft(torch.tensor([[-1e9, 0.5]]), torch.eye(size))
    expected = torch.tensor([0.0, 0.5]).softmax(0)
    torch.testing.assert_close(decided.posterior[0, 0, :2], expected)
    assert decided.index.tolist() == [[1]]


def test_a_second_derivative_is_refused():
    """Not taken for zero."""
    config = LinkConfig()
    z, codebook = normal(1, 2, config.embedding_dim), normal(4, config.embedding_dim, seed=1)
    assignment = Quantize().soft(z, codebook, 0.7)
    (first,) = grad(assignment.square().sum(), z, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
