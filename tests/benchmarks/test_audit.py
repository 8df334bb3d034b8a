"""The audit: rows, exact figures, limits, anyone's surrogate, and bad input."""

import copy
import math

import numpy as np
import pytest
import torch

from linksim import audit
from linksim.auditing.audit import STAGES

SNRS = [0.0, 8.0]
MISMATCH = {
    "vq_nmse": "quantize",
    "bit_disagreement": "map",
    "symbol_nmse": "map",
    "received_nmse": "received",
    "llr_nmse": "demap",
    "llr_sign_disagreement": "demap",
    "index_disagreement": "decide",
    "embedding_nmse": "decide",
    "feature_nmse": "features",
}
TASK = {
    "soft_accuracy",
    "hard_accuracy",
    "gap",
    "class_kl",
    "soft_cross_entropy",
    "hard_cross_entropy",
}


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def run(model, images, labels, snr_db=SNRS, **arguments):
    return audit(model, (images, labels), snr_db=snr_db, generator=generator(), **arguments)


@pytest.fixture(scope="module")
def report(trained, images, labels):
    return run(trained, images, labels)


def test_rows(report):
    assert report.frames == 80
    for row in report.rows:
        assert list(row) == ["snr_db", "stage", "metric", "value", "low", "high"]
        assert row["stage"] in STAGES
        assert row["low"] <= row["value"] <= row["high"]
        assert all(math.isfinite(row[name]) for name in ("value", "low", "high"))
    keys = [(row["snr_db"], row["metric"]) for row in report.rows]
    assert len(set(keys)) == len(keys)
    for snr in SNRS:
        stages = {row["metric"]: row["stage"] for row in report.rows if row["snr_db"] == snr}
        assert MISMATCH.items() <= stages.items()
        assert {name for name, stage in stages.items() if stage == "task"} == TASK
        order = [STAGES.index(stage) for stage in stages.values()]
        assert order == sorted(order)


def test_values_by_name(report):
    row = report.rows[3]
    assert report.value(row["snr_db"], row["metric"]) == row["value"]
    for snr, metric in ((8.0, "no_such_metric"), (7.5, "gap")):
        with pytest.raises(KeyError, match=metric):
            report.value(snr, metric)


def test_figures_against_the_traces(model, images, labels, report):
    """One batch per SNR, on the draws that the generator gives in order."""
    source = generator()
    for snr in SNRS:
        draw = model.link.draw(80, snr, source)
        with torch.no_grad():
            soft, hard = (model(images, draw, path=path) for path in ("soft", "hard"))
        for name, figure in soft.trace.compare(hard.trace).items():
            assert report.value(snr, name) == pytest.approx(figure, rel=1e-9)
        right = {
            name: (output.logits.argmax(-1) == labels).double().mean().item()
            for name, output in (("soft", soft), ("hard", hard))
        }
        assert report.value(snr, "soft_accuracy") == right["soft"]
        assert report.value(snr, "hard_accuracy") == right["hard"]
        assert report.value(snr, "gap") == pytest.approx(right["soft"] - right["hard"])

        error = (soft.features - hard.features).double().square().sum()
        scale = hard.features.double().square().sum()
        assert report.value(snr, "feature_nmse") == pytest.approx((error / scale).item(), rel=1e-6)

        q = soft.trace.assignment.double().numpy()
        p = soft.trace.symbol_probabilities.double().numpy()
        expected = {
            "conditional_entropy": entropy(q).mean(),
            "marginal_entropy": entropy(q.mean((0, 1))),
            "assignment_perplexity": np.exp(entropy(q.mean((0, 1)))),
            "assignment_confidence": q.max(-1).mean(),
            "symbol_entropy": entropy(p).mean(),
            "symbol_marginal_entropy": entropy(p.mean((0, 1))),
            "soft_power": soft.trace.symbols.abs().square().sum() / hard.trace.symbols.abs().square().sum(),
            "soft_mean_llr": soft.trace.llr.abs().mean(),
            "hard_mean_llr": hard.trace.llr.abs().mean(),
        }
        for name, figure in expected.items():
            assert report.value(snr, name) == pytest.approx(float(figure), rel=1e-5), name


def entropy(p):
    return -(p * np.log(np.maximum(p, 1e-300))).sum(-1)


def test_transmitter_figures_do_not_depend_on_the_noise(report):
    for metric in ("vq_nmse", "symbol_nmse", "soft_power", "marginal_entropy"):
        assert report.value(0.0, metric) == report.value(8.0, metric)
    assert report.value(0.0, "received_nmse") != report.value(8.0, "received_nmse")


def test_mean_symbols_have_less_power(report):
    assert 0 < report.value(8.0, "soft_power") < 1


def test_both_paths_agree_at_tiny_temperatures(model, images, labels):
    model.link.vq_temp = model.link.symbol_temp = 1e-4
    found = run(model, images, labels)
    for snr in SNRS:
        for metric in MISMATCH:
            assert found.value(snr, metric) < 1e-4, metric
        assert found.value(snr, "gap") == 0
        assert found.value(snr, "soft_power") == pytest.approx(1, abs=1e-4)


def test_hotter_is_further_from_hard(model, images, labels):
    figures = []
    for temperature in (0.05, 0.3, 1.0, 5.0):
        model.link.vq_temp = model.link.symbol_temp = temperature
        figures.append(run(model, images, labels, [8.0]).value(8.0, "symbol_nmse"))
    assert figures == sorted(figures)
    assert figures[-1] > 0.5


def test_the_deployed_chain_as_its_own_surrogate(model, images, labels):
    found = run(model, images, labels, surrogate=model.link.hard)
    for snr in SNRS:
        for metric in MISMATCH:
            assert found.value(snr, metric) == 0, metric
        assert found.value(snr, "gap") == 0
    metrics = {row["metric"] for row in found.rows}
    assert not {"marginal_entropy", "symbol_entropy"} & metrics  # the hard path has no distributions


def test_the_soft_path_as_a_surrogate(model, images, labels, report):
    assert run(model, images, labels, surrogate=model.link.soft).rows == report.rows


def test_a_surrogate_that_gives_only_an_embedding(model, images, labels):
    from linksim import Trace

    found = run(
        model, images, labels, surrogate=lambda z, draw: Trace(embedding=model.link.quantize.normalise(z))
    )
    metrics = {row["metric"] for row in found.rows}
    hard = {"hard_mean_llr", "hard_mean_llr_ratio"}
    assert metrics == {"embedding_nmse", "feature_nmse", "feature_cosine"} | hard | TASK
    assert found.value(8.0, "embedding_nmse") > 0


def test_surrogates_that_do_not_fit(model, images, labels):
    link = model.link

    def changed(**functions):
        def surrogate(latents, draw):
            trace = link.soft(latents, draw)
            return trace.replace(**{name: change(getattr(trace, name)) for name, change in functions.items()})

        return surrogate

    wrong = {
        "symbols": lambda s: s[:, :-1],
        "embedding": lambda e: e.flatten(1),
        "llr": lambda x: x[:-1],
        "decoded_index": lambda k: k.unsqueeze(-1),
    }
    for name, change in wrong.items():
        with pytest.raises(ValueError, match=name):
            run(model, images, labels, surrogate=changed(**{name: change}))
    with pytest.raises(ValueError, match="embedding"):
        run(model, images, labels, surrogate=lambda z, draw: link.soft(z, draw).replace(embedding=None))
    with pytest.raises(ValueError, match="Trace"):
        run(model, images, labels, surrogate=lambda z, draw: z)


def test_batches_and_tensors(model, images, labels):
    """Batches may come as a list, a tuple or a generator; empty ones are skipped."""
    pieces = list(zip(images.split(30), labels.split(30), strict=True))
    forms = [pieces, tuple(pieces), iter(pieces), [*pieces, (images[:0], labels[:0])]]
    reports = [audit(model, form, snr_db=[5.0], generator=generator()) for form in forms]
    assert all(one.rows == reports[0].rows for one in reports)
    assert all(one.frames == 80 for one in reports)


def test_a_model_in_double_precision(model, images, labels, report):
    """Such as `fit` leaves it with 64-true; images stay in single precision."""
    found = run(copy.deepcopy(model).double(), images, labels)
    for metric in ("vq_nmse", "symbol_nmse", "soft_power"):
        assert found.value(8.0, metric) == pytest.approx(report.value(8.0, metric), rel=1e-3)


def test_missing_or_uneven_data(model, images, labels):
    nothing = {
        "no batches": [],
        "an empty tuple": (),
        "no images": (images[:0], labels[:0]),
        "empty batches": [(images[:0], labels[:0])],
    }
    for data in nothing.values():
        with pytest.raises(ValueError, match="data"):
            audit(model, data, snr_db=[5.0], generator=generator())
    with pytest.raises(ValueError, match="80 images, but 79 labels"):
        run(model, images, labels[:79])


@pytest.mark.parametrize("snr_db", [[], ()])
def test_no_snr(model, images, labels, snr_db):
    with pytest.raises(ValueError, match="snr_db"):
        run(model, images, labels, snr_db=snr_db)


def test_an_snr_that_is_no_number(model, images, labels):
    with pytest.raises(ValueError, match="snr_db"):
        run(model, images, labels, snr_db=[3.0, math.nan])


def test_progress_and_repetition(model, images, labels, report):
    ticks = []
    before = torch.get_rng_state()
    again = run(model, images, labels, on_batch=lambda: ticks.append(None))
    assert again.rows == report.rows
    assert len(ticks) == len(SNRS)
    assert torch.equal(torch.get_rng_state(), before)


def test_intervals_are_of_the_right_size(model, digits):
    """Over many disjoint subsets the 95 % interval contains the whole set's figure most of the time."""
    model.link.vq_temp = model.link.symbol_temp = 0.7
    images, labels = digits.x_train, digits.y_train
    truth = audit(model, (images, labels), snr_db=[8.0], generator=generator(0))
    metrics = ("symbol_nmse", "soft_power", "hard_accuracy", "gap", "marginal_entropy")
    hits = dict.fromkeys(metrics, 0)
    subsets = list(zip(images.split(31), labels.split(31), strict=True))[:40]
    for number, (own_images, own_labels) in enumerate(subsets):
        found = audit(model, (own_images, own_labels), snr_db=[8.0], generator=generator(number + 1))
        for row in found.rows:
            if row["metric"] in metrics:
                hits[row["metric"]] += row["low"] <= truth.value(8.0, row["metric"]) <= row["high"]
    # 40 trials at 95 % miss eight or more times with probability below 1/1000.
    assert min(hits.values()) >= 33, hits
