"""What several modes refuse: one line that names the argument."""

import pytest
import torch
from helpers.generators import generator

from linksim import LinkConfig
from linksim.modes.routed_link import RoutedLink

CONFIG = LinkConfig(tokens=4, embedding_dim=3)
MODES = [(16, 2), (64, 6)]


def refused(call, name, *kinds):
    """That a call is refused in one line with that word in it."""
    with pytest.raises(kinds or (TypeError, ValueError)) as caught:
        call()
    message = str(caught.value)
    assert name in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    "modes",
    [
        [],
        (),
        "64:2",
        None,
        5,
        {64: 2},
        [64],
        [(64,)],
        [(64, 2, 1)],
        ["64:2"],
        [(4.5, 2)],
        [(64, 2.5)],
        [("64", "2")],
        [(64, True)],
        [(1, 2)],
        [(64, 0)],
        [(64, 11)],
        [(64, 2)] * 257,
        torch.tensor([[64, 2]]),
    ],
    ids=lambda modes: str(modes)[:30],
)
def test_modes(modes):
    refused(lambda: RoutedLink(CONFIG, modes), "mode")


def test_bits_per_symbol_that_the_modulation_has_not():
    refused(lambda: RoutedLink(CONFIG, [(64, 2), (64, 3)]), "bits_per_symbol", ValueError)
    psk = LinkConfig(tokens=4, modulation="psk")
    assert RoutedLink(psk, [(64, 2), (64, 3)]).modes == ((64, 2), (64, 3))
    refused(lambda: RoutedLink(psk, [(64, 7)]), "bits_per_symbol", ValueError)


@pytest.mark.parametrize("symbols", [0, -1, 1025, 1.5, "6", None, True])
def test_header_symbols(symbols):
    refused(lambda: RoutedLink(CONFIG, MODES, header_symbols=symbols), "header_symbols")


def test_a_header_too_short_for_the_modes():
    refused(lambda: RoutedLink(CONFIG, [(4, 2)] * 5, header_symbols=1), "header_symbols", ValueError)


def test_links_without_modes_to_choose_from():
    bsc = LinkConfig(tokens=4, channel="bsc", modulation="psk", bits_per_symbol=1)
    refused(lambda: RoutedLink(bsc, [(64, 1)]), "'bsc'", ValueError)
    defects = LinkConfig(tokens=4, defects=("llr-scale",))
    refused(lambda: RoutedLink(defects, MODES), "llr-scale", ValueError)
    custom = LinkConfig(tokens=4, modulation="custom")
    refused(lambda: RoutedLink(custom, MODES), "custom", ValueError)


@pytest.fixture(scope="module")
def link():
    return RoutedLink(CONFIG, MODES)


@pytest.fixture
def given(link):
    """Latents, indices and a draw of three frames."""
    latents = torch.randn(3, 4, 3, generator=generator(1))
    return latents, torch.full((3, 4), 15), link.draw(3, 5.0, generator())


WRONG_MODES = {
    "negative": -1,
    "too large": 2,
    "one too large": torch.tensor([0, 1, 2]),
    "real": 1.0,
    "bool": True,
    "a tensor of real numbers": torch.ones(3),
    "too few": torch.tensor([0, 1]),
    "one in a list": torch.tensor([1]),
    "a row": torch.tensor([[0, 1, 1]]),
    "nested": [[0, 1], [1]],
    "text": "0",
    "complex": torch.tensor(1j),
    "a dictionary": {},
}


@pytest.mark.parametrize("path", ["hard", "soft"])
@pytest.mark.parametrize("fault", WRONG_MODES)
def test_wrong_mode_numbers(link, given, path, fault):
    latents, _, draw = given
    refused(lambda: getattr(link, path)(latents, draw, mode=WRONG_MODES[fault]), "mode")


@pytest.mark.parametrize("number", [-1, 2, 0.5, "0", None])
def test_a_mode_that_does_not_exist(link, number):
    """A negative number would send frames that no receiver takes for its own."""
    refused(lambda: link.mode(number), "mode", TypeError, ValueError, IndexError)


@pytest.mark.parametrize("path", ["hard", "soft"])
@pytest.mark.parametrize("mode", [0, [0, 1, 1], torch.tensor([0, 1, 1], dtype=torch.uint8)], ids=str)
def test_modes_that_are_taken(link, given, path, mode):
    latents, index, draw = given
    call = getattr(link, path)
    wanted = torch.as_tensor(mode).long().expand(3)
    assert torch.equal(call(latents, draw, mode=mode).routing.mode, wanted)
    assert torch.equal(call(index=index, draw=draw, mode=mode).routing.mode, wanted)


@pytest.mark.parametrize("path", ["hard", "soft"])
def test_inputs(link, given, path):
    latents, index, draw = given
    call = getattr(link, path)
    refused(lambda: call(draw=draw), "latents", TypeError)
    refused(lambda: call(latents, draw, index=index, mode=0), "index", TypeError)
    refused(lambda: call(latents), "draw", TypeError)
    refused(lambda: call(latents, draw.channel), "draw", TypeError)
    refused(lambda: call(latents[:2], draw), "frames", ValueError)
    refused(lambda: call(latents[:, :2], draw, mode=0), "latents", ValueError)
    refused(lambda: call(latents[..., 0], draw, mode=0), "latents", ValueError)
    refused(lambda: call(index=index, draw=draw), "mode", TypeError)
    refused(lambda: call(index=index.float(), draw=draw, mode=0), "index", TypeError)
    refused(lambda: call(index=index - 16, draw=draw, mode=0), "index", ValueError)
    refused(lambda: call(index=index[:, 0], draw=draw, mode=0), "index", ValueError)


@pytest.mark.parametrize("path", ["hard", "soft"])
@pytest.mark.parametrize(
    "latents",
    [torch.zeros(3, 2, 3), torch.zeros(3, 4), torch.zeros(3, 4, 4), torch.tensor(1.0), 5, [1.0, 2.0, 3.0]],
    ids=["fewer tokens", "no dimension", "wider", "a number", "an int", "a list"],
)
def test_latents_that_a_router_chooses_by(link, given, path, latents):
    refused(lambda: getattr(link, path)(latents, given[2]), "latents")


@pytest.mark.parametrize("path", ["hard", "soft"])
def test_an_index_belongs_to_the_codebook_of_its_mode(link, given, path):
    _, index, draw = given
    call = getattr(link, path)
    large = index + 30
    refused(lambda: call(index=large, draw=draw, mode=0), "15", ValueError)
    assert torch.equal(call(index=large, draw=draw, mode=1).traces[1].index, large)
    mixed = torch.stack([index[0], large[1], large[2]])
    call(index=mixed, draw=draw, mode=[0, 1, 1])
    refused(lambda: call(index=mixed, draw=draw, mode=[0, 0, 1]), "15", ValueError)


def test_draws(link):
    refused(lambda: link.draw(3, 5.0, generator(), gumbel=True), "gumbel", ValueError)
    refused(lambda: link.draw(0, 5.0, generator()), "frames", ValueError)
    refused(lambda: link.draw(3, float("nan"), generator()), "snr_db", ValueError)
    refused(lambda: link.draw(3, torch.zeros(2), generator()), "snr_db", ValueError)
    refused(lambda: link.draw(3, 5.0, 7), "generator", TypeError)
    refused(lambda: link.mode(0).hard(torch.zeros(3, 4, 3)), "draw", TypeError)


@pytest.mark.parametrize("name", ["vq_temp", "symbol_temp"])
def test_temperatures(link, given, name):
    latents, _, draw = given
    for temperature in (0.0, -1.0, float("nan"), "warm"):
        refused(lambda temperature=temperature: link.soft(latents, draw, **{name: temperature}), name)


def test_temperatures_are_those_of_all_modes(link):
    before = link.vq_temp, link.symbol_temp
    link.vq_temp, link.symbol_temp = 0.3, 0.4
    assert {(one.vq_temp, one.symbol_temp) for one in link.links} == {(0.3, 0.4)}
    link.vq_temp, link.symbol_temp = before


class Amplifier:
    """A channel of one's own whose noise has real and imaginary part as a dimension behind the symbols."""

    def draw(self, frames, symbols, snr_db, generator):
        noise = torch.randn(frames, symbols, 2, dtype=snr_db.dtype, generator=generator)
        return {"noise": noise, "deviation": 10 ** (-snr_db / 20)}

    def apply(self, symbols, draw):
        deviation = draw["deviation"].unsqueeze(1)
        received = 2 * symbols + deviation * 0.5**0.5 * torch.view_as_complex(draw["noise"].contiguous())
        return received, torch.full_like(deviation, 2.0), deviation.square()


def test_a_channel_of_ones_own():
    """Its draw is cut to each mode's symbols."""
    routed = RoutedLink(CONFIG, [(16, 2), (64, 6), (11, 4)], channel=Amplifier())
    draw = routed.draw(30, 40.0, generator())
    assert draw.channel["noise"].shape == (30, 6 + 8, 2)
    index = torch.randint(11, (30, 4), generator=generator(1))
    trace = routed.hard(index=index, draw=draw, mode=torch.arange(30) % 3)
    for rows, one in zip(trace.frames, trace.traces, strict=True):
        assert torch.equal(one.decoded_index, index[rows])
    assert torch.equal(trace.received_mode, trace.routing.mode)


def test_double_precision_throughout():
    routed = RoutedLink(CONFIG, MODES).double()
    draw = routed.draw(3, 5.0, generator())
    assert draw.channel["noise"].dtype == torch.complex128
    latents = torch.randn(3, 4, 3, generator=generator(1))
    for path in ("hard", "soft"):
        trace = getattr(routed, path)(latents, draw)
        assert trace.embedding.dtype == trace.routing.probabilities.dtype == torch.float64
        assert trace.bits.dtype == trace.symbols.dtype == torch.float64


def test_the_weights_are_codebooks_and_router_and_nothing_else():
    """What is computed from the configuration is not stored, so that a state fits whatever the device."""
    names = set(RoutedLink(CONFIG, MODES).state_dict())
    router = {f"router.{name}_weight" for name in ("latent", "snr", "hidden", "direct")}
    assert names == {"links.0.codebook", "links.1.codebook"} | router
