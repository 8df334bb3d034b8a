"""What an audit says in words."""

import pytest
import torch

from linksim.auditing.audit import AuditReport
from linksim.auditing.finding import Finding
from linksim.auditing.rows import paired_gap
from linksim.auditing.verdict import verdict


def gap(snr_db, value, low, high):
    return {"snr_db": snr_db, "stage": "task", "metric": "gap", "value": value, "low": low, "high": high}


def shares(snr_db, surrogate="audited", measure="accuracy", **values):
    values["total"] = sum(values.values())
    return [
        {
            "snr_db": snr_db,
            "surrogate": surrogate,
            "measure": measure,
            "place": place,
            "value": value,
            "low": value - 0.01,
            "high": value + 0.01,
        }
        for place, value in values.items()
    ]


def report(*gaps, attribution=(), finding=None):
    """Among figures that the verdict must not take for the gap."""
    others = [{**row, "metric": "soft_accuracy", "value": 0.99, "low": 0.98, "high": 1.0} for row in gaps]
    rows = [row for pair in zip(others, gaps, strict=True) for row in pair]
    return AuditReport(rows=rows, frames=100, attribution=list(attribution), finding=finding)


def test_no_measurable_gap():
    text = verdict(report(gap(0.0, 0.004, -0.006, 0.014), gap(8.0, -0.021, -0.043, 0.001)))
    assert text == (
        "In accuracy the two paths do not differ measurably at any of these SNRs; at the widest, at 8 dB, "
        "the soft path is 2.1 points below the hard one (95 % interval −4.3 to 0.1, for all 2 SNRs together)."
    )


@pytest.mark.parametrize("ends", [(0.0, 0.02), (-0.02, 0.0), (0.0, 0.0)])
def test_an_interval_that_ends_at_zero_is_no_measurable_gap(ends):
    assert "do not differ measurably" in verdict(report(gap(3.0, sum(ends) / 2, *ends)))


def test_soft_above():
    text = verdict(report(gap(0.0, 0.012, 0.002, 0.022), gap(8.0, 0.123, 0.101, 0.145)))
    assert text == (
        "At 8 dB, where they differ most, the soft path is 12.3 points above the hard one "
        "(95 % interval 10.1 to 14.5, for all 2 SNRs together)."
    )


def test_soft_below():
    text = verdict(report(gap(-5.0, -0.25, -0.3, -0.2), gap(8.0, 0.1, 0.05, 0.15)))
    assert text == (
        "At −5 dB, where they differ most, the soft path is 25.0 points below the hard one "
        "(95 % interval −30.0 to −20.0, for all 2 SNRs together)."
    )


def test_the_widest_gap_among_those_that_are_measurable():
    text = verdict(report(gap(-7.5, 0.3, -0.1, 0.7), gap(2.5, 0.05, 0.01, 0.09)))
    assert text.startswith("At 2.5 dB, where they differ most, the soft path is 5.0 points above")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"VQ": 0.09, "symbol": 0.01, "receiver": 0.02}, "the vector quantizer contributes most to it"),
        ({"VQ": 0.01, "symbol": 0.13, "receiver": -0.02}, "the symbols contribute most to it"),
        ({"VQ": 0.0, "symbol": 0.02, "receiver": 0.1}, "the receiver's decision contributes most to it"),
    ],
)
def test_the_main_place(values, words):
    decoys = {"VQ": 5.0, "symbol": 0.0, "receiver": -5.0}
    attribution = [
        *shares(0.0, **decoys),
        *shares(8.0, measure="cross_entropy", **decoys),
        *shares(8.0, surrogate="exact", **decoys),
        *shares(8.0, **values),
    ]
    text = verdict(report(gap(0.0, 0.01, -0.01, 0.03), gap(8.0, 0.12, 0.1, 0.14), attribution=attribution))
    assert words in text
    points = ", ".join(f"{place} {100 * value:.1f}" for place, value in values.items()).replace("-", "−")
    assert text.endswith(f"(points: {points}).")


def test_a_place_that_works_against_the_gap_is_not_the_main_one():
    attribution = shares(8.0, VQ=0.07, symbol=-0.09, receiver=0.04)
    text = verdict(report(gap(8.0, 0.02, 0.01, 0.03), attribution=attribution))
    assert "the vector quantizer contributes most" in text


def test_no_place_is_named_where_none_contributes():
    text = verdict(
        report(gap(8.0, 0.02, 0.01, 0.03), attribution=shares(8.0, VQ=0.0, symbol=0.0, receiver=0.0))
    )
    assert "most to it" not in text


def test_the_main_place_of_a_gap_below_zero():
    attribution = shares(8.0, VQ=-0.02, symbol=-0.11, receiver=0.01)
    text = verdict(report(gap(8.0, -0.12, -0.14, -0.1), attribution=attribution))
    assert "12.0 points below" in text
    assert "the symbols contribute most to it (points: VQ −2.0, symbol −11.0, receiver 1.0)." in text


def test_places_only_where_there_is_a_gap():
    attribution = shares(8.0, VQ=0.2, symbol=-0.1, receiver=-0.1)
    assert "contribute" not in verdict(report(gap(8.0, 0.0, -0.01, 0.01), attribution=attribution))


NOTHING = report(gap(8.0, 0.0, -0.01, 0.01))


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (
            Finding("none", agreement={"quantize": 1e-15, "map": 0.0}),
            "The surrogate has no defect: what is left of the mismatch comes from its temperatures.",
        ),
        (
            Finding("explained", ("llr-scale",), {"llr-scale": 1.98765}, {"demap": 0.9}),
            "The surrogate differs from the exact one by llr-scale (strength 1.99).",
        ),
        (
            Finding("explained", ("radius-1",), {"radius-1": None}, {"decide": 0.9}),
            "The surrogate differs from the exact one by radius-1.",
        ),
        (
            Finding("explained", ("batch-padding", "llr-scale"), {"batch-padding": None, "llr-scale": 0.5}),
            "The surrogate differs from the exact one by batch-padding and llr-scale (strength 0.5).",
        ),
        (
            Finding("unexplained", agreement={"quantize": 1e-9, "map": 0.02, "received": 0.5}),
            "The surrogate differs from the exact one in a way that no named defect, and no pair, explains; "
            "it differs first at the stage 'map'.",
        ),
    ],
    ids=["none", "strength", "no strength", "pair", "unexplained"],
)
def test_what_is_said_of_defects(finding, sentence):
    without = verdict(NOTHING)
    text = verdict(AuditReport(rows=NOTHING.rows, frames=100, finding=finding))
    assert finding.sentence() == sentence
    assert text == f"{without} {sentence}"


def test_nothing_is_said_of_defects_that_were_not_looked_for():
    assert "surrogate" not in verdict(NOTHING)


@pytest.mark.parametrize("tiny", [0.0, -0.0, -1e-9, -0.0004, 0.0004])
def test_zero_has_no_sign(tiny):
    texts = [
        verdict(report(gap(4.0, tiny, -0.0004, 0.0004))),
        verdict(
            report(
                gap(4.0, -0.1, -0.2, min(tiny, -1e-12)),
                attribution=shares(4.0, VQ=tiny, symbol=-0.1, receiver=-tiny),
            )
        ),
    ]
    assert "0.0 points" in texts[0]
    assert "interval 0.0 to 0.0" in texts[0]
    assert "−20.0 to 0.0" in texts[1]
    assert "VQ 0.0, symbol −10.0, receiver 0.0" in texts[1]
    for text in texts:
        assert "-0" not in text
        assert "−0.0" not in text


def test_minus_signs_are_typographic():
    attribution = shares(-12.5, VQ=-0.5, symbol=0.1, receiver=-0.1)
    text = verdict(report(gap(-12.5, -0.5, -0.6, -0.4), attribution=attribution))
    assert "-" not in text
    assert text.count("−") == 5


def test_the_interval_holds_for_all_snrs_together():
    """Of many gaps of zero, one is often far enough from it by chance to look measurable alone."""
    generator = torch.Generator().manual_seed(8)
    claimed = 0
    for _ in range(200):
        rows, correct = [], {}
        for snr in range(7):
            soft, hard = torch.rand(2, 1, 300, generator=generator) < 0.8
            value, low, high = paired_gap(soft, hard)
            rows.append(gap(float(snr), value, low, high))
            correct |= {(float(snr), "soft"): soft, (float(snr), "hard"): hard}
        text = verdict(AuditReport(rows=rows, frames=300, correct=correct))
        claimed += "do not differ measurably" not in text
    assert claimed <= 20  # 5 % of 200, plus three standard deviations


def test_a_share_that_may_be_chance_is_not_named():
    row = {"snr_db": 8.0, "surrogate": "audited", "measure": "accuracy", "value": 0.02}
    attribution = [{**row, "place": "VQ", "low": -0.01, "high": 0.05}]
    assert "most to it" not in verdict(report(gap(8.0, 0.02, 0.01, 0.03), attribution=attribution))


def test_a_map_receiver_is_a_cause_of_its_own():
    assert "posterior mean in place of the MAP decision" in Finding("none", decision="map").sentence()
    assert "MAP" not in Finding("none").sentence()


def test_an_explanation_says_what_it_leaves():
    def candidate(share):
        return {"defects": ["radius-1"], "explained": share, "strengths": {"radius-1": None}}

    whole, part = (
        Finding("explained", ("radius-1",), {"radius-1": None}, candidates=[candidate(share)]).sentence()
        for share in (0.999, 0.95)
    )
    assert whole == "The surrogate differs from the exact one by radius-1."
    assert "95 % of it, and the rest is unexplained" in part
