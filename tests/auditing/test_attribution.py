"""Attribution: Shapley values by definition, mixtures by sending them, totals by the rows of the audit."""

from itertools import pairwise, permutations, product
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim import Link, LinkConfig, audit
from linksim.auditing.attribution import (
    MEASURES,
    PLACES,
    SUBSETS,
    attribution_rows,
    measure_mixtures,
    shapley_values,
)
from linksim.config import DEFECTS

GAMES = st.lists(st.floats(-100, 100), min_size=8, max_size=8)
"""What each of the eight coalitions is worth."""


def coalition(*places):
    return frozenset(places)


def as_game(worths):
    """The coalitions in an order of this file's own, so that the order of `SUBSETS` is put to the test."""
    every = [frozenset(p for p, there in zip(PLACES, code, strict=True) if there) for code in CODES]
    return dict(zip(every, worths, strict=True))


CODES = list(product((False, True), repeat=3))


def as_tensor(game):
    return torch.tensor([[game[places]] for places in SUBSETS], dtype=torch.float64)


def shares(game):
    return dict(zip(PLACES, shapley_values(as_tensor(game)).flatten().tolist(), strict=True))


def by_definition(game):
    """Mean over all orders of what a place adds when it joins those before it."""
    added = {place: [] for place in PLACES}
    for order in permutations(PLACES):
        for position, place in enumerate(order):
            before = frozenset(order[:position])
            added[place].append(game[before | {place}] - game[before])
    return {place: sum(values) / 6 for place, values in added.items()}


@settings(deadline=None)
@given(worths=GAMES)
def test_definition_and_sum(worths):
    game = as_game(worths)
    found = shares(game)
    assert found == pytest.approx(by_definition(game), abs=1e-9)
    assert sum(found.values()) == pytest.approx(game[coalition(*PLACES)] - game[coalition()], abs=1e-9)


@settings(deadline=None)
@given(worths=GAMES, dummy=st.sampled_from(PLACES))
def test_a_place_that_changes_nothing_has_no_share(worths, dummy):
    full = as_game(worths)
    assert shares({places: full[places - {dummy}] for places in full})[dummy] == 0


@settings(deadline=None)
@given(worths=GAMES, odd=st.sampled_from(PLACES))
def test_places_that_may_be_exchanged_have_equal_shares(worths, odd):
    first, second = (place for place in PLACES if place != odd)
    swap = {first: second, second: first, odd: odd}
    full = as_game(worths)
    game = {places: full[places] + full[frozenset(swap[place] for place in places)] for places in full}
    found = shares(game)
    assert found[first] == pytest.approx(found[second], abs=1e-9)


def test_every_frame_and_figure_has_shares_of_its_own():
    mixtures = torch.randn(5, 4, 8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    together = shapley_values(mixtures)
    assert together.shape == (5, 4, 3, 2)
    for draw, frame, figure in product(range(5), range(4), range(2)):
        alone = shapley_values(mixtures[draw, frame, :, figure : figure + 1])
        torch.testing.assert_close(together[draw, frame, :, figure : figure + 1], alone)


def model_of(decision="mean", bits_per_symbol=4, **options):
    """A link with words of bits that are no codeword, and a random linear head."""
    generator = torch.Generator().manual_seed(7)
    sizes = {"tokens": 3, "codebook_size": 11, "embedding_dim": 6, "bits_per_symbol": bits_per_symbol}
    link = Link(LinkConfig(**sizes, decision=decision, **options), generator=generator).double()
    link.vq_temp, link.symbol_temp = 0.5, 0.6
    weights = torch.randn(18, 5, dtype=torch.float64, generator=generator)

    def head(embedding):
        features = embedding.flatten(1)
        return features @ weights, features

    return SimpleNamespace(encoder=lambda latents: latents, transceiver_dig=link, head=head)


def data_for(model, frames, seed=1):
    """Latents, and as classes what the head says without a link, but for every fifth."""
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(frames, 3, 6, dtype=torch.float64, generator=generator)
    link = model.transceiver_dig
    with torch.no_grad():
        nearest = link.codebook[link.quantize.hard(link.quantize.normalise(latents), link.codebook)]
        labels = model.head(nearest)[0].argmax(-1)
    labels[::5] = (labels[::5] + 1) % 5
    return latents, labels


@torch.no_grad()
@pytest.mark.parametrize("decision", ["mean", "map", "radius"])
@pytest.mark.parametrize("channel", [{}, {"channel": "rayleigh", "csi_error": 0.1}], ids=["awgn", "rayleigh"])
def test_mixtures_are_what_a_link_with_those_paths_does(decision, channel):
    """All eight are sent here, whereas the audit sends three: the mirror law gives the others."""
    model = model_of(decision, **channel)
    link = model.transceiver_dig
    latents, labels = data_for(model, 60)
    draw = link.draw(60, 2.0, torch.Generator().manual_seed(2))
    drawn = link.mixed(latents, draw, paths={"quantize": "soft"})
    hard, soft = link.hard(latents, draw), link.soft(latents, draw)
    found = measure_mixtures(model, link, labels, hard, soft, drawn)
    assert found.shape == (60, 8, 2)
    expected = {}
    for number, places in enumerate(SUBSETS):
        stage_of = {"quantize": "VQ", "map": "symbol", "decide": "receiver"}
        paths = {stage: "soft" if place in places else "hard" for stage, place in stage_of.items()}
        logits = model.head(link.mixed(latents, draw, paths=paths).embedding)[0]
        right = (logits.argmax(-1) == labels).double()
        nats = logits.logsumexp(-1) - logits[torch.arange(60), labels]
        expected[places] = torch.stack([right, nats], -1)
        torch.testing.assert_close(found[:, number], expected[places], rtol=1e-9, atol=1e-9)
    # Where the paths differ, so do the mixtures: otherwise there would be nothing to compare.
    different = [coalition(), coalition("VQ"), coalition("VQ", "symbol")]
    if decision == "map":
        different += [places | {"receiver"} for places in different]
    for one, other in pairwise(different):
        assert (expected[one] - expected[other]).abs().max() > 1e-3, (one, other)


def rows_of(report, snr_db, surrogate, measure):
    """Place → row."""
    rows = [
        row
        for row in report.attribution
        if (row["snr_db"], row["surrogate"], row["measure"]) == (snr_db, surrogate, measure)
    ]
    assert len(rows) == 4
    return {row["place"]: row for row in rows}


def attributed(model, draws=1, snr_db=(0.0, 6.0), frames=90):
    generator = torch.Generator().manual_seed(3)
    data = data_for(model, frames)
    return audit(
        model, data, snr_db=snr_db, generator=generator, draws=draws, parts=("attribution", "defects")
    )


def gap_of(report, snr_db, measure):
    """Soft minus hard, from the rows of the stages."""
    if measure == "accuracy":
        return report.value(snr_db, "gap")
    return report.value(snr_db, "soft_cross_entropy") - report.value(snr_db, "hard_cross_entropy")


def check_rows(report, snr_db, surrogate):
    """Shares add up to the total, and every interval contains its value."""
    for measure in MEASURES:
        rows = rows_of(report, snr_db, surrogate, measure)
        assert set(rows) == {*PLACES, "total"}
        total = sum(rows[place]["value"] for place in PLACES)
        assert total == pytest.approx(rows["total"]["value"], abs=1e-12)
        for row in rows.values():
            assert row["low"] <= row["value"] <= row["high"]


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("decision", ["mean", "map", "radius"])
def test_totals_are_the_gaps(decision, draws):
    report = attributed(model_of(decision), draws)
    assert {row["surrogate"] for row in report.attribution} == {"audited"}
    for snr in (0.0, 6.0):
        check_rows(report, snr, "audited")
        for measure in MEASURES:
            rows = rows_of(report, snr, "audited", measure)
            assert rows["total"]["value"] == pytest.approx(gap_of(report, snr, measure), abs=1e-12)
            assert rows["VQ"]["low"] < rows["VQ"]["high"]
            receiver = tuple(rows["receiver"][name] for name in ("value", "low", "high"))
            if decision == "map":
                assert receiver[0] != 0
            else:
                assert receiver == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("defects", [("llr-scale",), ("per-bit-grouping", "radius-1")], ids="+".join)
def test_totals_with_defects(defects, draws):
    """The audited rows account for the surrogate with its defects, the exact rows for one without."""
    model = model_of(defects=defects)
    report = attributed(model, draws)
    mended = SimpleNamespace(**vars(model) | {"transceiver_dig": model.transceiver_dig.with_defects(())})
    exact = attributed(mended, draws)
    for snr, measure in product((0.0, 6.0), MEASURES):
        check_rows(report, snr, "audited")
        check_rows(report, snr, "exact")
        for surrogate, expected in (("audited", report), ("exact", exact)):
            total = rows_of(report, snr, surrogate, measure)["total"]["value"]
            assert total == pytest.approx(gap_of(expected, snr, measure), abs=1e-12)
        own, alone = rows_of(report, snr, "exact", measure), rows_of(exact, snr, "audited", measure)
        for place, row in own.items():
            names = ("value",) if place == "total" else ("value", "low", "high")  # alone, it is the gap's
            assert [row[name] for name in names] == pytest.approx([alone[place][name] for name in names])
    assert gap_of(report, 0.0, "cross_entropy") != pytest.approx(gap_of(exact, 0.0, "cross_entropy"))


PLACE_OF_FAULT = {
    "per-bit-grouping": "symbol",
    "batch-padding": "symbol",
    "distance-softmax": "symbol",
    "llr-scale": "receiver",
    "radius-1": "receiver",
    "radius-2": "receiver",
    "transmit-statistics": "symbol",
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_fault_shows_at_its_place(defect):
    """What the audited surrogate adds to the exact one is nothing at the other places."""
    # Twelve bits per frame in symbols of eight: both padding and symbols of several tokens.
    report = attributed(model_of(bits_per_symbol=8, defects=(defect,)), snr_db=(6.0,))
    for measure in MEASURES:
        audited, exact, fault = (
            rows_of(report, 6.0, name, measure) for name in ("audited", "exact", "fault")
        )
        added = {place: row["value"] for place, row in fault.items()}
        for place, value in added.items():
            assert audited[place]["value"] == pytest.approx(exact[place]["value"] + value, abs=1e-12)
        assert sum(added[place] for place in PLACES) == pytest.approx(added.pop("total"), abs=1e-12)
    assert abs(added.pop(PLACE_OF_FAULT[defect])) > 1e-4
    assert added == pytest.approx(dict.fromkeys(added, 0.0), abs=1e-5)


def test_rows_of_constructed_mixtures():
    """Accuracy and cross-entropy are not mixed up, nor are places, draws and frames."""
    worth = {"VQ": (0.25, -1.0), "symbol": (0.125, -2.0), "receiver": (0.5, -4.0)}
    mixtures = torch.zeros(2, 6, 8, 2, dtype=torch.float64)
    for number, places in enumerate(SUBSETS):
        for place in places:
            mixtures[:, :, number] += torch.tensor(worth[place], dtype=torch.float64)
    splices = torch.zeros(2, 6, 4, 2, dtype=torch.float64)
    splices[:, :, 1:] += torch.tensor([8.0, 16.0])
    splices[:, :, 3:] += torch.tensor([32.0, 64.0])
    rows = list(attribution_rows(mixtures, splices))
    found = {(row["surrogate"], row["measure"], row["place"]): row["value"] for row in rows}
    assert len(found) == len(rows) == 24
    for number, measure in enumerate(MEASURES):
        added = {"VQ": (8, 16)[number], "symbol": 0, "receiver": (32, 64)[number]}
        for place in PLACES:
            assert found["exact", measure, place] == pytest.approx(worth[place][number])
            assert found["fault", measure, place] == added[place]
            assert found["audited", measure, place] == pytest.approx(worth[place][number] + added[place])
    for row in rows:
        if row["measure"] == "cross_entropy":
            assert row["low"] == row["value"] == row["high"]
        else:  # six frames are too few for certainty, unless the place changes nothing at all
            untouched = (row["surrogate"], row["place"]) == ("fault", "symbol")
            assert (row["low"] < row["high"]) != untouched
