"""Warnings and diagnoses on made-up rows, at both sides of every threshold."""

import math
import re

import pytest
from helpers.training_rows import row

from linksim import Link, LinkConfig
from linksim_training import TrainConfig
from linksim_training.monitor import Finding, Monitor, reached_alignment
from linksim_training.options.monitoring import VQ_ENTROPY_NATS
from linksim_training.train_options import read_options

# 64 codewords, 16-QAM: ln K = 4.159, ln M = 2.773.
LINK = Link(LinkConfig())
SNR_DB = 8.0


def monitor(**settings):
    return Monitor([LINK], TrainConfig(**settings), SNR_DB)


def names(rows, **settings):
    """What each of the rows shows; mean |LLR| is given as a multiple of its expectation."""
    watching = monitor(**settings)
    found = []
    for one in rows:
        one["val"]["mean_llr"] *= watching.expected_llr
        found.append([finding.name for finding in watching.observe(one)])
    return found


def last(rows, **settings):
    return names(rows, **settings)[-1]


def test_a_healthy_training_shows_nothing_until_its_good_end():
    rows = [row(e, "LEARNING") for e in range(1, 20)] + [row(e) for e in range(20, 31)]
    found = names(rows)
    assert found == [[]] * 29 + [["no-collapse"]]


THRESHOLDS = {
    "relative": 0.75 * math.log(64),
    "collapse": 1.0,
    "phase-1": 1.5,
    "diverse": 2.0,
    "healthy": 3.0,
}


@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("phase", ["LEARNING", "ALIGNMENT"])
def test_entropy_collapse(name, phase):
    """Below the threshold in nats, in either phase; in phase 1 with the note's remedy beside it."""
    assert monitor(vq_entropy_warning=name).vq_entropy_threshold == pytest.approx(THRESHOLDS[name])
    below, above = (
        last([row(1, phase, marginal_entropy=THRESHOLDS[name] + by)], vq_entropy_warning=name)
        for by in (-1e-6, 1e-6)
    )
    expected = ["entropy-collapse"] + (["phase-1-entropy-collapse"] if phase == "LEARNING" else [])
    assert below == expected
    assert above == []


def test_the_thresholds_of_the_note_are_in_nats():
    assert VQ_ENTROPY_NATS == {"collapse": 1.0, "phase-1": 1.5, "diverse": 2.0, "healthy": 3.0}


@pytest.mark.parametrize(
    ("changes", "settings", "finding"),
    [
        ({"marginal_entropy": 0.5 * math.log(64)}, {"vq_entropy_share": 0.5}, "entropy-collapse"),
        ({"symbol_marginal_entropy": math.log(16) / 2}, {}, "symbol-entropy-collapse"),
        (
            {"symbol_marginal_entropy": 0.3 * math.log(16)},
            {"symbol_entropy_share": 0.3},
            "symbol-entropy-collapse",
        ),
    ],
)
def test_entropies_below_their_share(changes, settings, finding):
    ((name, threshold),) = changes.items()
    assert finding in last([row(1, **{name: threshold - 1e-6})], **settings)
    assert finding not in last([row(1, **{name: threshold + 1e-6})], **settings)


@pytest.mark.parametrize("limit", [2.0, 3.5])
def test_llr_saturation_is_a_multiple_of_the_expectation(limit):
    settings = {"llr_ratio_warning": limit}
    assert last([row(1, mean_llr=limit + 1e-6)], **settings) == ["llr-saturation"]
    assert last([row(1, mean_llr=limit - 1e-6)], **settings) == []


@pytest.mark.parametrize("change", [1.5, 1 / 1.5])
def test_llr_jump_up_and_down(change):
    over, under = (change * (1 + by if change > 1 else 1 - by) for by in (1e-6, -1e-6))
    high = {"llr_ratio_warning": 2.0}
    assert last([row(1), row(2, mean_llr=over)], **high) == ["llr-jump"]
    assert last([row(1), row(2, mean_llr=under)], **high) == []
    assert last([row(1), row(2, mean_llr=over)], llr_jump_warning=1.6, **high) == []
    assert last([row(2, mean_llr=over)], **high) == [], "nothing to compare with"


def test_no_llr_jump_where_validation_goes_over_to_the_hard_path():
    """Also with a ramp, whose first epoch trains as softly as phase 1; within phase 2 jumps count."""
    for share in (0.0, 1.0):
        rows = [row(1, "LEARNING", mean_llr=0.6), row(2, mean_llr=1.0, hard_share=share)]
        assert names(rows, epochs=9, alignment_start_epoch=2) == [[], []]
    rows = [row(2, hard_share=0.0), row(3, hard_share=0.5, mean_llr=1.6)]
    assert last(rows, llr_ratio_warning=2.0) == ["llr-jump"]


@pytest.mark.parametrize("sign", [1, -1])
def test_accuracy_collapse_needs_a_third_of_the_epochs_or_the_last_one(sign):
    gaps = {"soft_accuracy": 0.5 + sign * 0.0501, "hard_accuracy": 0.5 - sign * 0.0501, "accuracy": 0.9}
    small = {**gaps, "soft_accuracy": 0.5 + sign * 0.0499, "hard_accuracy": 0.5 - sign * 0.0499}
    for epochs, long in ((7, 3), (15, 5)):  # a third, three at least
        rows = [row(e, "LEARNING", **gaps) for e in range(1, long + 1)]
        assert names(rows, epochs=epochs) == [*[[]] * (long - 1), ["accuracy-collapse"]]
        rows = [row(e, "LEARNING", **(small if e == 2 else gaps)) for e in range(1, long + 2)]
        assert names(rows, epochs=epochs) == [[]] * (long + 1)
    assert last([row(30, **gaps)]) == ["accuracy-collapse"]
    assert last([row(30, **small)]) == [], "neither a collapse nor good news"
    assert last([row(30, **small)], gap_warning=0.09) == ["accuracy-collapse"]


def test_train_validation_gap():
    for limit in (0.15, 0.3):
        over, under = ({"train_accuracy": 0.9 + limit + by, "accuracy": 0.9} for by in (1e-6, -1e-6))
        assert last([row(1, **over)], train_gap_warning=limit) == ["train-validation-gap"]
        assert last([row(1, **under)], train_gap_warning=limit) == []
        ramp = row(1, hard_share=0.5, **over)  # trained on both paths, validated on the hard one
        assert last([ramp], train_gap_warning=limit) == []


def test_phase_2_drop():
    """Three points below the best epoch of phase 1, whichever that was."""
    rows = [
        row(1, "LEARNING", accuracy=0.8),
        row(2, "LEARNING", accuracy=0.91),
        row(3, "LEARNING", accuracy=0.85),
    ]
    assert last([*rows, row(4, accuracy=0.8799)]) == ["phase-2-drop"]
    assert last([*rows, row(4, accuracy=0.8801)]) == []
    assert last([row(4, accuracy=0.9), row(5, accuracy=0.1, train_accuracy=0.1)]) == [], (
        "no phase 1 to compare with"
    )
    assert "phase-2-drop" not in last([*rows, row(4, "LEARNING", accuracy=0.5)])


def test_consistency_that_does_not_decrease():
    def steady(*figures):
        return last([row(20 + i, consistency=one) for i, one in enumerate(figures)])

    assert steady(0.2, 0.2, 0.2, 0.1901) == ["consistency-steady"]
    assert steady(0.2, 0.2, 0.2, 0.1899) == []
    assert steady(0.2, 0.2, 0.3) == [], "too early to say"
    assert steady(0.0499, 0.0499, 0.0499, 0.0499) == [], "little enough"
    assert steady(0.0501, 0.0501, 0.0501, 0.0501) == ["consistency-steady"]


@pytest.mark.parametrize("kind", ["vq_temp", "symbol_temp"])
def test_vanishing_gradients_at_low_temperature(kind):
    def shown(share, temperature, **settings):
        norms = {"gradient_norm_assignment": share * 0.03, "gradient_norm_embedding": 0.03}
        return last([row(1, "LEARNING", **norms, **{kind: temperature})], **settings)

    assert shown(0.99e-3, 0.49) == ["vanishing-gradients"]
    assert shown(1.01e-3, 0.49) == []
    assert shown(0.99e-3, 0.5) == []
    assert shown(0.0, 0.1) == ["vanishing-gradients"]
    assert shown(0.0, 0.1, **{f"backward_{kind}": 0.5}) == [], "a warm backward pass"
    assert shown(0.0, 0.1, **{f"backward_{kind}": 0.4}) == ["vanishing-gradients"]


def test_other_gradients_than_the_soft_path_do_not_vanish_with_it():
    def shown(gradient):
        return last([row(1, gradient_norm_assignment=0.0, vq_temp=0.1)], gradient=gradient)

    for gradient in ("mixed", "straight-through", "score-function"):
        assert shown(gradient) == []
    for gradient in ("surrogate", "gumbel", "reinmax"):
        assert shown(gradient) == ["vanishing-gradients"]


def test_good_news_needs_a_last_epoch_as_good_as_the_best_and_no_collapse():
    def end(best, final, **settings):
        rows = [row(1, "LEARNING", soft_accuracy=best, hard_accuracy=best)]
        return last([*rows, row(30, soft_accuracy=final, hard_accuracy=final)], **settings)

    assert end(0.905, 0.9001) == ["no-collapse"]
    assert end(0.905, 0.8999) == []
    assert end(0.8, 0.9) == ["no-collapse"]
    assert end(0.9, 0.9, epochs=31) == [], "not the last epoch"
    never_learnt = row(30, soft_accuracy=0.9, hard_accuracy=0.5)
    assert last([never_learnt]) == ["accuracy-collapse"], "as bad as the best is no good news"


def test_good_news_also_where_training_stops_early():
    settings = {"early_stop": True, "early_stop_accuracy": 0.85}
    assert last([row(20)], **settings) == ["no-collapse"]
    assert last([row(20, feature_nmse=0.1)], **settings) == []


def test_messages_hold_the_figures_and_a_remedy():
    watching = monitor()
    (collapse,) = watching.observe(row(22, marginal_entropy=0.756, mean_llr=watching.expected_llr))
    assert collapse.epoch == 22
    assert "0.756" in collapse.message
    assert "3.119" in collapse.message
    assert "--restart-dead-codes" in collapse.remedy
    assert collapse.line().startswith("🚨 Entropy collapse")
    assert Finding(**collapse.as_dict()) == collapse
    good = watching.observe(row(30, mean_llr=watching.expected_llr))[-1]
    assert good.good
    assert good.line().startswith("✓ ")


def test_every_remedy_names_options_that_exist():
    bad = {
        "marginal_entropy": 0.1,
        "symbol_marginal_entropy": 0.1,
        "mean_llr": 1000.0,
        "soft_accuracy": 0.9,
        "hard_accuracy": 0.3,
        "accuracy": 0.3,
        "consistency": 1.0,
        "gradient_norm_assignment": 0.0,
        "vq_temp": 0.1,
    }
    watching = monitor(epochs=8, alignment_start_epoch=3, gradient="surrogate")
    watching.observe(row(1, "LEARNING", mean_llr=0.1))
    watching.observe(row(2, "LEARNING", **bad))
    for epoch in range(3, 9):
        watching.observe(row(epoch, **bad))
    watching.observe(row(8))
    assert set(watching.first) == {
        *("entropy-collapse", "symbol-entropy-collapse", "llr-saturation", "llr-jump", "accuracy-collapse"),
        *("train-validation-gap", "phase-2-drop", "phase-1-entropy-collapse", "consistency-steady"),
        *("vanishing-gradients", "no-collapse"),
    }
    for finding in watching.first.values():
        for flag, value in re.findall(r"(--[a-z-]+[a-z0-9])(?: ([0-9.]*[0-9]))?", finding.remedy):
            read_options([flag, value or ("3" if "epoch" in flag else "0.5")])
        assert "--" in finding.remedy or finding.name in ("llr-saturation", "no-collapse")


def test_what_was_seen_first_is_kept():
    watching = monitor()
    for epoch in (3, 4, 5):
        watching.observe(row(epoch, marginal_entropy=1.0, mean_llr=watching.expected_llr))
    assert watching.first["entropy-collapse"].epoch == 3


def test_early_stopping_needs_every_condition():
    settings = {"early_stop": True, "early_stop_consistency": 0.01, "early_stop_accuracy": 0.9}
    good = {"feature_nmse": 0.0099, "hard_accuracy": 0.901, "soft_accuracy": 0.9109}
    config = TrainConfig(**settings)
    assert reached_alignment(row(20, **good), config)
    assert reached_alignment(row(20, **{**good, "soft_accuracy": 0.8911}), config)
    for change in (
        {"feature_nmse": 0.0101},
        {"hard_accuracy": 0.9, "soft_accuracy": 0.9},
        {"soft_accuracy": 0.9111},
        {"soft_accuracy": 0.8909},
        {"hard_share": 0.9},
        {"phase": "LEARNING"},
        {"phase": "LEARNING", "hard_share": 1.0},
    ):
        assert not reached_alignment(row(20, **{**good, **change}), config), change
    assert not reached_alignment(row(20, **good), TrainConfig())
