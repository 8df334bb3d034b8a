"""Gradients of every stage and of the whole soft path, against central finite differences in float64."""

import pytest
import torch
from torch.autograd import gradcheck

from linksim import FrameLayout, Link, LinkConfig, Modem
from linksim.seeds import stream
from linksim.stages.channel import make_channel
from linksim.stages.code import Code
from linksim.stages.decide import Decide
from linksim.stages.demap import Demap
from linksim.stages.front_end import Converter, FrontEnd, RappAmplifier
from linksim.stages.llr_quantizer import LlrQuantizer

BPSK = {"modulation": "psk", "bits_per_symbol": 1}
CHANNELS = [
    {"channel": "awgn"},
    {"channel": "rayleigh"},
    {"channel": "rayleigh-fast"},
    {"channel": "rician", "rician_k": 2.0},
    {"channel": "rician-fast", "rician_k": 2.0, "csi_error": 0.1},
    {"channel": "bsc", **BPSK},
]


def random_symbols(frames=2, symbols=3):
    return torch.randn(frames, symbols, dtype=torch.complex128, generator=stream(0), requires_grad=True)


def layout_of(bits, **options):
    return FrameLayout(tokens=bits, codebook_size=2, bits_per_symbol=2, **options)


@pytest.mark.parametrize("options", CHANNELS)
def test_channels(options):
    channel = make_channel(LinkConfig(**options))
    draw = channel.draw(2, 3, torch.tensor([0.0, 5.0], dtype=torch.float64), stream(1))
    assert gradcheck(lambda symbols: channel.apply(symbols, draw)[0], random_symbols())


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("options", CHANNELS)
def test_channels_and_demapper(options, demapper):
    config = LinkConfig(**{"bits_per_symbol": 4, **options}, demapper=demapper)
    channel, width = make_channel(config), config.bits_per_symbol
    layout = FrameLayout(tokens=3 * width - (width > 1), codebook_size=2, bits_per_symbol=width)
    demap = Demap(layout, Modem(width, demapper, modulation=config.modulation))
    draw = channel.draw(2, 3, torch.tensor([0.0, 5.0], dtype=torch.float64), stream(2))

    def llr(symbols):
        return demap(*channel.apply(symbols, draw))

    assert gradcheck(llr, random_symbols())


@pytest.mark.parametrize("smoothness", [1.0, 2.0, 3.3])
@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_amplifier(smoothness, scale):
    assert gradcheck(RappAmplifier(1.0, smoothness), (scale * random_symbols()).detach().requires_grad_())


@pytest.mark.parametrize("options", [{"code": "ldpc"}, {"crc": "CRC6"}, {"code": "ldpc", "crc": "CRC11"}])
def test_product_of_the_code(options):
    code = Code(layout_of(12, **options), gradient="product")
    one = 0.05 + 0.9 * torch.rand(2, 12, dtype=torch.float64, generator=stream(3))
    one[0, 0], one[1, :2] = 0.5, 0.0
    assert gradcheck(lambda p: code.soft(p, p.detach()), one.requires_grad_())


@pytest.mark.parametrize("iterations", [1, 5])
@pytest.mark.parametrize("options", [{}, {"crc": "CRC6"}])
def test_decoder(iterations, options):
    """Moderate LLRs, so that nothing is clipped in the decoder."""
    code = Code(layout_of(12, code="ldpc", **options), iterations)
    message = torch.randint(2, (2, 12), generator=stream(4)).double()
    coded = code.hard(message)
    noise = torch.randn(coded.shape, dtype=torch.float64, generator=stream(5))
    llr = (0.5 * (2 * coded - 1) + 0.7 * noise).requires_grad_()
    assert gradcheck(lambda value: code.decode(value).llr, llr)


@pytest.mark.parametrize(
    ("decision", "radius"), [("mean", 1), ("map", 1), ("radius", 0), ("radius", 1), ("radius", 2)]
)
def test_decisions(decision, radius):
    layout = FrameLayout(tokens=2, codebook_size=11, bits_per_symbol=2)
    decide = Decide(layout, decision, radius)
    llr = torch.randn(3, 8, dtype=torch.float64, generator=stream(6), requires_grad=True)
    codebook = torch.randn(11, 3, dtype=torch.float64, generator=stream(7), requires_grad=True)
    assert float(llr.detach().abs().min()) > 1e-3  # far enough from where the ball changes

    def posterior_and_mean(llr, codebook):
        decided = decide.soft(llr, codebook)
        return decided.posterior, decided.embedding

    assert gradcheck(posterior_and_mean, (llr, codebook))


def random_weights(shape):
    return torch.randn(shape, dtype=torch.complex128, generator=stream(8))


@pytest.mark.parametrize("bits", [1, 3, 12])
def test_gradients_of_converters_are_those_of_clipping(bits):
    """In each dimension: passed up to the full scale, and stopped beyond it; exactly."""
    signal, converter = random_symbols(4, 50), Converter(bits, 3.0)
    full_scale = converter.full_scale(1.0)
    weights = torch.view_as_real(random_weights(signal.shape))
    (gradient,) = torch.autograd.grad((torch.view_as_real(converter(signal, 1.0)) * weights).sum(), signal)
    inside = torch.view_as_real(signal.detach()).abs() <= full_scale
    assert 0.1 < (~inside).double().mean() < 0.5
    assert torch.equal(torch.view_as_real(gradient), torch.where(inside, weights, 0))


def test_gradients_behind_a_receiver_are_taken_at_its_rounded_signals():
    """LLRs of a digitised signal: the demapper's gradient at the digital value, where nothing was clipped."""
    received, variance = random_symbols(4, 5), torch.full((4, 1), 0.3, dtype=torch.float64)
    gain = torch.full((4, 1), 0.7 - 0.2j, dtype=torch.complex128)
    demap = Demap(FrameLayout(tokens=20, codebook_size=2, bits_per_symbol=4), Modem(4))
    front_end = FrontEnd(adc=Converter(3, 3.0))
    digital, own_variance = front_end.receive(received, gain, variance)
    weights = random_weights((4, 20)).real
    (actual,) = torch.autograd.grad((demap(digital, gain, own_variance) * weights).sum(), received)
    digital = digital.detach().requires_grad_()
    (expected,) = torch.autograd.grad((demap(digital, gain, own_variance) * weights).sum(), digital)
    power = 0.7**2 + 0.2**2 + 0.3
    inside = torch.view_as_real(received.detach()).abs() <= (power / 2) ** 0.5 * 10 ** (3 / 20)
    assert (~inside).any()
    torch.testing.assert_close(
        torch.view_as_real(actual), torch.where(inside, torch.view_as_real(expected), 0), rtol=1e-14, atol=0
    )


def test_gradients_of_llr_words_are_those_of_clipping():
    received = random_symbols(4, 5)
    layout = FrameLayout(tokens=20, codebook_size=2, bits_per_symbol=4)
    plain, quantized = Demap(layout, Modem(4)), Demap(layout, Modem(4), LlrQuantizer(3))
    one = torch.ones(4, 1, dtype=torch.float64)
    weights = random_weights((4, 20)).real
    (actual,) = torch.autograd.grad((quantized(received, one, 0.1 * one) * weights).sum(), received)
    llr = plain(received, one, 0.1 * one)
    inside = llr.detach().abs() <= 6
    assert 0.05 < (~inside).double().mean() < 0.95
    (expected,) = torch.autograd.grad((llr * weights * inside).sum(), received)
    torch.testing.assert_close(actual, expected, rtol=1e-13, atol=1e-13)


class SoftLink(torch.nn.Module):
    """Its forward is the soft path, so that the codebook can be replaced for one call."""

    def __init__(self, link):
        super().__init__()
        self.link = link

    def forward(self, latents, draw):
        return self.link.soft(latents, draw, vq_temp=0.6, symbol_temp=0.8)


LINKS = [
    {"channel": "rayleigh-fast", "csi_error": 0.2, "decision": "radius"},
    {"channel": "rician", "demapper": "maxlog", "bits_per_symbol": 4},
    {"channel": "rician-fast", "modulation": "psk", "bits_per_symbol": 3},
    {"channel": "bsc", **BPSK},
    {"pa_backoff_db": 0.0, "pa_smoothness": 1.5, "bits_per_symbol": 4},
    {"crc": "CRC6", "code_gradient": "product", "pa_backoff_db": 3.0},
    {"tokens": 6, "code": "ldpc", "code_gradient": "product", "code_rate": 0.8, "bp_iterations": 4},
]


@pytest.mark.parametrize("options", LINKS)
def test_whole_soft_path(options):
    """Embedding and posterior with respect to latents and codebook."""
    config = {"tokens": 2, "codebook_size": 3, "embedding_dim": 3, "bits_per_symbol": 2, **options}
    link = Link(LinkConfig(**config)).double()
    draw = link.draw(1, 2.0, stream(9))
    shape = (1, link.config.tokens, 3)
    latents = torch.randn(shape, dtype=torch.float64, generator=stream(10), requires_grad=True)
    codebook = link.codebook.detach().clone().requires_grad_()

    def embedding(latents, codebook):
        trace = torch.func.functional_call(SoftLink(link), {"link.codebook": codebook}, (latents, draw))
        return trace.embedding, trace.posterior

    assert gradcheck(embedding, (latents, codebook))
    gradients = torch.autograd.grad(embedding(latents, codebook)[0].square().sum(), (latents, codebook))
    assert all(gradient.abs().sum() > 1e-3 for gradient in gradients)
