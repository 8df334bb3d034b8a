"""What finite word lengths cost: the fit, the pairing, and known directions."""

import math

import numpy as np
import pytest
import torch

from linksim.config import HardwareOptions
from linksim_benchmarks import word_length_accuracy
from linksim_benchmarks.word_length import (
    CHUNK_FRAMES,
    TARGET,
    Variant,
    coded_link,
    crossing,
    failures,
    fitted,
    losses,
)
from linksim_benchmarks.word_length_command import smallest


def test_crossing_of_an_exact_line():
    snr = np.array([3.0, 3.5, 4.0])
    rates = 10 ** -(snr - 2)  # 10⁻² at 4 dB
    centre, line = fitted(np.stack([rates, 10 * rates]), snr)
    assert crossing(centre, line, TARGET) == pytest.approx([4.0, 5.0], abs=1e-6)
    assert line[:, 1] == pytest.approx([-math.log(10)] * 2, rel=1e-6)


def test_a_point_without_failures_counts():
    """Zero of many at the last point pulls the line below what the others say alone."""
    snr = [3.0, 3.5, 4.0]
    without = crossing(*fitted(np.array([0.03, 0.015, 0.0]), snr), 1e-2)
    others = crossing(*fitted(np.array([0.03, 0.015]), snr[:2]), 1e-2)
    assert without < others


def test_variants():
    assert Variant().hardware() == HardwareOptions()
    assert Variant("llr", 4).hardware() == HardwareOptions(llr_bits=4)
    assert Variant("adc", 5).hardware() == HardwareOptions(adc_bits=5)
    with pytest.raises(ValueError, match="llr_bits"):
        Variant("llr", 1).hardware()


@pytest.fixture(scope="module")
def config():
    return coded_link(2, 30, 0.5)


def test_failures_are_paired(config):
    """The same receiver twice fails on the same frames, and more signal loses fewer."""
    found = failures(config, [Variant(), Variant(), Variant("llr", 2)], [0.0, 2.5], 0, seed=3)
    assert found.shape == (3, 2, CHUNK_FRAMES)
    assert np.array_equal(found[0], found[1])
    assert found[0, 1].sum() < found[0, 0].sum()
    assert found[2].sum() > found[0].sum()
    assert not np.array_equal(found, failures(config, [Variant()] * 3, [0.0, 2.5], 1, seed=3))


def test_losses(config):
    rows = losses(config, [Variant("llr", 2), Variant("llr", 8)], 500, seed=0)
    coarse, fine = rows
    assert (coarse["part"], coarse["bits"], coarse["unit"], coarse["limit"]) == ("llr", 2, "dB", 0.1)
    assert coarse["modulation"] == "4-QAM"
    assert coarse["frames"] == 500
    assert coarse["loss"] > 0.2 > abs(fine["loss"])
    for row in rows:
        assert row["low"] <= row["loss"] <= row["high"]
    assert losses(config, [Variant("llr", 2), Variant("llr", 8)], 500, seed=0) == rows


def test_task_accuracy(model, images, labels):
    parts = [("llr", 2), ("llr", 8), ("adc", 1), ("integer", 6)]
    rows = word_length_accuracy.losses(model, images, labels, 8.0, parts, draws=3, seed=1)
    assert [(row["part"], row["bits"]) for row in rows] == parts
    assert len({row["reference"] for row in rows}) == 1
    assert all(row["low"] <= row["loss"] <= row["high"] for row in rows)
    assert all(row["frames"] == 3 * len(labels) for row in rows)
    assert abs(rows[1]["loss"]) <= rows[2]["loss"] + 100 * 3 / len(labels)


def test_other_options_keep_the_codebook(model):
    other = word_length_accuracy.with_options(model.link, llr_bits=3)
    assert torch.equal(other.codebook, model.link.codebook)
    assert other.config.llr_bits == 3


def test_smallest():
    def row(bits, loss):
        return {"modulation": "a", "part": "llr", "bits": bits, "loss": loss, "limit": 0.1}

    rows = [row(2, 0.5), row(3, 0.05), row(4, 0.2), row(5, 0.02), row(6, 0.01)]
    assert smallest(rows, "a", "llr")["bits"] == 5
    assert smallest(rows[:1], "a", "llr") is None
