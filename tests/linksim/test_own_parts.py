"""Own channels, constellations and quantizers; precision, mixed precision, and what a checkpoint holds."""

import copy

import pytest
import torch
from helpers.generators import generator
from helpers.laws import check_frame_independence, check_map_law, check_whole_link_law
from helpers.oracles import check_llr
from torch import nn

from linksim import Link, LinkConfig

CONFIG = {"tokens": 3, "codebook_size": 11, "embedding_dim": 6, "bits_per_symbol": 4}


class PhaseChannel:
    """An unknown phase per frame that the receiver knows, weak noise, and half a gain."""

    def draw(self, frames, symbols, snr_db, generator):
        phase = 6.28 * torch.rand(frames, 1, dtype=snr_db.dtype, generator=generator)
        noise = torch.randn(frames, symbols, 2, dtype=snr_db.dtype, generator=generator)
        return {"phase": phase, "noise": torch.view_as_complex(noise), "deviation": 10 ** (-snr_db / 20)}

    def apply(self, symbols, draw):
        gain = 0.5 * torch.exp(1j * draw["phase"])
        deviation = draw["deviation"].unsqueeze(1)
        received = gain * symbols + deviation * 0.5**0.5 * draw["noise"]
        return received, gain, deviation.square()


def test_own_channel():
    link = Link(LinkConfig(**CONFIG), channel=PhaseChannel())
    index = torch.randint(11, (20, 3), generator=generator(1))
    draw = link.draw(20, 30.0, generator())
    assert set(draw.channel) == {"phase", "noise", "deviation"}
    trace = link.hard(index=index, draw=draw)
    assert torch.equal(trace.decoded_index, index)
    assert not torch.allclose(trace.received, trace.symbols, atol=0.1)
    noisy = link.draw(20, 5.0, generator())
    check_whole_link_law(link, index, noisy, 0.7, 0.7)
    check_frame_independence(link, torch.randn(20, 3, 6, generator=generator(2)), noisy)


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_own_channel_with_a_real_gain(gain):
    """A channel without noise or randomness: everything arrives."""

    class Amplifier:
        def draw(self, frames, symbols, snr_db, generator):
            return {}

        def apply(self, symbols, draw):
            return gain * symbols, torch.tensor(gain), torch.tensor(1e-3)

    link = Link(LinkConfig(**CONFIG), channel=Amplifier())
    index = torch.randint(11, (20, 3), generator=generator(1))
    trace = link.hard(index=index, draw=link.draw(20, 0.0, generator()))
    assert torch.equal(trace.decoded_index, index)


def test_own_constellation():
    points = torch.randn(16, dtype=torch.complex128, generator=generator(3))
    link = Link(LinkConfig(**CONFIG), constellation=points).double()
    unit = points / points.abs().square().mean().sqrt()
    index = torch.randint(11, (10, 3), generator=generator(1))
    bits, symbols = link.map.hard(index)
    labels = (bits.unflatten(1, (-1, 4)).long() * torch.tensor([8, 4, 2, 1])).sum(-1)
    torch.testing.assert_close(symbols, unit[labels])
    check_map_law(link, index, 0.7)
    draw = link.draw(10, 5.0, generator())
    check_whole_link_law(link, index, draw, 0.7, 0.7)
    check_llr(link.modem, link.hard(index=index, draw=draw).received.flatten(), 0.3, unit.numpy())


def test_own_quantizer():
    class Scalar:
        """Codewords along the first dimension only."""

        def normalise(self, latents):
            return latents.tanh()

        def distances(self, latents, codebook):
            return (latents[..., :1] - codebook[:, 0]).abs()

        def hard(self, latents, codebook):
            return self.distances(latents, codebook).argmin(-1)

        def soft(self, latents, codebook, temperature):
            return (-self.distances(latents, codebook) / temperature).softmax(-1)

        def sample(self, assignment, uniforms):
            return (assignment.cumsum(-1) <= uniforms.unsqueeze(-1)).sum(-1).clamp_max(10)

    link = Link(LinkConfig(**CONFIG), quantizer=Scalar())
    latents = torch.randn(5, 3, 6, generator=generator(1))
    draw = link.draw(5, 40.0, generator())
    expected = (latents.tanh()[..., :1] - link.codebook[:, 0]).abs().argmin(-1)
    assert torch.equal(link.hard(latents, draw).index, expected)
    assert torch.equal(link.hard(latents, draw).decoded_index, expected)
    assert torch.equal(link.soft(latents, draw).index, expected)
    assert link(latents, draw).embedding.requires_grad


def test_checkpoint_holds_the_codebook_alone():
    link = Link(LinkConfig(**CONFIG))
    assert list(link.state_dict()) == ["codebook"]
    assert [name for name, _ in link.named_parameters()] == ["codebook"]
    other = Link(LinkConfig(**CONFIG), generator=generator(9))
    assert not torch.equal(other.codebook, link.codebook)
    other.load_state_dict(link.state_dict())
    index = torch.zeros(2, 3, dtype=torch.long)
    draw = link.draw(2, 5.0, generator())
    expected = link.hard(index=index, draw=draw).embedding
    assert torch.equal(other.hard(index=index, draw=draw).embedding, expected)
    assert torch.equal(copy.deepcopy(link).hard(index=index, draw=draw).embedding, expected)


def test_initial_codebook_is_reproducible():
    assert torch.equal(Link(LinkConfig()).codebook, Link(LinkConfig()).codebook)
    first = Link(LinkConfig(), generator=generator(1)).codebook
    assert torch.equal(first, Link(LinkConfig(), generator=generator(1)).codebook)
    assert not torch.equal(first, Link(LinkConfig()).codebook)


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_double_precision_throughout(channel):
    link = Link(LinkConfig(**CONFIG, channel=channel)).double()
    latents = torch.randn(4, 3, 6, dtype=torch.float64, generator=generator(1))
    draw = link.draw(4, 5.0, generator())
    assert draw.channel["noise"].dtype == torch.complex128
    single = Link(LinkConfig(**CONFIG, channel=channel))
    for path in ("hard", "soft"):
        trace = getattr(link, path)(latents, draw)
        assert trace.symbols.dtype == trace.received.dtype == torch.complex128
        for field in ("bits", "llr", "posterior", "embedding"):
            assert getattr(trace, field).dtype == torch.float64, field
        rounded = getattr(single, path)(latents.float(), as_single(draw))
        assert rounded.embedding.dtype == torch.float32
        torch.testing.assert_close(rounded.embedding.double(), trace.embedding, rtol=1e-4, atol=1e-4)


def as_single(draw):
    def convert(tensor):
        return tensor.to(torch.complex64 if tensor.is_complex() else torch.float32)

    channel = {name: convert(value) for name, value in draw.channel.items()}
    return type(draw)(snr_db=convert(draw.snr_db), channel=channel, uniforms=convert(draw.uniforms))


@pytest.mark.parametrize("decision", ["mean", "map"])
def test_mixed_precision_leaves_the_link_alone(decision):
    """Under autocast the link computes in its own precision."""
    link = Link(LinkConfig(**CONFIG, decision=decision))
    latents = torch.randn(4, 3, 6, generator=generator(1), requires_grad=True)
    draw = link.draw(4, 5.0, generator())

    def transmit():
        paths = {"quantize": "soft"}
        traces = [link.hard(latents, draw), link.soft(latents, draw), link(latents, draw)]
        return [*traces, link.mixed(latents, draw, paths=paths)]

    plain = transmit()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = transmit()
        again = link.draw(4, 5.0, generator())
    for one, other in zip(plain, mixed, strict=True):
        for field in ("index", "symbols", "received", "llr", "posterior", "decoded_index", "embedding"):
            assert torch.equal(getattr(one, field), getattr(other, field)), field
    assert torch.equal(again.channel["noise"], draw.channel["noise"])


@pytest.mark.parametrize(
    ("decision", "backward"),
    [
        ("mean", "surrogate"),
        ("map", "surrogate"),
        ("map", "straight-through"),
        ("mean", "straight-through"),
    ],
)
def test_mixed_precision_leaves_gradients_alone(decision, backward):
    """Forward under autocast, backward outside of it, as PyTorch recommends."""
    link = Link(LinkConfig(**CONFIG, decision=decision))
    latents = torch.randn(4, 3, 6, generator=generator(1), requires_grad=True)
    weight = torch.randn(4, 3, 6, generator=generator(2))
    draw = link.draw(4, 5.0, generator())

    def gradients(embedding):
        return torch.autograd.grad((embedding * weight).sum(), (latents, link.codebook))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        embedding = link(latents, draw, backward=backward).embedding
    plain = gradients(link(latents, draw, backward=backward).embedding)
    for one, other in zip(gradients(embedding), plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_latents_of_an_encoder_under_autocast():
    """An encoder's bfloat16 latents are taken as they are."""
    link = Link(LinkConfig(**CONFIG))
    encoder = nn.Linear(8, 6)
    with torch.no_grad():
        encoder.weight.normal_(generator=generator(5))
        encoder.bias.zero_()
    inputs = torch.randn(4, 3, 8, generator=generator(1))
    draw = link.draw(4, 5.0, generator())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        latents = encoder(inputs)
        trace = link(latents, draw)
    assert latents.dtype == torch.bfloat16
    assert trace.embedding.dtype == torch.float32
    assert torch.equal(trace.embedding, link.hard(latents.float(), draw).embedding)
    trace.embedding.square().sum().backward()
    assert encoder.weight.grad.abs().sum() > 0


def test_printing_tells_the_sizes_of_a_frame():
    text = repr(Link(LinkConfig(tokens=9, codebook_size=48)))
    assert "bits=54" in text
    assert "symbols=14" in text
