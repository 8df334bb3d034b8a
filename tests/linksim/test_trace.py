"""What a transmission leaves behind, and figures from two of them."""

import pytest
import torch

from linksim import Link, LinkConfig

FIGURES = [
    "vq_nmse",
    "bit_disagreement",
    "symbol_nmse",
    "received_nmse",
    "llr_nmse",
    "llr_sign_disagreement",
    "index_disagreement",
    "embedding_nmse",
]


@pytest.fixture(params=["mean", "map"])
def link(request):
    config = {"tokens": 3, "codebook_size": 11, "bits_per_symbol": 6, "decision": request.param}
    return Link(LinkConfig(**config))


@pytest.fixture
def signals(link):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 3, 16, generator=generator), link.draw(8, 3.0, generator)


def test_shapes(link, signals):
    latents, draw = signals
    for trace in (link.hard(latents, draw), link.soft(latents, draw)):
        assert trace.latents.shape == (8, 3, 16)
        assert trace.index.shape == trace.decoded_index.shape == (8, 3)
        assert trace.index.dtype == trace.decoded_index.dtype == torch.int64
        assert trace.bits.shape == (8, 12)
        assert trace.symbols.shape == trace.received.shape == (8, 2)
        assert trace.llr.shape == (8, 12)
        assert trace.posterior.shape == (8, 3, 11)
        assert trace.quantized.shape == trace.embedding.shape == (8, 3, 16)
    soft = link.soft(latents, draw)
    assert soft.assignment.shape == (8, 3, 11)
    assert soft.symbol_probabilities.shape == (8, 2, 64)
    hard = link.hard(latents, draw)
    assert hard.assignment is None
    assert hard.symbol_probabilities is None


def test_quantized_embeddings_are_those_of_the_transmitter(link, signals):
    latents, draw = signals
    hard, soft = link.hard(latents, draw), link.soft(latents, draw)
    assert torch.equal(hard.quantized, link.codebook[hard.index])
    torch.testing.assert_close(soft.quantized, soft.assignment @ link.codebook)
    assert torch.equal(soft.index, soft.assignment.argmax(-1))
    sampled = link.mixed(latents, draw, paths={"quantize": "soft"})
    assert torch.equal(sampled.quantized, soft.quantized)


def test_a_trace_agrees_with_itself(link, signals):
    latents, draw = signals
    traces = [
        link.hard(latents, draw),
        link.soft(latents, draw),
        link.mixed(latents, draw, paths={"quantize": "soft"}),
        link(latents, draw),
    ]
    for trace in traces:
        figures = trace.compare(trace)
        assert list(figures) == FIGURES
        assert all(value == 0 for value in figures.values())


def test_figures_are_what_they_say(link, signals):
    latents, draw = signals
    hard, soft = link.hard(latents, draw), link.soft(latents, draw)
    figures = soft.compare(hard)
    difference = (soft.symbols - hard.symbols).abs().square().sum() / hard.symbols.abs().square().sum()
    assert figures["symbol_nmse"] == pytest.approx(difference.item(), rel=1e-5)
    wrong = ((soft.llr > 0) != (hard.llr > 0)).double().mean().item()
    assert figures["llr_sign_disagreement"] == pytest.approx(wrong)
    assert figures["index_disagreement"] == pytest.approx(
        (soft.decoded_index != hard.decoded_index).double().mean().item()
    )
    assert figures["symbol_nmse"] > 0
    assert figures["embedding_nmse"] > 0


def test_stages_that_one_trace_lacks_are_left_out(link, signals):
    latents, draw = signals
    raw = link.hard(bits=torch.zeros(8, 12), draw=draw)
    assert raw.index is None
    figures = raw.compare(link.hard(latents, draw))
    assert "vq_nmse" not in figures
    assert "symbol_nmse" in figures


def test_raw_bits_are_sent_as_they_are(link, signals):
    """The bits of an index give the same transmission as the index."""
    _, draw = signals
    index = torch.randint(11, (8, 3), generator=torch.Generator().manual_seed(1))
    by_index = link.hard(index=index, draw=draw)
    for dtype in (torch.float32, torch.int64):
        by_bits = link.hard(bits=by_index.bits[:, :12].to(dtype), draw=draw)
        assert torch.equal(by_bits.bits, by_index.bits)
        assert torch.equal(by_bits.received, by_index.received)
        assert torch.equal(by_bits.embedding, by_index.embedding)


def test_detached_trace_has_no_graph(link, signals):
    latents, draw = signals
    trace = link(latents.requires_grad_(), draw)
    assert trace.embedding.requires_grad
    assert trace.surrogate is not None
    cut = trace.detach()
    assert not cut.embedding.requires_grad
    assert not cut.symbol_probabilities.requires_grad
    assert cut.surrogate is None
    assert torch.equal(cut.embedding, trace.embedding)
