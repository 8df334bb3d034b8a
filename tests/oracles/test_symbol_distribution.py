"""Symbol distributions and mean symbols equal a sum over all tuples of indices."""

import pytest
import torch
from helpers.oracles import check_quantize_formula, check_sharpening, check_symbol_enumeration
from helpers.strategies import distributions, reproducible, temperatures, widths
from hypothesis import given
from hypothesis import strategies as st

from linksim import Link, LinkConfig

STRADDLING = [
    # tokens, K, m: what a symbol touches
    (3, 4, 2),  # exactly one token each
    (4, 4, 4),  # exactly two tokens each
    (3, 11, 6),  # one and a half tokens of 4 bits, no pads
    (2, 48, 4),  # 6-bit tokens over 4-bit symbols
    (2, 48, 8),  # a token and a third, 4 pads
    (4, 5, 10),  # four tokens of 3 bits in the first symbol, then 8 pads
    (5, 2, 4),  # four 1-bit tokens, then 3 pads
    (7, 3, 10),  # five 2-bit tokens, then 6 pads
    (11, 2, 10),  # ten 1-bit tokens, then 9 pads
    (1, 300, 4),  # one 9-bit token over three symbols
    (1, 2, 10),  # one bit and 9 pads
    (1, 257, 10),  # one token and 1 pad
    (3, 13, 8),  # two tokens, then one token and 4 pads
]


def link_of(tokens, codebook_size, width, dtype=torch.float64):
    config = LinkConfig(tokens=tokens, codebook_size=codebook_size, bits_per_symbol=width, embedding_dim=2)
    link = Link(config)
    return link.double() if dtype == torch.float64 else link


@pytest.mark.parametrize(("tokens", "codebook_size", "width"), STRADDLING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distribution_equals_enumeration(tokens, codebook_size, width, dtype):
    link = link_of(tokens, codebook_size, width, dtype)
    assignment = distributions(1, tokens, codebook_size, 2.0, seed=tokens, dtype=dtype)
    check_symbol_enumeration(link, assignment)


@st.composite
def small_frames(draw):
    """Layouts with at most 1500 tuples of indices."""
    tokens = draw(st.integers(1, 8))
    largest = min(300, int(1500 ** (1 / tokens)))
    return tokens, draw(st.integers(2, max(2, largest))), draw(widths)


@reproducible(100)
@given(
    size=small_frames(),
    sharpness=st.sampled_from((0.1, 1.0, 4.0, 40.0)),
    seed=st.integers(0, 2**31),
    dtype=st.sampled_from((torch.float32, torch.float64)),
)
def test_random_distributions_equal_enumeration(size, sharpness, seed, dtype):
    tokens, codebook_size, _ = size
    assignment = distributions(2, tokens, codebook_size, sharpness, seed, dtype)
    check_symbol_enumeration(link_of(*size, dtype), assignment)


@reproducible(50)
@given(size=small_frames(), temperature=temperatures, seed=st.integers(0, 2**31), sharpness=st.floats(0.1, 4))
def test_sharpening_raises_the_exact_distribution_to_a_power(size, temperature, seed, sharpness):
    tokens, codebook_size, _ = size
    assignment = distributions(1, tokens, codebook_size, sharpness, seed)
    check_sharpening(link_of(*size), assignment, temperature)


def test_correlated_bits_are_not_multiplied_as_marginals():
    """Indices 0 and 3 with equal probability: 00 or 11, never 01 or 10."""
    link = link_of(1, 4, 2)
    assignment = torch.tensor([[[0.5, 0.0, 0.0, 0.5]]], dtype=torch.float64)
    _, probabilities, _ = link.map.soft(assignment, 1.0)
    torch.testing.assert_close(probabilities, assignment)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7])
@pytest.mark.parametrize(("tokens", "codebook_size", "width"), [(2, 5, 4), (3, 3, 4), (1, 6, 2)])
def test_gradients_of_the_soft_map(tokens, codebook_size, width, temperature):
    """Against finite differences, through a softmax and in the assignment itself."""
    link = link_of(tokens, codebook_size, width)
    generator = torch.Generator().manual_seed(tokens)
    logits = torch.randn(1, tokens, codebook_size, dtype=torch.float64, generator=generator)

    def soft_map(assignment):
        bits, probabilities, symbols = link.map.soft(assignment, temperature)
        return bits, probabilities, torch.view_as_real(symbols)

    assert torch.autograd.gradcheck(lambda x: soft_map(x.softmax(-1)), logits.clone().requires_grad_())
    assert torch.autograd.gradcheck(soft_map, logits.softmax(-1).requires_grad_())


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_gradients_of_the_whole_soft_path(channel):
    config = LinkConfig(tokens=2, codebook_size=3, embedding_dim=3, bits_per_symbol=2, channel=channel)
    link = Link(config).double()
    generator = torch.Generator().manual_seed(0)
    draw = link.draw(1, 3.0, generator)
    latents = torch.randn(1, 2, 3, dtype=torch.float64, generator=generator, requires_grad=True)

    def embedding(latents, codebook):
        replaced = {"link.codebook": codebook}
        return torch.func.functional_call(SoftLink(link), replaced, (latents, draw)).embedding

    codebook = link.codebook.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(embedding, (latents, codebook))


class SoftLink(torch.nn.Module):
    """Its forward is the soft path, so that the codebook can be replaced for one call."""

    def __init__(self, link):
        super().__init__()
        self.link = link

    def forward(self, latents, draw):
        return self.link.soft(latents, draw, vq_temp=0.6, symbol_temp=0.8)


@reproducible(100)
@given(
    tokens=st.integers(1, 5),
    codebook_size=st.integers(2, 300),
    dimension=st.integers(1, 20),
    temperature=temperatures,
    seed=st.integers(0, 2**31),
    dtype=st.sampled_from((torch.float32, torch.float64)),
)
def test_assignment_follows_its_formula(tokens, codebook_size, dimension, temperature, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    config = LinkConfig(tokens=tokens, codebook_size=codebook_size, embedding_dim=dimension)
    link = Link(config, generator=generator).to(dtype)
    latents = torch.randn(2, tokens, dimension, dtype=dtype, generator=generator)
    check_quantize_formula(link, latents, temperature)
