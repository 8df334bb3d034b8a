"""Each stage of a deployed link does what the stage of the simulator does, for random links."""

import numpy as np
import pytest
import torch
from helpers.bundles import tables_from, words_of
from helpers.strategies import cases_of, double_cases, links, reproducible
from hypothesis import given
from hypothesis import strategies as st

from linksim import Link, LinkConfig
from linksim.deploy.decision import FloatDecision, IntegerDecision
from linksim.deploy.decoder import Decoder
from linksim.deploy.demapper import Demapper
from linksim.deploy.transmitter import Transmitter, normalised, parity
from linksim.verification.integer_decision import decide as exact_decision

single_cases = cases_of(links(precisions=st.just(torch.float32)))


@reproducible(150)
@given(case=single_cases, scale=st.sampled_from((1e-6, 1.0, 30.0)))
def test_equal_latents_give_equal_bits_and_symbols(case, scale):
    latents = case.latents(scale)
    trace = case.link.hard(latents, case.draw())
    sent = Transmitter(case.link.layout, tables_from(case.link))(latents.numpy())
    assert np.array_equal(sent.index, trace.index)
    assert np.array_equal(sent.information_bits, trace.information_bits)
    assert np.array_equal(sent.bits, trace.bits)
    assert np.array_equal(sent.symbols, trace.symbols)


@reproducible(100)
@given(case=single_cases)
def test_latents_are_normalised_alike(case):
    latents = case.latents(3.0)
    ours = normalised(latents.numpy())
    theirs = case.link.quantize.normalise(latents).numpy()
    # The same number in float64, so at most one that lies between two of float32 may round the other way.
    assert (ours != theirs).mean() < 0.02
    assert np.allclose(ours, theirs, rtol=1e-6, atol=0)


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_parity_is_a_product_over_the_binary_numbers(frames):
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, (frames, 50)).astype(np.uint8)
    generator = random.integers(0, 2, (50, 70)).astype(np.uint8)
    assert np.array_equal(parity(bits, np.packbits(generator, axis=1), 70), bits.astype(int) @ generator % 2)


@reproducible(100)
@given(case=single_cases)
def test_margin_is_how_much_further_the_second_codeword_is(case):
    latents = case.latents()
    margin = Transmitter(case.link.layout, tables_from(case.link))(latents.numpy()).margin
    exact = case.link.quantize.normalise(latents).double().unsqueeze(2)
    distances = (exact - case.link.codebook.double()).square().sum(-1).sort(-1).values
    assert np.allclose(margin, (distances[..., 1] - distances[..., 0]).detach(), atol=1e-9)


@reproducible(150)
@given(case=double_cases)
def test_llrs_of_coded_bits(case):
    link, draw = case.link, case.draw()
    trace = link.hard(index=case.index(), draw=draw, decide=False)
    received, gain, variance = link.channel.apply(trace.transmitted, draw.channel)
    own = Demapper(link.config, tables_from(single(link)))
    shape = received.shape
    llr = own(received.numpy(), variance.expand(shape).numpy(), gain.expand(shape).numpy())
    # The table holds points of float32, whose rounding weighs by the inverse of the noise variance.
    least = float((variance / gain.abs().square().clamp_min(1e-15)).min())
    tolerance = 1e-5 * (trace.llr.abs() + 1) + 1e-5 / least
    assert bool(((torch.from_numpy(llr) - trace.llr).abs() <= tolerance).all())


def single(link):
    """The same link in float32, with its own points."""
    points = link.modem.constellation(torch.float64) if link.config.modulation == "custom" else None
    other = Link(link.config, constellation=points)
    other.codebook = torch.nn.Parameter(link.codebook.detach().float())
    return other


@reproducible(150)
@given(case=single_cases, mean=st.sampled_from((0.5, 2.0, 6.0)))
def test_decoded_llrs_and_the_check_of_the_frame(case, mean):
    link = case.link
    trace = link.hard(index=case.index(), draw=case.draw(), decide=False)
    noise = torch.randn(trace.llr.shape, generator=case.generator())
    coded = link.code.hard(trace.information_bits)
    llr = mean * (2 * coded - 1) + (2 * mean) ** 0.5 * noise  # as LLRs of a Gaussian channel are
    theirs = link.code.decode(llr)
    ours, passed = Decoder(link.config, tables_from(link))(llr.numpy())
    # Beyond ±10 messages of float32 are coarse, which soft bits do not notice.
    assert np.allclose(np.tanh(ours / 2), (theirs.llr / 2).tanh().detach(), atol=2e-3)
    assert (passed is None) == (theirs.crc_ok is None)
    if passed is not None:
        assert np.array_equal(passed, theirs.crc_ok)


@reproducible(200)
@given(case=single_cases, scale=st.sampled_from((0.1, 3.0, 100.0)))
def test_float_decision(case, scale):
    link = case.link
    if link.config.arithmetic == "integer":
        return
    llr = case.llr(scale)
    theirs = link.decide.hard(llr, link.codebook)
    ours = FloatDecision(link.config, tables_from(link))(llr.numpy())
    assert np.array_equal(ours.index, theirs.index)
    assert np.allclose(ours.posterior, theirs.posterior.detach(), atol=2e-5)
    assert np.allclose(ours.embedding, theirs.embedding.detach(), atol=2e-4)


@reproducible(200)
@given(case=single_cases, scale=st.sampled_from((0.1, 3.0, 100.0)))
def test_integer_decision(case, scale):
    link = case.link
    if link.config.arithmetic == "float":
        return
    llr = case.llr(scale)
    theirs = link.decide.hard(llr, link.codebook)
    ours = IntegerDecision(link.config, tables_from(link), words_of(link.config, link.codebook))(llr.numpy())
    assert np.array_equal(ours.index, theirs.index)
    assert np.allclose(ours.posterior, theirs.posterior.detach(), atol=1e-7)
    assert np.array_equal(ours.embedding, theirs.embedding.detach())


@pytest.mark.parametrize("radius", [None, 1])
def test_integer_decision_in_exact_fractions(radius):
    config = LinkConfig(
        tokens=3,
        codebook_size=13,
        embedding_dim=4,
        llr_bits=5,
        arithmetic="integer",
        weight_bits=6,
        codebook_bits=5,
        decision="mean" if radius is None else "radius",
        radius=1 if radius is None else radius,
    )
    link = Link(config)
    words = words_of(config, link.codebook)
    llr = 4 * torch.randn(20, 12, generator=torch.Generator().manual_seed(1))
    ours = IntegerDecision(config, tables_from(link), words)(llr.numpy())
    codebook = link.codebook.tolist()
    for frame, row in enumerate(link.demap.quantizer.words(llr).unflatten(1, (3, 4)).tolist()):
        for token, bits in enumerate(row):
            exact = exact_decision(bits, words.llr_step, codebook, 6, 5, radius)
            assert exact.index == ours.index[frame, token]
            assert np.allclose([float(x) for x in exact.embedding], ours.embedding[frame, token], rtol=1e-7)


@pytest.mark.parametrize(("bits", "rate"), [(12, 0.2), (100, 1 / 3), (400, 0.9), (1200, 0.5)])
def test_large_codes(bits, rate):
    """Both base graphs, with filler bits and punctured bits."""
    config = LinkConfig(tokens=bits // 4, codebook_size=16, crc="CRC16", code="ldpc", code_rate=rate)
    link = Link(config)
    generator = torch.Generator().manual_seed(2)
    index = torch.randint(16, (3, bits // 4), generator=generator)
    trace = link.hard(index=index, draw=link.draw(3, 12.0, generator), decide=False)
    tables = tables_from(link)
    sent = Transmitter(link.layout, tables)
    coded = sent.coded(trace.information_bits.numpy().astype(np.uint8))
    assert np.array_equal(sent.pad(coded), trace.bits)
    llr = 8 * (2.0 * coded - 1) + 4 * np.random.default_rng(3).standard_normal(coded.shape)
    ours, passed = Decoder(config, tables)(llr)
    theirs = link.code.decode(torch.from_numpy(llr).float())
    assert np.array_equal(ours > 0, theirs.llr > 0)
    assert np.array_equal(passed, theirs.crc_ok)
