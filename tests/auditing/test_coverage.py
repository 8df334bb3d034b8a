"""Over repetitions, the 95 % intervals of an audit contain the truth as often as they say.

Each test repeats an experiment whose truth is known, with fresh data each time, and counts how often the
interval covers it. Of 200 intervals at exactly 95 %, fewer than 180 or more than 198 cover with a probability
below 0.3 % and 0.05 %. The seeds are arbitrary and were not chosen by their results.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from linksim import Link, LinkConfig, audit
from linksim.auditing.attribution import MEASURES, PLACES, attribution_rows
from linksim.auditing.rows import paired_gap

REPETITIONS = 200
LEAST, MOST = 0.90, 0.99
FRAMES = 300


def covered(intervals, truth):
    return float(np.mean([low <= truth <= high for _, low, high in intervals]))


# Probabilities of: both paths right, the first alone, the second alone, neither.
@pytest.mark.parametrize(
    "cells",
    [
        pytest.param((0.60, 0.10, 0.10, 0.20), id="gap 0"),
        pytest.param((0.70, 0.08, 0.05, 0.17), id="gap 0.03"),
        pytest.param((0.50, 0.25, 0.05, 0.20), id="gap 0.2"),
        pytest.param((0.50, 0.05, 0.25, 0.20), id="gap -0.2"),
        pytest.param((0.92, 0.045, 0.015, 0.02), id="gap 0.03 at high accuracy"),
        pytest.param((0.93, 0.025, 0.025, 0.02), id="gap 0 at high accuracy"),
    ],
)
def test_gap_of_one_draw(cells):
    generator = torch.Generator().manual_seed(101)
    found = []
    for _ in range(REPETITIONS):
        cell = torch.multinomial(torch.tensor(cells), FRAMES, replacement=True, generator=generator)
        first, second = (cell == 0) | (cell == 1), (cell == 0) | (cell == 2)
        found.append(paired_gap(first.unsqueeze(0), second.unsqueeze(0)))
    assert LEAST <= covered(found, cells[1] - cells[2]) <= MOST


# The probability of a correct decision is drawn once for each frame, uniformly over a range for the first
# path and lower by the gap for the second; the draws of a frame share it.
@pytest.mark.parametrize(
    ("low", "high", "gap"),
    [
        pytest.param(0.2, 1.0, 0.0, id="gap 0"),
        pytest.param(0.2, 1.0, 0.03, id="gap 0.03"),
        pytest.param(0.4, 1.0, 0.2, id="gap 0.2"),
        pytest.param(0.9, 1.0, 0.03, id="gap 0.03 at high accuracy"),
    ],
)
def test_gap_of_four_draws_with_dependent_frames(low, high, gap):
    generator = torch.Generator().manual_seed(102)
    found = []
    for _ in range(REPETITIONS):
        easy = low + (high - low) * torch.rand(FRAMES, generator=generator)
        # The two paths of a draw see the same noise, but do not always make the same of it.
        shared, own = torch.rand(2, 4, FRAMES, generator=generator)
        luck = torch.where(torch.rand(4, FRAMES, generator=generator) < 0.7, shared, own)
        found.append(paired_gap(shared < easy, luck < easy - gap))
    assert LEAST <= covered(found, gap) <= MOST


def test_gap_whose_sign_depends_on_the_frame():
    """Half of the frames gain 0.5 and half lose 0.3, always: draws of one frame tell nothing new.

    Intervals that took each draw of a frame as a frame of its own would be half as wide, and cover about 70 %
    of the time.
    """
    generator = torch.Generator().manual_seed(103)
    found, as_if_independent = [], []
    for _ in range(REPETITIONS):
        gains = torch.rand(FRAMES, generator=generator) < 0.5
        luck = torch.rand(1, FRAMES, generator=generator).expand(4, FRAMES)
        first, second = torch.where(gains, luck < 0.9, luck < 0.3), torch.where(gains, luck < 0.4, luck < 0.6)
        found.append(paired_gap(first, second))
        as_if_independent.append(paired_gap(first.reshape(1, -1), second.reshape(1, -1)))
    assert LEAST <= covered(found, 0.5 * 0.5 - 0.5 * 0.3) <= MOST
    assert covered(as_if_independent, 0.1) < 0.85


# Expected accuracy and cross-entropy of the eight mixtures, in the order of `SUBSETS`: nothing soft, VQ,
# symbol, both, and the same with a soft receiver.
ACCURACY = (0.60, 0.62, 0.60, 0.55, 0.75, 0.80, 0.75, 0.70)
CROSS_ENTROPY = (1.10, 1.00, 1.10, 1.30, 0.70, 0.65, 0.70, 0.80)


def literal_shapley(worth):
    """The formula for three players, |S|! (2 - |S|)! / 3! for each coalition S, written out."""
    shares = []
    for place in range(3):
        mine, (one, other) = 1 << place, (1 << other for other in range(3) if other != place)
        shares.append(
            (worth[mine] - worth[0]) / 3
            + (worth[mine | one] - worth[one]) / 6
            + (worth[mine | other] - worth[other]) / 6
            + (worth[7] - worth[one | other]) / 3
        )
    return [*shares, worth[7] - worth[0]]


@pytest.mark.parametrize("draws", [1, 4])
def test_attribution(draws):
    truth = dict(zip(MEASURES, (literal_shapley(ACCURACY), literal_shapley(CROSS_ENTROPY)), strict=True))
    generator = torch.Generator().manual_seed(104)
    found = {(measure, place): [] for measure in MEASURES for place in (*PLACES, "total")}
    for _ in range(REPETITIONS):
        # A frame is harder or easier in all mixtures and draws alike, and mixtures mostly see the same noise.
        hardship = torch.rand(1, FRAMES, 1, generator=generator) - 0.5
        shared = torch.rand(draws, FRAMES, 1, generator=generator)
        own = torch.rand(draws, FRAMES, 8, generator=generator)
        luck = torch.where(torch.rand(draws, FRAMES, 8, generator=generator) < 0.7, shared, own)
        right = luck < torch.tensor(ACCURACY) + 0.2 * hardship
        # Two independent uniform numbers have the mean product 1/4.
        nats = torch.tensor(CROSS_ENTROPY) * 4 * shared * own * (1 + hardship)
        for row in attribution_rows(torch.stack([right, nats], -1).double(), None):
            found[row["measure"], row["place"]].append((row["value"], row["low"], row["high"]))
    share = {}
    for (measure, place), intervals in found.items():
        share[measure, place] = covered(intervals, truth[measure][(*PLACES, "total").index(place)])
    assert all(LEAST <= value <= MOST for value in share.values()), share


CODEWORDS = [[1.0, -1.0], [0.2, -0.6], [-0.3, 0.4], [-1.0, 1.0]]
WEIGHTS = [[-1.0, -1.0, 1.0, 1.0], [1.0, 1.0, -1.0, -1.0], [-1.0, 1.0, -1.0, 1.0], [1.0, -1.0, 1.0, -1.0]]


def tiny_model(decision, temperature):
    """Two tokens, four codewords, and a head that tells which coordinate of each token is the larger."""
    config = LinkConfig(tokens=2, codebook_size=4, embedding_dim=2, bits_per_symbol=2, decision=decision)
    link = Link(config)
    link.codebook.data = torch.tensor(CODEWORDS)
    link.vq_temp = link.symbol_temp = temperature

    def head(embedding):
        features = embedding.flatten(1)
        return features @ torch.tensor(WEIGHTS), features

    return SimpleNamespace(encoder=lambda latents: latents, transceiver_dig=link, head=head)


def images(count, generator):
    """Latents, and the class that the head is to find."""
    latents = torch.randn(count, 2, 2, generator=generator)
    larger = (latents[..., 0] > latents[..., 1]).long()
    return latents, 2 * larger[:, 0] + larger[:, 1]


@pytest.mark.parametrize(
    ("decision", "temperature", "draws"),
    [("mean", 0.7, 1), ("map", 0.3, 1), ("mean", 2.0, 1), ("map", 0.7, 3)],
)
def test_gap_of_an_audit(decision, temperature, draws):
    assert LEAST <= coverage_of_audits(tiny_model(decision, temperature), draws) <= MOST


def test_gap_of_an_audit_whose_paths_hardly_differ():
    """The gap is smaller than one image in a hundred, so any interval around zero covers it every time."""
    assert coverage_of_audits(tiny_model("mean", 0.3), 1) >= LEAST


def coverage_of_audits(model, draws):
    """Share of audits of 100 images each whose interval contains the gap over 60,000 others."""
    generator = torch.Generator().manual_seed(105)
    whole = audit(model, images(60_000, generator), snr_db=[0.0], generator=generator, parts=())
    truth = whole.value(0.0, "gap")
    found = []
    for _ in range(REPETITIONS):
        data = images(100, generator)
        report = audit(model, data, snr_db=[0.0], generator=generator, draws=draws, parts=())
        row = report.row(0.0, "gap")
        found.append((row["value"], row["low"], row["high"]))
    return covered(found, truth)
