"""Figures of an audit against literal computations: task, decibels, expectations, several draws."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.generators import generator
from scipy import stats
from torch.distributions import Categorical, kl_divergence

from linksim import Link, LinkConfig, audit
from linksim.auditing.figures import FrameFigures, path_figures, task_figures
from linksim.auditing.rows import SHARES, Expectations, stage_rows
from linksim.expected_llr import expected_mean_llr
from linksim.metrics.intervals import clustered_proportion


def outputs_of(frames=30, classes=7, features=12, dtype=torch.float64):
    """Logits and features of two paths, and classes."""
    source = generator(1)
    logits, other = 3 * torch.randn(2, frames, classes, dtype=dtype, generator=source)
    first, second = torch.randn(2, frames, features, dtype=dtype, generator=source)
    labels = torch.randint(classes, (frames,), generator=source)
    return (logits, first), (other, second), labels


def per_frame(figures, metric):
    top, bottom = next(pair for (_, name), pair in figures.items() if name == metric)
    return top / bottom


def test_task_figures():
    soft, hard, labels = outputs_of()
    figures = task_figures(soft, hard, labels)
    divergence = kl_divergence(Categorical(logits=hard[0]), Categorical(logits=soft[0]))
    torch.testing.assert_close(per_frame(figures, "class_kl"), divergence)
    for path, (logits, _) in (("soft", soft), ("hard", hard)):
        nats = -Categorical(logits=logits).log_prob(labels)
        torch.testing.assert_close(per_frame(figures, f"{path}_cross_entropy"), nats)
    for frame in range(len(labels)):
        one, other = soft[1][frame].numpy(), hard[1][frame].numpy()
        cosine = sum(one * other) / math.sqrt(sum(one**2)) / math.sqrt(sum(other**2))
        assert per_frame(figures, "feature_cosine")[frame].item() == pytest.approx(cosine)
        error = sum((one - other) ** 2) / sum(other**2)
        assert per_frame(figures, "feature_nmse")[frame].item() == pytest.approx(error)


def test_the_divergence_is_of_the_soft_path_from_the_hard_one():
    """A class that only the soft path rules out costs much, one that only the hard path does costs little."""
    sure, unsure = torch.tensor([[0.0, -50.0]]), torch.tensor([[0.0, 0.0]])
    nothing, label = torch.ones(1, 3), torch.tensor([0])
    costly = task_figures((sure, nothing), (unsure, nothing), label)
    assert per_frame(costly, "class_kl").item() == pytest.approx(25 - math.log(2))
    cheap = task_figures((unsure, nothing), (sure, nothing), label)
    assert per_frame(cheap, "class_kl").item() == pytest.approx(math.log(2))


def test_equal_outputs_differ_in_nothing():
    soft, _, labels = outputs_of(dtype=torch.float32)
    figures = task_figures(soft, soft, labels)
    assert (per_frame(figures, "class_kl") == 0).all()
    assert (per_frame(figures, "feature_nmse") == 0).all()
    torch.testing.assert_close(per_frame(figures, "feature_cosine"), torch.ones(30, dtype=torch.float64))


def test_cross_entropies_of_impossible_classes_are_finite_in_single_precision():
    logits = torch.tensor([[0.0, -300.0]])
    figures = task_figures((logits, torch.ones(1, 2)), (logits, torch.ones(1, 2)), torch.tensor([1]))
    assert per_frame(figures, "soft_cross_entropy").item() == pytest.approx(300)
    assert per_frame(figures, "class_kl").item() == 0


def rows_of(ratios, images=4):
    """Metric → row, where soft and hard are always right."""
    figures = FrameFigures()
    figures.add({key: tuple(map(torch.tensor, pair)) for key, pair in ratios.items()})
    for path in ("soft", "hard"):
        figures.add_frames(f"{path} correct", torch.ones(images, dtype=torch.bool))
    expected = Expectations(symbol_entropy=0.5, mean_llr=4.0)
    return {row["metric"]: row for row in stage_rows(figures, expected)}


NAMES = ("value", "low", "high")


@pytest.mark.parametrize(
    ("metric", "derived"), [("symbol_nmse", "symbol_evm_db"), ("soft_power", "power_error_db")]
)
def test_decibels(metric, derived):
    rows = rows_of({("map", metric): ([1.0, 2.0, 1.5, 1.5], [30.0, 15.0, 5.0, 10.0])})
    assert rows[metric]["value"] == 0.1
    assert rows[derived]["value"] == pytest.approx(-10)
    assert rows[derived]["stage"] == "map"
    for name in NAMES:
        assert 10 ** (rows[derived][name] / 10) == pytest.approx(max(rows[metric][name], 1e-20))


@pytest.mark.parametrize(
    ("share", "decibels"), [(0.0, -200), (1e-25, -200), (1e-19, -190), (1.0, 0), (100.0, 20)]
)
def test_decibels_of_little_and_much(share, decibels):
    row = rows_of({("map", "symbol_nmse"): ([share] * 4, [1.0] * 4)})["symbol_evm_db"]
    assert [row[name] for name in NAMES] == pytest.approx([decibels] * 3, abs=1e-6)


def test_decibels_of_an_interval_that_reaches_below_zero():
    row = rows_of({("map", "symbol_nmse"): ([0.0, 0.0, 0.0, 4.0], [1.0] * 4)})["symbol_evm_db"]
    assert row["value"] == pytest.approx(0)
    assert row["low"] == -200
    assert row["high"] == pytest.approx(10 * math.log10(1 + stats.t.ppf(0.975, 3)))


def test_ratios_to_expectations():
    """Student's interval of a mean, over what is expected."""
    values = [1.0, 2.0, 4.0, 9.0]
    rows = rows_of({("demap", f"{path}_mean_llr"): (values, [1.0] * 4) for path in ("soft", "hard")})
    half = stats.t.ppf(0.975, 3) * stats.sem(values)
    for path in ("soft", "hard"):
        found = [rows[f"{path}_mean_llr_ratio"][name] for name in NAMES]
        assert found == pytest.approx([1.0, (4 - half) / 4, (4 + half) / 4])


def model_of(tokens=4, codebook_size=8, bits_per_symbol=4, temperature=0.5, **options):
    config = LinkConfig(
        tokens=tokens,
        codebook_size=codebook_size,
        embedding_dim=5,
        bits_per_symbol=bits_per_symbol,
        **options,
    )
    link = Link(config, generator=generator(5))
    link.vq_temp = link.symbol_temp = temperature
    weights = torch.randn(20, 3, generator=generator(6))

    def head(embedding):
        features = embedding.flatten(1)
        return features @ weights, features

    return SimpleNamespace(encoder=lambda latents: latents, transceiver_dig=link, head=head)


def data_of(frames):
    source = generator(8)
    return torch.randn(frames, 4, 5, generator=source), torch.randint(3, (frames,), generator=source)


@pytest.mark.parametrize("snr_db", [-3.0, 7.0])
@pytest.mark.parametrize("options", [{}, {"channel": "rayleigh"}, {"adc_bits": 4}], ids=str)
def test_ratios_of_an_audit(snr_db, options):
    model = model_of(**options)
    report = audit(model, data_of(50), snr_db=[snr_db], generator=generator(), parts=())
    expected = expected_mean_llr(model.transceiver_dig, snr_db)
    for path in ("soft", "hard"):
        ratio = report.value(snr_db, f"{path}_mean_llr") / expected
        assert report.value(snr_db, f"{path}_mean_llr_ratio") == pytest.approx(ratio)
    ratio = report.value(snr_db, "symbol_marginal_entropy") / (0.5 * math.log(16))
    assert report.value(snr_db, "symbol_entropy_ratio") == pytest.approx(ratio)


@pytest.mark.parametrize("bits_per_symbol", [2, 4])
def test_codewords_in_equal_use_meet_the_expectations(bits_per_symbol):
    """All codewords equally often, and hardly any softness: mean |LLR| as expected, symbols in equal use."""
    model = model_of(bits_per_symbol=bits_per_symbol, temperature=1e-3)
    link = model.transceiver_dig
    link.codebook.data = link.quantize.normalise(link.codebook.data.unsqueeze(0)).squeeze(0)
    index = torch.arange(8).repeat(1600)[torch.randperm(12_800, generator=generator(2))].reshape(3200, 4)
    data = link.codebook.detach()[index], torch.zeros(3200, dtype=torch.long)
    report = audit(model, data, snr_db=[3.0], generator=generator(3), parts=())
    for path in ("soft", "hard"):
        row = report.row(3.0, f"{path}_mean_llr_ratio")
        width = row["high"] - row["low"]
        assert row["low"] - width / 2 < 1 < row["high"] + width / 2  # nearly four standard errors
        assert width < 0.05
    assert report.value(3.0, "symbol_entropy_ratio") == pytest.approx(2, abs=0.01)
    assert report.value(3.0, "assignment_perplexity") == pytest.approx(8, rel=1e-4)


@torch.no_grad()
def traces_of(model, latents, snr_db, source):
    """Hard and soft trace on the next draw of a generator."""
    link = model.transceiver_dig
    draw = link.draw(len(latents), snr_db, source)
    return link.hard(latents, draw), link.soft(latents, draw)


def test_root_mean_square_error_of_llrs():
    model, (latents, labels) = model_of(channel="rayleigh"), data_of(40)
    report = audit(model, (latents, labels), snr_db=[5.0], generator=generator(4), parts=())
    hard, soft = traces_of(model, latents, 5.0, generator(4))
    squares = (soft.llr - hard.llr).double().square().mean(1).numpy()
    row = report.row(5.0, "llr_rms_error")
    assert row["stage"] == "demap"
    assert row["value"] == pytest.approx(math.sqrt(squares.mean()))
    half = stats.t.ppf(0.975, 39) * stats.sem(squares)
    assert (row["low"], row["high"]) == pytest.approx(
        (math.sqrt(squares.mean() - half), math.sqrt(squares.mean() + half))
    )


def test_one_draw_is_the_default():
    reports = [
        audit(model_of(), data_of(60), snr_db=[1.0], generator=generator(9), **draws)
        for draws in ({}, {"draws": 1})
    ]
    for name in ("rows", "attribution", "calibration", "information", "constellations", "draws"):
        assert getattr(reports[0], name) == getattr(reports[1], name)


def student(tops, bottoms):
    """Ratio of sums over clusters, with the interval from the linearised variance, by its formula."""
    value = tops.sum() / bottoms.sum()
    clusters = len(tops)
    variance = ((tops - value * bottoms) ** 2).sum() * clusters / (clusters - 1) / bottoms.sum() ** 2
    half = stats.t.ppf(0.975, clusters - 1) * math.sqrt(variance)
    return value, value - half, value + half


@torch.no_grad()
def test_two_draws_of_an_image_are_one_cluster():
    """In uneven batches; each draw goes through all batches before the next."""
    model, (latents, labels) = model_of(decision="map"), data_of(50)
    pieces = list(zip(latents.split([20, 30]), labels.split([20, 30]), strict=True))
    report = audit(model, pieces, snr_db=[0.0], generator=generator(4), draws=2)
    assert (report.frames, report.draws) == (50, 2)

    source = generator(4)
    sums, right = {}, {"soft": [], "hard": []}
    for _ in range(2):
        found = [traces_of(model, piece, 0.0, source) for piece, _ in pieces]
        ratios = [path_figures(soft, hard)[0] for hard, soft in found]
        heads = [(model.head(soft.embedding), model.head(hard.embedding)) for hard, soft in found]
        tasks = [task_figures(*pair, own) for pair, (_, own) in zip(heads, pieces, strict=True)]
        for key in (*ratios[0], *tasks[0]):
            every = [{**a, **b}[key] for a, b in zip(ratios, tasks, strict=True)]
            for side in range(2):
                sums.setdefault((key[1], side), []).append(torch.cat([pair[side] for pair in every]).numpy())
        for path, number in (("soft", 0), ("hard", 1)):
            logits = torch.cat([pair[number][0] for pair in heads])
            right[path].append((logits.argmax(-1) == labels).numpy())
    checked = 0
    for metric in {metric for metric, _ in sums} - {"llr_rms_error"}:
        interval = clustered_proportion if metric in SHARES else student
        expected = interval(sum(sums[metric, 0]), sum(sums[metric, 1]))
        row = report.row(0.0, metric)
        assert [row[name] for name in NAMES] == pytest.approx(expected, rel=1e-6, abs=1e-12), metric
        checked += 1
    assert checked >= 12

    for path, found in right.items():
        counts = np.sum(found, 0)
        row = report.row(0.0, f"{path}_accuracy")
        expected = clustered_proportion(counts, np.full(50, 2))
        assert [row[name] for name in NAMES] == pytest.approx(expected)
        assert np.array_equal(report.correct[0.0, path].numpy(), np.array(found))
    gap = report.row(0.0, "gap")
    difference = (np.sum(right["soft"], 0) - np.sum(right["hard"], 0)) / 2
    assert gap["value"] == pytest.approx(difference.mean())
    # The bootstrap's interval is about the normal one of fifty independent differences.
    distance = (np.array([gap["low"], gap["high"]]) - difference.mean()) / stats.sem(difference)
    assert distance == pytest.approx([-1.96, 1.96], abs=0.35)


def test_what_does_not_depend_on_noise_gains_nothing_by_more_draws():
    """Counted as independent, the four transmissions would halve these intervals."""
    one, four = (
        audit(model_of(), data_of(40), snr_db=[2.0], generator=generator(4), draws=draws, parts=())
        for draws in (1, 4)
    )
    for metric in ("vq_nmse", "symbol_nmse", "symbol_evm_db", "soft_power", "conditional_entropy"):
        first, second = one.row(2.0, metric), four.row(2.0, metric)
        assert first["low"] < first["high"]
        assert [first[name] for name in NAMES] == pytest.approx([second[name] for name in NAMES], rel=1e-9)
    for metric in ("marginal_entropy", "symbol_marginal_entropy"):
        assert one.row(2.0, metric)["value"] == pytest.approx(four.row(2.0, metric)["value"], rel=1e-9)
    first, second = one.row(2.0, "received_nmse"), four.row(2.0, "received_nmse")
    assert first["value"] != second["value"]


def test_frames_are_kept_in_order():
    figures = FrameFigures(draws=3)
    for draw in range(3):
        figures.add_frames("number", torch.arange(0, 4) + 100 * draw)
        figures.add_frames("number", torch.arange(4, 7) + 100 * draw)
    expected = torch.arange(7) + 100 * torch.arange(3).unsqueeze(1)
    assert torch.equal(figures.frames("number"), expected)
    assert figures.has_frames("number")
    assert not figures.has_frames("no such name")
