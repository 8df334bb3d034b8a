"""Frames whose header is misread: what the receiver really makes of them, computed apart."""

import numpy as np
import pytest
import torch
from helpers.generators import generator

from linksim import LinkConfig
from linksim.modes.routed_link import RoutedLink

# The first is long, the second short, so that frames are cut in one direction and too short in the other.
MODES = [(16, 2), (8, 6), (11, 4)]
TOKENS, DIM, HEADER = 5, 3, 1


def points_of(bits):
    """Gray-labelled square QAM of 3GPP TS 38.211, section 5.1, by label."""
    labels = (np.arange(2**bits)[:, None] >> np.arange(bits)[::-1]) & 1
    sign = 1 - 2 * labels
    if bits == 2:
        amplitude = sign[:, :2] / np.sqrt(2)
    elif bits == 4:
        amplitude = sign[:, :2] * (2 - sign[:, 2:4]) / np.sqrt(10)
    else:
        amplitude = sign[:, :2] * (4 - sign[:, 2:4] * (2 - sign[:, 4:6])) / np.sqrt(42)
    return amplitude[:, 0] + 1j * amplitude[:, 1], labels


def log_sum(values):
    top = values.max(-1, keepdims=True)
    return (top + np.log(np.exp(values - top).sum(-1, keepdims=True)))[..., 0]


def receive(sent, mode, noise, gain, variance, codebook):
    """What a receiver in a mode makes of one frame's symbols: cut, or followed by noise alone."""
    size, width = MODES[mode]
    bits = (size - 1).bit_length()
    count = -(-TOKENS * bits // width)
    symbols = np.zeros(count, complex)
    symbols[: min(count, len(sent))] = sent[:count]
    received = gain * symbols + np.sqrt(variance) * noise[HEADER : HEADER + count]
    points, labels = points_of(width)
    metric = -(np.abs(received[:, None] - gain * points) ** 2) / variance
    llr = np.stack(
        [log_sum(metric[:, labels[:, j] == 1]) - log_sum(metric[:, labels[:, j] == 0]) for j in range(width)],
        axis=1,
    )
    llr = llr.ravel()[: TOKENS * bits].reshape(TOKENS, bits)
    indices = (np.arange(size)[:, None] >> np.arange(bits)[::-1]) & 1
    score = llr @ indices.T
    posterior = np.exp(score - log_sum(score)[:, None])
    return posterior @ codebook


@pytest.fixture
def scene():
    routed = RoutedLink(LinkConfig(tokens=TOKENS, embedding_dim=DIM), MODES, header_symbols=HEADER).double()
    return routed, *inputs(routed)


def inputs(routed, frames=60):
    index = torch.randint(8, (frames, TOKENS), generator=generator(1))
    return index, torch.arange(frames) % 3, routed.draw(frames, -2.0, generator(2))


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_every_frame_is_what_its_receiver_makes_of_it(channel):
    config = LinkConfig(tokens=TOKENS, embedding_dim=DIM, channel=channel)
    routed = RoutedLink(config, MODES, header_symbols=HEADER).double()
    index, mode, draw = inputs(routed)
    trace = routed.hard(index=index, draw=draw, mode=mode)
    drawn = {name: tensor.numpy() for name, tensor in draw.channel.items()}
    seen = set()
    for number, rows in enumerate(trace.frames):
        for row, sent in zip(rows.tolist(), trace.traces[number].symbols.numpy(), strict=True):
            other = int(trace.received_mode[row])
            gain = drawn["gain"][row, 0] if channel == "rayleigh" else 1.0
            variance = drawn["noise_variance"][row, 0]
            codebook = routed.link_of(other).codebook.detach().numpy()
            expected = receive(sent, other, drawn["noise"][row], gain, variance, codebook)
            np.testing.assert_allclose(trace.embedding[row].detach().numpy(), expected, atol=1e-9)
            seen.add((number, other))
    assert len(seen) == 9, "every mode is taken for every other one"


def test_the_trace_of_a_mode_says_what_the_right_mode_would_have_made(scene):
    """Up to the embedding; LLRs and posterior are those of the mode's own receiver."""
    routed, index, mode, draw = scene
    trace = routed.hard(index=index, draw=draw, mode=mode)
    for number, rows in enumerate(trace.frames):
        own, _ = routed.parts_of(draw[rows], number)
        alone = routed.link_of(number).hard(index=index[rows], draw=own)
        for name in ("symbols", "received", "llr", "posterior", "decoded_index"):
            assert torch.equal(getattr(trace.traces[number], name), getattr(alone, name)), name
        right = trace.received_mode[rows] == number
        assert torch.equal(trace.traces[number].embedding[right], alone.embedding[right])
        assert 0 < int(right.sum()) < len(rows)


@pytest.mark.parametrize("path", ["hard", "soft", "through"])
def test_no_gradient_goes_through_them(scene, path):
    """Neither to the latents nor to any codebook; through the others it does."""
    routed, _, _, draw = scene
    latents = torch.randn(60, TOKENS, DIM, dtype=torch.float64, generator=generator(3), requires_grad=True)
    number = 1
    one = routed.mode(number)
    call = {"hard": one.hard, "soft": one.soft, "through": one}[path]
    embedding = call(latents, draw).embedding
    wrong = routed.parts_of(draw, number)[1] != number
    assert 5 < int(wrong.sum()) < 55
    weight = torch.randn(embedding.shape, dtype=torch.float64, generator=generator(4))
    places = (latents, *(routed.link_of(other).codebook for other in range(3)))
    lost = (embedding * weight)[wrong].sum()
    for gradient in torch.autograd.grad(lost, places, retain_graph=True, allow_unused=True):
        assert gradient is None or not gradient.any()
    kept = torch.autograd.grad((embedding * weight)[~wrong].sum(), places, allow_unused=True)
    assert kept[1 + number].abs().sum() > 0
    if path != "hard":
        assert bool((kept[0][~wrong].abs().sum((1, 2)) > 0).all())
        assert not kept[0][wrong].any()
