"""Defects of the soft map against loops over bits, patterns and index tuples."""

import itertools

import numpy as np
import pytest
import torch
from helpers.enumeration import bits_of_frame, enumerate_frame
from helpers.laws import check_map_law
from helpers.qam import label_bits, qam_points
from helpers.strategies import distributions

from linksim import Link, LinkConfig
from linksim.seeds import stream
from linksim.stages.map import Map

SIZES = {"tokens": 3, "codebook_size": 5, "embedding_dim": 4, "bits_per_symbol": 4}  # 9 bits in 12
STRADDLING = {"tokens": 2, "codebook_size": 3, "embedding_dim": 4, "bits_per_symbol": 6}  # 4 bits in 6


def link(*defects, sizes=SIZES, **options):
    return Link(LinkConfig(**{**sizes, **options}, defects=defects)).double()


def assignment(a_link, frames, sharpness=1.0):
    config = a_link.config
    return distributions(frames, config.tokens, config.codebook_size, sharpness, seed=3)


def probabilities_of_ones(given, width):
    """[N, K] distributions of a row of tokens as the probability of 1 of each bit, in a list."""
    labels = [label_bits(k, width) for k in range(given.shape[1])]
    return [
        sum(float(p) * label[bit] for p, label in zip(token, labels, strict=True))
        for token in given
        for bit in range(width)
    ]


def frames_of(given, width, per_symbol):
    """Bits of each frame, padded for itself."""
    rows = [probabilities_of_ones(frame, width) for frame in given]
    return np.array([row + [0.0] * (-len(row) % per_symbol) for row in rows])


def joined(given, width, per_symbol):
    """Bits of all frames in a row, then zeros up to the size of the grid."""
    shape = frames_of(given, width, per_symbol).shape
    row = [p for frame in given for p in probabilities_of_ones(frame, width)]
    return np.array(row + [0.0] * (shape[0] * shape[1] - len(row))).reshape(shape)


def each_symbol(bits, per_symbol, weight):
    """[B, S·m] bits to [B, S, 2^m] distributions in proportion to `weight(probabilities, pattern)`."""
    groups = bits.reshape(len(bits), -1, per_symbol)
    result = np.zeros((*groups.shape[:2], 2**per_symbol))
    for frame, symbol in np.ndindex(*groups.shape[:2]):
        for label in range(2**per_symbol):
            result[frame, symbol, label] = weight(groups[frame, symbol], label_bits(label, per_symbol))
    return result / result.sum(-1, keepdims=True)


def independent(temperature):
    """The sharpened product of the marginals of bits."""

    def weight(probabilities, pattern):
        product = 1.0
        for p, bit in zip(probabilities, pattern, strict=True):
            product *= p if bit else 1 - p
        return product ** (1 / temperature)

    return weight


def distance(temperature):
    """exp(−Σ (p − pattern)²/T)."""

    def weight(probabilities, pattern):
        return np.exp(
            -sum((p - bit) ** 2 for p, bit in zip(probabilities, pattern, strict=True)) / temperature
        )

    return weight


def assert_sent(soft, bits, distribution):
    per_symbol = distribution.shape[-1].bit_length() - 1
    np.testing.assert_allclose(soft[0].numpy(), bits, atol=1e-12)
    np.testing.assert_allclose(soft[1].numpy(), distribution, atol=1e-9)
    np.testing.assert_allclose(soft[2].numpy(), distribution @ qam_points(per_symbol), atol=1e-6)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7])
def test_per_bit_grouping(temperature):
    own = link("per-bit-grouping")
    given = assignment(own, 3)
    soft = own.map.soft(given, temperature)
    bits = frames_of(given, 3, 4)
    assert_sent(soft, bits, each_symbol(bits, 4, independent(temperature)))
    assert float((soft[1] - link().map.soft(given, temperature)[1]).abs().max()) > 0.01


@pytest.mark.parametrize("temperature", [0.05, 0.7, 2.0])
@pytest.mark.parametrize("other", [[], ["per-bit-grouping"]], ids=str)
def test_distance_softmax(temperature, other):
    own = link("distance-softmax", *other)
    given = assignment(own, 3)
    bits = frames_of(given, 3, 4)
    assert_sent(own.map.soft(given, temperature), bits, each_symbol(bits, 4, distance(temperature)))


def test_distance_softmax_is_soft_for_hard_bits():
    """Each bit is right with probability 1/(1 + exp(−1/T)), and the power is low."""
    own = link("distance-softmax")
    index = torch.randint(5, (4, 3), generator=stream(0))
    one_hot = torch.nn.functional.one_hot(index, 5).double()
    _, probabilities, symbols = own.map.soft(one_hot, 0.7)
    expected = (1 / (1 + np.exp(-1 / 0.7))) ** 4
    np.testing.assert_allclose(probabilities.amax(-1).numpy(), expected, rtol=1e-9)
    assert symbols.abs().square().mean() < 0.6 * own.map.hard(index)[1].abs().square().mean()


@pytest.mark.parametrize("temperature", [0.5, 1.0])
@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_batch_padding_sends_the_exact_distributions_of_the_stream(frames, temperature):
    """By the sum over all index tuples of all frames; two thirds of the frames end inside a symbol."""
    own = link("batch-padding", sizes=STRADDLING)
    given = assignment(own, frames)
    bits, distribution, _ = enumerate_frame(given.flatten(0, 1).numpy(), 6)
    unused = frames - len(distribution)
    zero = np.zeros((unused, 64))
    zero[:, 0] = 1
    distribution = np.concatenate([distribution, zero]) ** (1 / temperature)
    distribution = (distribution / distribution.sum(-1, keepdims=True)).reshape(frames, 1, 64)
    bits = np.concatenate([bits, np.zeros(6 * unused)]).reshape(frames, 6)
    assert_sent(own.map.soft(given, temperature), bits, distribution)


@pytest.mark.parametrize("frames", [1, 2, 4, 5])
@pytest.mark.parametrize(
    ("defects", "weight"),
    [
        (["batch-padding", "per-bit-grouping"], independent),
        (["batch-padding", "distance-softmax"], distance),
        (["batch-padding", "per-bit-grouping", "distance-softmax"], distance),
    ],
    ids=lambda one: "+".join(one) if isinstance(one, list) else "",
)
def test_batch_padding_of_independent_bits(frames, defects, weight):
    own = link(*defects)
    given = assignment(own, frames)
    bits = joined(given, 3, 4)
    assert_sent(own.map.soft(given, 0.6), bits, each_symbol(bits, 4, weight(0.6)))


def test_batch_padding_on_indices_sends_the_bits_of_one_long_frame():
    own = link("batch-padding")
    index = torch.randint(5, (5, 3), generator=stream(1))
    bits, _, symbols = own.map.soft(torch.nn.functional.one_hot(index, 5).double(), 0.3)
    expected = bits_of_frame(index.flatten().tolist(), 5, 4)  # 45 bits and 3 zeros
    expected += [0] * (5 * 12 - len(expected))
    assert bits.flatten().tolist() == expected
    groups = np.array(expected).reshape(-1, 4)
    points = qam_points(4)[groups @ [8, 4, 2, 1]]
    np.testing.assert_allclose(symbols.flatten().numpy(), points, atol=1e-6)


@pytest.mark.parametrize("sizes", [{"tokens": 4}, {"codebook_size": 16}, {"bits_per_symbol": 2, "tokens": 2}])
def test_batch_padding_of_whole_symbols_is_no_defect(sizes):
    own = link("batch-padding", **sizes)
    assert type(own.map) is Map
    assert own.defects.demap(own.demap) is own.demap


def test_batch_padding_of_one_frame_is_that_of_the_frame():
    given = assignment(link(), 1)
    for other in ((), ("per-bit-grouping",)):
        for one, expected in zip(
            link("batch-padding", *other).map.soft(given, 0.6), link(*other).map.soft(given, 0.6), strict=True
        ):
            torch.testing.assert_close(one, expected, rtol=1e-12, atol=1e-12)


def test_distributions_of_a_stream_made_without_gradients_serve_with_them():
    own = link("batch-padding", sizes=STRADDLING)
    given = assignment(own, 7)
    with torch.inference_mode():
        expected = own.map.soft(given, 0.7)[2].clone()
    symbols = own.map.soft(given.requires_grad_(), 0.7)[2]
    symbols.abs().square().sum().backward()
    assert torch.equal(symbols.detach(), expected)
    assert float(given.grad.abs().sum()) > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_follows_the_input(dtype):
    own = link("batch-padding").to(dtype)
    bits, probabilities, symbols = own.map.soft(assignment(own, 2).to(dtype), 0.7)
    assert (bits.dtype, probabilities.dtype, symbols.dtype) == (dtype, dtype, dtype.to_complex())


CODES = [{"crc": "CRC6"}, {"code": "ldpc", "interleaver": "none", "crc": "CRC6"}]


@pytest.mark.parametrize("gradient", ["product", "straight-through"])
@pytest.mark.parametrize("code", CODES, ids=str)
def test_coded_bits_are_joined(code, gradient):
    """Of a code word, or of the parities of independent bits."""
    own = link("batch-padding", **code, code_gradient=gradient)
    clean = link(**code, code_gradient=gradient)
    length = own.layout.coded_bits
    assert own.layout.pad_bits
    given = assignment(own, 3, sharpness=4.0)
    each = clean.map.soft(given, 0.6)[0][:, :length].flatten().numpy()
    bits = np.concatenate([each, np.zeros(3 * own.layout.pad_bits)]).reshape(3, -1)
    assert_sent(own.map.soft(given, 0.6), bits, each_symbol(bits, 4, independent(0.6)))


@pytest.mark.parametrize("gradient", ["product", "straight-through"])
@pytest.mark.parametrize("code", [*CODES, {"code": "ldpc", "crc": "CRC6"}], ids=str)
def test_coded_bits_in_distance_softmax_and_grouping(code, gradient):
    options = {**code, "code_gradient": gradient}
    given = assignment(link(**options), 3, sharpness=4.0)
    clean = link(**options).map.soft(given, 0.6)
    bits = clean[0].numpy()
    soft = link("distance-softmax", **options).map.soft(given, 0.6)
    assert_sent(soft, bits, each_symbol(bits, 4, distance(0.6)))
    for one, expected in zip(link("per-bit-grouping", **options).map.soft(given, 0.6), clean, strict=True):
        assert torch.equal(one, expected)  # coded bits count as independent anyway


BREAKS_THE_MAP_LAW = {"batch-padding", "distance-softmax"}


@pytest.mark.parametrize(
    "defects",
    [
        names
        for count in range(4)
        for names in itertools.combinations(
            ("per-bit-grouping", "batch-padding", "distance-softmax", "llr-scale", "radius-1"), count
        )
    ],
    ids="+".join,
)
def test_the_map_law_notices_what_it_can(defects):
    """Independent bits are right on hard ones, so only padding and the softmax over distances show."""
    own = link(*defects)
    index = torch.randint(5, (6, 3), generator=stream(2))
    if BREAKS_THE_MAP_LAW & set(defects):
        with pytest.raises(AssertionError):
            check_map_law(own, index, 1.3)
    else:
        check_map_law(own, index, 1.3)
