"""Map with a code: bits in the order of transmission, symbol distributions, sharpening."""

import pytest
import torch
from helpers.qam import label_bits, number_of, qam_symbol
from helpers.strategies import distributions

from linksim import FrameLayout, Modem
from linksim.seeds import stream
from linksim.stages.code import Code
from linksim.stages.map import Map, sharpen
from linksim.stages.padding import pad_frame
from linksim.stages.symbol_distribution import of_independent_bits

CODES = [
    {"code": "ldpc"},
    {"code": "ldpc", "crc": "CRC11", "code_rate": 0.4, "interleaver": "none"},
    {"crc": "CRC16"},
]


def map_of(gradient="straight-through", tokens=5, size=11, width=4, **options):
    layout = FrameLayout(tokens=tokens, codebook_size=size, bits_per_symbol=width, **options)
    return Map(layout, Modem(width), Code(layout, gradient=gradient)).double()


def test_information_bits_by_hand():
    stage = map_of(tokens=2, size=5)
    bits = stage.information_bits(torch.tensor([[4, 3], [0, 1]]))
    assert bits.tolist() == [[1, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 1]]
    assert bits.dtype == torch.float64
    assert (
        Map(stage.layout, Modem(4), stage.code).information_bits(torch.tensor([[4, 3]])).dtype
        == torch.float32
    )


def test_information_probabilities_by_hand():
    assignment = torch.tensor([[[0.1, 0.2, 0.3, 0.4], [1.0, 0, 0, 0]]], dtype=torch.float64)
    probabilities = map_of(tokens=2, size=4).information_probabilities(assignment)
    expected = torch.tensor([[0.7, 0.6, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(probabilities, expected)


@pytest.mark.parametrize("options", [*CODES, {}])
def test_hard_map_writes_encodes_pads_and_modulates(options):
    stage = map_of(**options)
    index = torch.randint(11, (6, 5), generator=stream(0))
    information = torch.tensor([[bit for k in row for bit in label_bits(k, 4)] for row in index.tolist()])
    bits, symbols = stage.hard(index)
    assert torch.equal(bits, pad_frame(stage.code.hard(information.double()), stage.layout))
    assert bits.dtype == torch.float64
    expected = [[qam_symbol(group) for group in row.split(4)] for row in bits.int()]
    torch.testing.assert_close(symbols, torch.tensor(expected, dtype=torch.complex128))
    same_bits, same_symbols = stage.hard_bits(information)
    assert torch.equal(same_bits, bits)
    assert torch.equal(same_symbols, symbols)


@pytest.mark.parametrize("temperature", [0.05, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("options", CODES)
def test_straight_through_sends_the_code_word_at_every_temperature(options, temperature):
    stage = map_of(**options)
    assignment = distributions(3, 5, 11, 1.0, seed=1)
    bits, probabilities, symbols = stage.soft(assignment, temperature)
    hard_bits, hard_symbols = stage.hard(assignment.argmax(-1))
    assert torch.equal(bits, hard_bits)
    torch.testing.assert_close(symbols, hard_symbols)
    labels = [[number_of(group) for group in row.split(4)] for row in bits.int()]
    assert torch.equal(probabilities, torch.nn.functional.one_hot(torch.tensor(labels), 16).double())


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.6])
@pytest.mark.parametrize("options", CODES)
def test_product_sends_sharpened_distributions(options, temperature):
    """Coded bits as independent, the distribution to the power 1/T, the mean over the points."""
    stage = map_of("product", **options)
    assignment = distributions(3, 5, 11, 40.0, seed=2)
    bits, probabilities, symbols = stage.soft(assignment, temperature)
    information = stage.information_probabilities(assignment)
    assert torch.equal(bits, pad_frame(stage.code.soft(information, information.round()), stage.layout))
    powers = of_independent_bits(bits, 4) ** (1 / temperature)
    expected = powers / powers.sum(-1, keepdim=True)
    assert float((bits - bits.round()).abs().max()) > 0.01
    torch.testing.assert_close(probabilities, expected, rtol=1e-9, atol=1e-12)
    points = torch.tensor([qam_symbol(label_bits(label, 4)) for label in range(16)], dtype=torch.complex128)
    torch.testing.assert_close(symbols, expected.to(torch.complex128) @ points)


@pytest.mark.parametrize("options", CODES)
def test_gradients_of_the_product(options):
    stage = map_of("product", tokens=3, size=16, width=2, **options)
    assignment = distributions(1, 3, 16, 1.0, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: torch.view_as_real(stage.soft(a, 1.0)[2]), assignment)


@pytest.mark.parametrize("options", CODES)
def test_gradients_of_the_code_word(options):
    """Those of the mean symbols of independent coded bits at the word, which nothing sharpens."""
    stage = map_of(tokens=3, size=16, width=2, **options)
    product = map_of("product", tokens=3, size=16, width=2, **options)
    points = torch.tensor([qam_symbol(label_bits(label, 2)) for label in range(4)], dtype=torch.complex128)
    assignment = distributions(1, 3, 16, 1.0, seed=4)
    word = torch.nn.functional.one_hot(assignment.argmax(-1), 16).double()

    def unsharpened(assignment):
        information = product.information_probabilities(assignment)
        bits = pad_frame(product.code.soft(information, information), product.layout)
        return of_independent_bits(bits, 2).to(torch.complex128) @ points

    weights = torch.randn(1, stage.layout.symbols, 2, dtype=torch.float64, generator=stream(3))
    gradients = []
    for symbols, point in ((lambda a: stage.soft(a, 0.7)[2], assignment), (unsharpened, word)):
        point = point.clone().requires_grad_()
        loss = (torch.view_as_real(symbols(point)) * weights).sum()
        gradients.append(torch.autograd.grad(loss, point)[0])
    assert gradients[0].abs().sum() > 1
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)


def test_nothing_of_the_transmitter_is_stored():
    assert not map_of().state_dict()


def test_sharpening_by_hand():
    p = torch.tensor([0.64, 0.36, 0.0], dtype=torch.float64)
    torch.testing.assert_close(sharpen(p, 1.0), p)
    torch.testing.assert_close(sharpen(p, 2.0), torch.tensor([0.8, 0.6, 0.0], dtype=torch.float64) / 1.4)
    squares = torch.tensor([0.4096, 0.1296, 0.0], dtype=torch.float64)
    torch.testing.assert_close(sharpen(p, 0.5), squares / squares.sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sharpening_counts_only_what_is_below_the_smallest_number_as_zero(dtype):
    tiny = torch.finfo(dtype).tiny
    at_limit = sharpen(torch.tensor([1.0, tiny], dtype=dtype), 2.0)
    expected = tiny**0.5 / (1 + tiny**0.5)
    assert at_limit[1].item() == pytest.approx(expected, rel=1e-4, abs=0)
    assert sharpen(torch.tensor([1.0, tiny / 2], dtype=dtype), 2.0).tolist() == [1.0, 0.0]
    one_hot = torch.tensor([0.0, 1.0, 0.0], dtype=dtype, requires_grad=True)
    sharpened = sharpen(one_hot, 0.3)
    assert sharpened.tolist() == [0.0, 1.0, 0.0]
    (gradient,) = torch.autograd.grad(sharpened.square().sum(), one_hot)
    assert torch.isfinite(gradient).all()
