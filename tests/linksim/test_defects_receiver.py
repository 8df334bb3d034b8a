"""Defects behind the map: LLRs, decision and transmit power against NumPy."""

import numpy as np
import pytest
import torch
from helpers.laws import check_decide_law
from helpers.qam import label_bits, llr, qam_points

from linksim import Link, LinkConfig
from linksim.chain import STAGES
from linksim.seeds import stream

SIZES = {"tokens": 3, "codebook_size": 5, "embedding_dim": 4, "bits_per_symbol": 4}  # 9 bits in 12
FRAMES = 5


def link(*defects, **options):
    return Link(LinkConfig(**{**SIZES, **options}, defects=defects)).double()


def latents():
    return torch.randn(FRAMES, 3, 4, dtype=torch.float64, generator=stream(1))


def draw(a_link, snr_db=(0.0, 3.0, 6.0, 9.0, 12.0)):
    """A draw whose frames differ in SNR, so that it shows which noise a symbol got."""
    return a_link.draw(FRAMES, torch.tensor(snr_db, dtype=torch.float64), stream(2))


def both(*defects, **options):
    """Traces of the soft path without and with the defects, and the draw."""
    own, clean = link(*defects, **options), link(**options)
    drawn = draw(own)
    return clean.soft(latents(), drawn).detach(), own.soft(latents(), drawn).detach(), drawn


@pytest.mark.parametrize("factor", [2.0, 0.7])
@pytest.mark.parametrize("options", [{}, {"crc": "CRC6"}, {"code": "ldpc", "crc": "CRC6"}], ids=str)
def test_llr_scale(factor, options):
    clean, soft, _ = both("llr-scale", llr_scale_error=factor, **options)
    assert torch.equal(soft.received, clean.received)
    assert torch.equal(soft.llr, factor * clean.llr)
    if not options:
        assert torch.equal(soft.information_llr, factor * clean.llr)


def test_llr_scale_comes_before_the_word_length():
    """Words of 4 bits and step 1 from twice the LLRs, saturated at 7."""
    clean, _, _ = both("llr-scale")
    _, soft, _ = both("llr-scale", llr_bits=4, llr_step=1.0)
    expected = np.clip(np.round(2 * clean.llr.numpy()), -7, 7)
    np.testing.assert_array_equal(soft.llr.numpy(), expected)
    assert 0.1 < np.mean(np.abs(expected) < 7) < 0.9


def ball_mean(llrs, codebook, width, radius):
    """[B, N·b] LLRs to the posterior mean over each ball, codeword by codeword."""
    per_token = llrs.reshape(-1, width)
    labels = np.array([label_bits(k, width) for k in range(len(codebook))])
    means = []
    for own in per_token:
        hard = (own > 0).astype(int)
        inside = [k for k, label in enumerate(labels) if np.abs(label - hard).sum() <= radius]
        if not inside:
            inside = [int(np.argmax(labels @ own))]
        weight = np.exp(labels[inside] @ own - (labels[inside] @ own).max())
        means.append(weight @ codebook[inside] / weight.sum())
    return np.array(means).reshape(len(llrs), -1, codebook.shape[1])


@pytest.mark.parametrize(
    "options", [{"decision": "mean"}, {"decision": "map"}, {"decision": "radius", "radius": 0}]
)
@pytest.mark.parametrize("radius", [1, 2])
def test_radius(radius, options):
    clean, soft, drawn = both(f"radius-{radius}", **options)
    assert torch.equal(soft.llr, clean.llr)
    codebook = link().codebook.detach().numpy()
    expected = ball_mean(soft.llr.numpy(), codebook, 3, radius)
    np.testing.assert_allclose(soft.embedding.numpy(), expected, atol=1e-9)
    assert float((soft.embedding - clean.embedding).abs().max()) > 1e-3
    # Whatever was sent, it is the decision's path that counts.
    for paths, ball in (({"decide": "soft"}, True), ({"quantize": "soft", "map": "soft"}, False)):
        own = link(f"radius-{radius}", **options).mixed(latents(), drawn, paths=paths)
        other = link(**options).mixed(latents(), drawn, paths=paths)
        assert torch.equal(own.llr, other.llr)
        assert torch.equal(own.embedding, other.embedding) != ball


@pytest.mark.parametrize("radius", [1, 2])
def test_radius_in_integer_arithmetic(radius):
    """The integer decision of a radius receiver."""
    words = {"llr_bits": 5, "arithmetic": "integer"}
    _, soft, drawn = both(f"radius-{radius}", **words)
    expected = link(decision="radius", radius=radius, **words).soft(latents(), drawn)
    for field in ("posterior", "decoded_index", "embedding"):
        assert torch.equal(getattr(soft, field), getattr(expected, field))


@pytest.mark.parametrize("own_radius", [0, 1, 3])
def test_the_decide_law_notices_a_ball_that_is_not_deployed(own_radius):
    own = link("radius-1", decision="radius", radius=own_radius)
    llrs = torch.randn(40, 9, dtype=torch.float64, generator=stream(3))
    if own_radius == 1:
        check_decide_law(own, llrs)
    else:
        with pytest.raises(AssertionError):
            check_decide_law(own, llrs)


@pytest.mark.parametrize("channel", ["awgn", "rayleigh", "rayleigh-fast"])
def test_transmit_statistics(channel):
    """y/s = h·x + n/s and N0/s², with s = 1/√(mean energy of the batch)."""
    clean, soft, drawn = both("transmit-statistics", channel=channel)
    x = soft.symbols.numpy()
    assert torch.equal(soft.symbols, clean.symbols)
    scale = 1 / np.sqrt(np.mean(np.abs(x) ** 2))
    assert scale > 1.1
    gain = drawn.channel["gain"].numpy() if channel != "awgn" else np.ones((FRAMES, 1))
    variance = drawn.channel["noise_variance"].numpy()
    received = gain * x + np.sqrt(variance) * drawn.channel["noise"].numpy() / scale
    np.testing.assert_allclose(soft.transmitted.numpy(), scale * x, atol=1e-12)
    np.testing.assert_allclose(soft.received.numpy(), received, atol=1e-12)
    believed = np.broadcast_to(variance / scale**2 / np.abs(gain) ** 2, x.shape)
    expected = llr((received / gain).flatten(), believed.flatten(), qam_points(4), "app")
    np.testing.assert_allclose(soft.llr.numpy(), expected.reshape(FRAMES, -1)[:, :9], rtol=1e-4, atol=1e-4)


def test_transmit_statistics_go_through_converters_and_amplifier():
    options = {"dac_bits": 6, "pa_backoff_db": 3.0, "adc_bits": 6}
    clean, soft, drawn = both("transmit-statistics", **options)
    scale = clean.symbols.abs().square().mean().rsqrt()
    deployed = link(**options)
    transmitted = deployed.front_end.transmit(scale * clean.symbols)
    received, gain, variance = deployed.channel.apply(transmitted, drawn.channel)
    received, variance = deployed.front_end.receive(received, gain, variance)
    torch.testing.assert_close(soft.transmitted, transmitted.detach())
    torch.testing.assert_close(soft.received, (received / scale).detach())
    torch.testing.assert_close(soft.llr, deployed.demap(received / scale, gain, variance / scale**2).detach())


def test_transmit_statistics_count_the_symbols_of_the_stream():
    """5 frames of 9 bits fill 12 of 15 symbols; those behind them are no part of the mean energy."""
    _, soft, _ = both("transmit-statistics", "batch-padding")
    used = soft.symbols.flatten()[:12].numpy()
    scale = 1 / np.sqrt(np.mean(np.abs(used) ** 2))
    np.testing.assert_allclose(soft.transmitted.numpy(), scale * soft.symbols.numpy(), atol=1e-12)


def test_transmit_statistics_of_silence_are_finite():
    own = link("transmit-statistics")
    silence = torch.zeros(2, 3, dtype=torch.complex128, requires_grad=True)
    front_end = own.defects.front_end(own.front_end, silence)
    received, variance = front_end.receive(front_end.transmit(silence), torch.ones(2, 1), torch.ones(2, 1))
    (gradient,) = torch.autograd.grad(torch.view_as_real(received).square().sum() + variance.sum(), silence)
    assert torch.isfinite(torch.view_as_real(gradient)).all()
    assert torch.isfinite(variance).all()


def test_batch_padding_reads_the_stream_back():
    """Each LLR comes from the symbol of the grid that carries its bit, with the noise of that place."""
    _, soft, drawn = both("batch-padding")
    variance = np.broadcast_to(drawn.channel["noise_variance"].numpy(), (FRAMES, 3))
    noise = np.sqrt(variance) * drawn.channel["noise"].numpy()
    np.testing.assert_allclose(soft.received.numpy(), soft.symbols.numpy() + noise, atol=1e-12)
    per_symbol = llr(soft.received.flatten().numpy(), variance.flatten(), qam_points(4), "app")
    expected = [per_symbol[divmod(bit, 4)] for bit in range(FRAMES * 9)]
    np.testing.assert_allclose(soft.llr.flatten().numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "code", [{}, {"crc": "CRC6"}, {"code": "ldpc", "interleaver": "none", "crc": "CRC11"}], ids=str
)
def test_batch_padding_delivers_indices(code):
    own = link("batch-padding", **code)
    index = torch.randint(5, (FRAMES, 3), generator=stream(4))
    soft = own.soft(index=index, draw=own.draw(FRAMES, 25.0, stream(5)))
    assert torch.equal(soft.decoded_index, index)
    assert soft.crc_ok is None or bool(soft.crc_ok.all())


def test_a_hard_map_is_received_as_deployed():
    """Defects of map and receiver belong to transmissions whose map is soft."""
    names = ("per-bit-grouping", "batch-padding", "distance-softmax", "llr-scale", "transmit-statistics")
    own, clean = link(*names), link()
    drawn = draw(own)
    for quantize in ("hard", "soft"):
        for decide in ("hard", "soft"):
            paths = dict(zip(STAGES, (quantize, "hard", decide), strict=True))
            trace = own.mixed(latents(), drawn, paths=paths)
            expected = clean.mixed(latents(), drawn, paths=paths)
            for field in ("symbols", "transmitted", "received", "llr", "embedding"):
                assert torch.equal(getattr(trace, field), getattr(expected, field)), (paths, field)
