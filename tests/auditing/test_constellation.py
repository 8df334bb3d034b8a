"""Points and densities in the complex plane that an audit keeps for its pictures."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.generators import generator

from linksim import Link, LinkConfig, audit
from linksim.auditing.constellation import CELLS, POINTS, Constellations


def link_of(tokens=6, codebook_size=16, bits_per_symbol=4, **options):
    sizes = {"tokens": tokens, "codebook_size": codebook_size, "embedding_dim": 4}
    return Link(LinkConfig(**sizes, bits_per_symbol=bits_per_symbol, **options), generator=generator(1))


@torch.no_grad()
def traces(link, frames, snr_db, seed=2):
    source = generator(seed)
    latents = torch.randn(frames, link.config.tokens, 4, generator=source)
    draw = link.draw(frames, snr_db, source)
    return link.soft(latents, draw), link.hard(latents, draw), draw


def collected(link, snr_db, *batches):
    constellations = Constellations(link, snr_db)
    for batch in batches:
        constellations.add(*batch)
    return constellations.as_dict()


def as_complex(points):
    points = np.array(points).reshape(-1, 2)
    return points[:, 0] + 1j * points[:, 1]


@pytest.mark.parametrize("options", [{}, {"channel": "rayleigh-fast"}, {"adc_bits": 5}], ids=str)
@pytest.mark.parametrize("snr_db", [-6.0, 12.0])
def test_every_symbol_inside_the_square_is_counted(options, snr_db):
    link = link_of(**options)
    batches = traces(link, 90, snr_db, 2), traces(link, 30, snr_db, 3)
    found = collected(link, snr_db, *batches)
    for path, number in (("soft", 0), ("hard", 1)):
        received = torch.cat([batch[number].received / own_gain(batch[2]) for batch in batches])
        reach = torch.view_as_real(received).abs().amax(-1)
        inside = int((reach <= found["extent"]).sum())
        assert np.sum(found[f"{path}_density"]) == inside
        assert np.shape(found[f"{path}_density"]) == (CELLS, CELLS)
        assert inside > 0.5 * received.numel()
        if snr_db < 0:
            assert inside < received.numel()


def own_gain(draw):
    return draw.channel.get("gain", torch.ones(()))


@pytest.mark.parametrize(
    "options", [{}, {"bits_per_symbol": 6}, {"modulation": "psk", "bits_per_symbol": 3}], ids=str
)
def test_points_of_the_hard_path_are_those_of_the_constellation(options):
    link = link_of(codebook_size=13, **options)
    found = collected(link, 3.0, traces(link, 80, 3.0))
    constellation = link.modem.constellation().numpy()
    distances = np.abs(as_complex(found["hard_points"])[:, None] - constellation).min(1)
    assert distances.max() < 1e-4
    # Those of the soft path are means of them, inside and between.
    soft = as_complex(found["soft_points"])
    assert np.abs(soft).max() <= np.abs(constellation).max() + 1e-4
    assert np.abs(soft[:, None] - constellation).min(1).max() > 0.05
    assert found["extent"] >= np.abs(constellation).max()


@pytest.mark.parametrize("frames", [1, 50, 100, 101, 333, 1000])
@pytest.mark.parametrize("tokens", [1, 6, 7])
def test_at_most_so_many_points_from_all_places_of_a_frame(frames, tokens):
    """A token is a symbol here, and always sends the same at its place: the points must tell all of them."""
    link = link_of(tokens)
    index = torch.arange(tokens).expand(frames, tokens)
    draw = link.draw(frames, 5.0, generator())
    trace = link.hard(index=index, draw=draw)
    found = collected(link, 5.0, (trace, trace, draw))
    points = as_complex(found["hard_points"])
    total = frames * tokens
    assert min(total, POINTS / 6) <= len(points) <= POINTS
    if total <= POINTS:
        assert len(points) == total
    sent = trace.symbols[0].numpy()
    distances = np.abs(points[:, None] - sent)
    assert distances.min(1).max() < 1e-4
    counts = np.bincount(distances.argmin(1), minlength=tokens)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("channel", ["rayleigh", "rician-fast"])
def test_the_gain_is_divided_out(channel):
    """Nearly without noise, symbols arrive where they were sent, whatever the fading turned them to."""
    link = link_of(channel=channel)
    soft, hard, draw = traces(link, 100, 80.0)
    found = collected(link, 80.0, (soft, hard, draw))
    density = np.array(found["hard_density"])
    assert density.sum() == hard.received.numel()
    centres = (np.arange(CELLS) + 0.5) * 2 * found["extent"] / CELLS - found["extent"]
    rows, columns = density.nonzero()
    places = centres[columns] + 1j * centres[rows]
    cell = 2 * found["extent"] / CELLS
    distances = np.abs(places[:, None] - link.modem.constellation().numpy()).min(1)
    assert distances.max() < cell
    angles = draw.channel["gain"].angle()
    assert angles.max() - angles.min() > 0.5 * math.pi


@pytest.mark.parametrize("label", range(4))
def test_rows_count_the_imaginary_part_from_below(label):
    link = link_of(1, codebook_size=4, bits_per_symbol=2)
    draw = link.draw(5, 60.0, generator())
    trace = link.hard(index=torch.full((5, 1), label), draw=draw)
    density = np.array(collected(link, 60.0, (trace, trace, draw))["hard_density"])
    row, column = np.unravel_index(density.argmax(), density.shape)
    point = complex(trace.symbols[0, 0])
    assert (row >= CELLS / 2) == (point.imag > 0)
    assert (column >= CELLS / 2) == (point.real > 0)


def test_the_square_grows_with_the_noise_but_not_without_end():
    link = link_of()
    peak = float(link.modem.constellation().abs().max())
    extents = [Constellations(link, snr_db).extent for snr_db in (80.0, 20.0, 10.0, 0.0, -40.0)]
    assert extents == sorted(extents)
    assert extents[0] == pytest.approx(peak, rel=1e-3)
    assert extents[2] == pytest.approx(peak + 2 * math.sqrt(0.05))
    assert extents[-1] == pytest.approx(2 * peak)


@pytest.mark.parametrize("field", ["symbols", "received"])
def test_a_surrogate_that_lacks_a_signal(field):
    link = link_of()
    soft, hard, draw = traces(link, 40, 6.0)
    whole = collected(link, 6.0, (soft, hard, draw))
    found = collected(link, 6.0, (soft.replace(**{field: None}), hard, draw))
    lacks = {"symbols": "soft_points", "received": "soft_density"}[field]
    assert np.sum(found[lacks]) == 0
    for name in whole.keys() - {lacks}:
        assert found[name] == whole[name]
    if field == "symbols":
        assert found[lacks] == []
    else:
        assert np.shape(found[lacks]) == (CELLS, CELLS)


def test_in_an_audit():
    link = link_of()
    model = SimpleNamespace(
        encoder=lambda latents: latents,
        transceiver_dig=link,
        head=lambda embedding: (embedding[:, 0, :2], embedding.flatten(1)),
    )
    data = torch.randn(25, 6, 4, generator=generator(5)), torch.zeros(25, dtype=torch.long)
    report = audit(
        model, data, snr_db=[30.0, 20.0], generator=generator(), draws=2, parts=("constellations",)
    )
    assert [found["snr_db"] for found in report.constellations] == [30.0, 20.0]
    for found in report.constellations:
        assert np.sum(found["hard_density"]) == 2 * 25 * link.layout.symbols
        assert len(found["hard_points"]) == len(found["soft_points"]) == 2 * 25 * link.layout.symbols
