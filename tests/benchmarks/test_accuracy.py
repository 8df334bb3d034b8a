"""Accuracy against SNR: one draw for all paths, points on their own, counts and intervals."""

import pytest
import torch

from linksim_benchmarks.accuracy import PATHS, count_sweep, sweep

COLUMNS = ["snr_db", "ebno_db", "path", "samples", "correct", "accuracy", "low", "high"]
COLUMNS += ["vq_temp", "symbol_temp", "label", "symbols", "draws", "gap", "gap_low", "gap_high", "stopped_by"]


def counts_at(model, images, labels, snr_db, draws=1, seed=0):
    (result,) = count_sweep(model, images, labels, [snr_db], PATHS, draws, seed).results
    return {path: torch.from_numpy(counts) for path, counts in result.tally.correct.items()}


@pytest.mark.parametrize("draws", [1, 3])
def test_rows(model, images, labels, draws):
    rows = sweep(model, images, labels, [2.0, 8.0], PATHS, draws, seed=1)
    assert [(row["snr_db"], row["path"]) for row in rows] == [(s, p) for s in (2.0, 8.0) for p in PATHS]
    layout = model.link.layout
    for row in rows:
        assert list(row) == COLUMNS
        assert row["samples"] == draws * 80
        assert row["accuracy"] == row["correct"] / row["samples"]
        assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
        assert row["ebno_db"] == layout.ebno_db(row["snr_db"])
        counts = counts_at(model, images, labels, row["snr_db"], draws, seed=1)[row["path"]]
        assert row["correct"] == counts.sum()
        assert counts.max() <= draws


def test_the_model_has_learnt_and_noise_hurts(model, images, labels):
    high, low = (sweep(model, images, labels, [snr], ["hard"], 1, 0)[0] for snr in (15.0, -10.0))
    assert high["low"] > 0.2
    assert high["accuracy"] > low["accuracy"]


def test_a_point_does_not_depend_on_the_others(model, images, labels):
    alone = sweep(model, images, labels, [4.0], PATHS, 2, seed=5)
    among = sweep(model, images, labels, [9.0, 4.0, -3.0], PATHS, 2, seed=5)
    assert [row for row in among if row["snr_db"] == 4.0] == alone
    hard_only = sweep(model, images, labels, [4.0], ["hard"], 2, seed=5)
    assert hard_only == [row for row in alone if row["path"] == "hard"]


def test_seeds_and_draws(model, images, labels):
    """The same seed repeats itself; further draws add to the first ones and differ from them."""
    one, again, two, other = (
        counts_at(model, images, labels, 0.0, draws, seed)["hard"]
        for draws, seed in ((1, 7), (1, 7), (2, 7), (1, 8))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    added = two - one
    assert set(added.tolist()) <= {0, 1}
    assert not torch.equal(added, one)


def test_without_noise_all_draws_and_receivers_agree(model, images, labels):
    counts = counts_at(model, images, labels, 60.0, draws=2)
    assert set(counts["hard"].tolist()) == {0, 2}
    assert torch.equal(counts["hard"], counts["map"])


def test_paths_meet_on_the_same_draw_at_tiny_temperatures(model, images, labels):
    """Each image is right on both paths or on neither, at any noise, which other draws would not give."""
    model.link.vq_temp = model.link.symbol_temp = 1e-6
    for snr_db in (-5.0, 2.0):
        counts = counts_at(model, images, labels, snr_db, draws=2)
        assert torch.equal(counts["soft"], counts["hard"])
        assert 0 < counts["hard"].sum() < 2 * 80


def test_temperatures_leave_the_hard_path_alone(model, images, labels):
    before = counts_at(model, images, labels, 3.0)
    model.link.vq_temp = model.link.symbol_temp = 5.0
    after = counts_at(model, images, labels, 3.0)
    assert torch.equal(before["hard"], after["hard"])
    assert torch.equal(before["map"], after["map"])
    assert not torch.equal(before["soft"], after["soft"])


def test_repeated_images_do_not_count_as_independent(model, images, labels):
    """Without noise eight draws tell no more than one; the interval must not shrink."""
    one, eight = (sweep(model, images, labels, [60.0], ["hard"], draws, 0)[0] for draws in (1, 8))
    assert one["accuracy"] == eight["accuracy"]
    assert eight["high"] - eight["low"] > 0.9 * (one["high"] - one["low"])


def test_progress_and_global_generator(model, images, labels):
    ticks = []
    before = torch.get_rng_state()
    count_sweep(model, images, labels, [0.0, 1.0, 2.0], ["soft"], 1, 0, lambda progress: ticks.append(None))
    assert len(ticks) == 3
    assert torch.equal(torch.get_rng_state(), before)
