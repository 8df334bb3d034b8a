"""The checks find planted defects: each raises AssertionError when the code under it is broken."""

import pytest
import torch
from helpers import laws, oracles
from helpers.defects import channel, receiver, transmitter
from helpers.generators import generator
from helpers.qam import qam_points
from helpers.strategies import distributions

from linksim import Link, LinkConfig, Modem
from linksim.metrics.theory import qam_ber

SIZES = {"tokens": 2, "codebook_size": 11, "embedding_dim": 4}  # 8 bits, some indices invalid


def link(bits_per_symbol=6, **changes):
    """A float64 link whose symbols straddle tokens and whose frames have 4 pad bits."""
    return Link(LinkConfig(**{**SIZES, "bits_per_symbol": bits_per_symbol, **changes})).double()


def index():
    return torch.randint(11, (40, 2), generator=generator(1))


def latents():
    return torch.randn(40, 2, 4, dtype=torch.float64, generator=generator(2))


def draw(a_link, snr_db=5.0, frames=40):
    return a_link.draw(frames, snr_db, generator(3))


def map_law(**changes):
    laws.check_map_law(link(**changes), index(), 2.0)


def decide_law():
    llr = 3 * torch.randn(40, 8, dtype=torch.float64, generator=generator(4))
    laws.check_decide_law(link(), llr)


def whole_link_law():
    own = link()
    laws.check_whole_link_law(own, index(), draw(own), 0.7, 0.7)


def quantize_law():
    laws.check_quantize_law(link(), latents(), 0.7)


def quantize_limit():
    assert laws.check_quantize_limit(link(), latents()) > 100


def quantize_formula():
    oracles.check_quantize_formula(link(), latents(), 0.7)


def gradients():
    own = link()
    with torch.no_grad():
        own.codebook.mul_(30)
    laws.check_gradients_finite(own, latents(), draw(own), 0.05, 0.7)


def independence():
    own = link()
    laws.check_frame_independence(own, latents(), draw(own))


def draw_alone():
    laws.check_draw_alone(link(), torch.tensor([0.0, 5.0]), [7, 8])


def temperature_independence():
    own = link()
    laws.check_hard_ignores_temperature(own, latents(), draw(own))


def enumeration():
    oracles.check_symbol_enumeration(link(), distributions(2, 2, 11, 2.0, seed=5))


def sharpening():
    oracles.check_sharpening(link(), distributions(2, 2, 11, 2.0, seed=5), 0.5)


def modulation():
    bits = torch.randint(2, (600,), generator=generator(6))
    oracles.check_modulation(Modem(bits_per_symbol=6), bits)


def received():
    return torch.randn(100, dtype=torch.complex64, generator=generator(7))


def llr():
    oracles.check_llr(Modem(bits_per_symbol=4), received(), 0.5, qam_points(4))


def llr_sign():
    oracles.check_llr_sign(Modem(bits_per_symbol=4), received(), 0.5, qam_points(4))


def posterior():
    values = 3 * torch.randn(40, 8, dtype=torch.float64, generator=generator(4))
    oracles.check_posterior(link(), values)


def reaches_receiver():
    oracles.check_reaches_receiver(link(), index(), generator(8))


def reaches_receiver_through_fading():
    oracles.check_reaches_receiver(link(channel="rayleigh"), index(), generator(8))


def noise():
    own = link()
    many = torch.randint(11, (2000, 2), generator=generator(9))
    oracles.check_noise(own, many, draw(own, frames=2000))


def ber():
    own = link(codebook_size=16, bits_per_symbol=4)
    many = torch.randint(16, (5000, 2), generator=generator(9))
    oracles.check_ber(own, many, draw(own, 8.0, frames=5000), qam_ber(4, 8.0, "awgn", "app"))


def map_law_of_large_symbols():
    map_law(bits_per_symbol=10)


FINDS = {
    transmitter.padding_per_batch: [map_law, whole_link_law, independence, reaches_receiver],
    transmitter.lsb_first_in_the_hard_path: [map_law, whole_link_law, reaches_receiver],
    transmitter.lsb_first_in_both_paths: [enumeration, sharpening, posterior],
    transmitter.per_bit_grouping: [enumeration, sharpening],
    transmitter.distance_softmax: [map_law, whole_link_law, enumeration, sharpening],
    transmitter.clamp_at_a_trillionth: [map_law_of_large_symbols],
    transmitter.no_clamp: [gradients],
    transmitter.temperature_upside_down: [sharpening],
    transmitter.conjugated_symbols: [modulation, map_law, whole_link_law, reaches_receiver],
    receiver.llr_sign_flipped: [llr, llr_sign, reaches_receiver, ber],
    receiver.maximum_for_exact: [llr],
    channel.noise_variance_doubled: [noise, ber],
    channel.noise_in_one_dimension: [noise],
    channel.power_normalised_over_the_batch: [independence],
    channel.first_generator_for_all: [draw_alone],
    receiver.equaliser_without_conjugate: [reaches_receiver_through_fading],
    receiver.pad_bits_stripped_from_the_front: [reaches_receiver],
    receiver.invalid_indices_have_probability: [decide_law, posterior],
    receiver.invalid_indices_wrap_around: [decide_law, posterior],
    receiver.hard_receiver_rounds: [decide_law, whole_link_law, posterior],
    receiver.embedding_follows_temperature: [temperature_independence, whole_link_law],
    transmitter.assignment_by_inner_product: [quantize_law, quantize_formula],
    transmitter.temperature_has_a_floor: [quantize_limit],
    transmitter.distance_without_square: [quantize_formula],
}
ALL_CHECKS = sorted(
    {check for checks in FINDS.values() for check in checks}, key=lambda check: check.__name__
)


def name(function):
    return function.__name__


@pytest.mark.parametrize("check", ALL_CHECKS, ids=name)
def test_checks_pass_on_the_link_as_it_is(check):
    check()


@pytest.mark.parametrize(
    ("defect", "check"),
    [(defect, check) for defect, checks in FINDS.items() for check in checks],
    ids=name,
)
def test_check_finds_the_defect(monkeypatch, defect, check):
    defect(monkeypatch)
    with pytest.raises(AssertionError):
        check()


@pytest.mark.parametrize(
    "defect", [transmitter.lsb_first_in_both_paths, transmitter.per_bit_grouping], ids=name
)
def test_enumeration_is_needed_where_the_mirror_law_is_blind(monkeypatch, defect):
    """Both paths wrong alike, or wrong only between hard inputs: the mirror law holds nevertheless."""
    defect(monkeypatch)
    map_law()
    whole_link_law()
