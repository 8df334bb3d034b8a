"""Calibration: what LLRs claim, beside what they turn out to be worth."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.generators import generator
from scipy import integrate, stats

from linksim import Link, LinkConfig, audit
from linksim.auditing.calibration import capacity

SNR = 2.0


def model_of(codebook_size=16, **options):
    """The encoder looks codewords up; the head is trivial."""
    sizes = {"tokens": 6, "codebook_size": codebook_size, "embedding_dim": 6}
    link = Link(LinkConfig(**sizes, **{"bits_per_symbol": 2, **options}), generator=generator(1))
    link.codebook.data = link.quantize.normalise(link.codebook.data.unsqueeze(0)).squeeze(0)
    link.vq_temp = link.symbol_temp = 1e-3
    return SimpleNamespace(
        encoder=lambda index: link.codebook[index],
        transceiver_dig=link,
        head=lambda embedding: (embedding[:, 0, :2], embedding.flatten(1)),
    )


def run(model, frames=2000, draws=1, snr_db=SNR, **arguments):
    """Uniform random indices."""
    size = model.transceiver_dig.config.codebook_size
    index = torch.randint(size, (frames, 6), generator=generator(2))
    data = index, torch.zeros(frames, dtype=torch.long)
    return audit(
        model,
        data,
        snr_db=[snr_db],
        generator=generator(3),
        draws=draws,
        parts=("calibration",),
        **arguments,
    )


def information(report):
    assert [row["snr_db"] for row in report.information] == [SNR] * len(report.information)
    return {row["path"]: row for row in report.information}


def bins(report, path):
    return [row for row in report.calibration if row["path"] == path]


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_llrs_of_the_wrong_scale(channel):
    exact = information(run(model_of(channel=channel)))
    faulty = information(run(model_of(channel=channel, defects=("llr-scale",), llr_scale_error=2.0)))
    assert faulty["soft"]["best_scale"] == pytest.approx(exact["soft"]["best_scale"] / 2, rel=1e-4)
    assert faulty["hard"] == exact["hard"]
    for path in ("hard", "soft"):
        assert exact[path]["best_scale"] == pytest.approx(1, abs=0.03)
    assert faulty["soft"]["high"] < exact["soft"]["low"]  # taken at their word, they tell less


def test_llrs_of_the_wrong_scale_claim_too_much():
    rows = bins(run(model_of(defects=("llr-scale",))), "soft")
    assert len(rows) == 20
    assert sum(row["claimed"] > row["high"] for row in rows) >= 10


@pytest.mark.parametrize("options", [{}, {"channel": "rayleigh"}, {"bits_per_symbol": 4}], ids=str)
def test_the_hard_path_may_be_taken_at_its_word(options):
    """Claims lie within intervals at 95 %, of which five or more of twenty miss three times in a thousand."""
    report = run(model_of(**options))
    for path in ("hard", "soft"):
        rows = bins(report, path)
        assert len(rows) == 20
        assert sum(row["low"] <= row["claimed"] <= row["high"] for row in rows) >= 16
        assert [row["llr"] for row in rows] == sorted(row["llr"] for row in rows)


def test_information_is_the_capacity():
    """Of BPSK in each dimension, whose LLR is normal with mean 2/N0 and variance 4/N0 given its bit."""
    noise = 10 ** (-SNR / 10)
    llr = stats.norm(2 / noise, 2 / math.sqrt(noise))
    told = integrate.quad(lambda x: llr.pdf(x) * (1 - np.logaddexp(0, -x) / math.log(2)), -40, 40)[0]
    for path, row in information(run(model_of(), frames=4000)).items():
        assert row["capacity"] == pytest.approx(told, abs=1e-4), path
        width = row["high"] - row["low"]
        assert 0 < width < 0.02
        assert row["low"] - width / 2 < told < row["high"] + width / 2  # nearly four standard errors


class OwnChannel:
    """A channel of one's own: what linksim's does, but linksim cannot know."""

    def __init__(self, link):
        self.of = link.channel

    def draw(self, *arguments):
        return self.of.draw(*arguments)

    def apply(self, *arguments):
        return self.of.apply(*arguments)


@pytest.mark.parametrize(
    "options",
    [
        {"dac_bits": 6},
        {"adc_bits": 6},
        {"pa_backoff_db": 6.0},
        {"llr_bits": 6},
        {"channel": "rayleigh", "csi_error": 0.1},
        {"bits_per_symbol": 10},  # pad bits
    ],
    ids=str,
)
def test_no_capacity_without_a_formula(options):
    model = model_of(**options)
    assert capacity(model.transceiver_dig, SNR) is None
    rows = information(run(model, frames=200))
    assert {row["capacity"] for row in rows.values()} == {None}
    assert 0 < rows["hard"]["value"] < 1


def test_capacity_of_parts_of_ones_own():
    config = LinkConfig(tokens=2, codebook_size=4, bits_per_symbol=2)
    plain = Link(config)
    assert capacity(plain, SNR) is not None
    assert capacity(Link(config, channel=OwnChannel(plain)), SNR) is None
    own = capacity(Link(config, constellation=plain.modem.constellation()), SNR)
    assert own == pytest.approx(capacity(plain, SNR), abs=1e-4)


def test_capacity_is_that_of_exact_llrs():
    """Whatever the demapper, which may tell less."""
    exact, maximum = (
        model_of(bits_per_symbol=4, demapper=name).transceiver_dig for name in ("app", "maxlog")
    )
    assert capacity(maximum, SNR) == capacity(exact, SNR)


def test_equally_used_codewords_are_beside_an_unequal_use():
    """One codeword alone fits no claim about uniform bits, but the receiver is right about those."""
    model = model_of(bits_per_symbol=4)
    index = torch.zeros(2000, 6, dtype=torch.long)
    data = index, torch.zeros(2000, dtype=torch.long)
    report = audit(model, data, snr_db=[0.0], generator=generator(7), parts=("calibration",))
    found = {row["path"]: row for row in report.information}
    assert set(found) == {"hard", "soft", "uniform"}
    assert found["uniform"]["best_scale"] == pytest.approx(1, abs=0.05)
    assert abs(found["hard"]["best_scale"] - 1) > 0.1
    assert found["uniform"]["low"] - 0.003 <= found["uniform"]["capacity"] <= found["uniform"]["high"] + 0.003


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize(
    "options", [{}, {"codebook_size": 11, "bits_per_symbol": 10}], ids=["whole", "padded"]
)
def test_every_bit_is_in_one_bin(options, draws):
    """Padding is none of them."""
    model = model_of(**options)
    layout = model.transceiver_dig.layout
    assert (layout.pad_bits > 0) == bool(options)
    report = run(model, frames=150, draws=draws)
    for path in ("hard", "soft", "uniform"):
        assert sum(row["bits"] for row in bins(report, path)) == draws * 150 * layout.information_bits
    assert len(report.calibration) == sum(len(bins(report, path)) for path in ("hard", "soft", "uniform"))


def test_bits_and_llrs_belong_together_over_draws_and_batches():
    """Without noise, every decision is right, whatever draw and batch it is from."""
    model = model_of(codebook_size=11, bits_per_symbol=10)
    index = torch.randint(11, (50, 6), generator=generator(2))
    batches = list(zip(index.split(17), torch.zeros(50, dtype=torch.long).split(17), strict=True))
    report = audit(model, batches, snr_db=[60.0], generator=generator(3), draws=2, parts=("calibration",))
    assert {row["measured"] for row in report.calibration} == {1.0}
    for row in report.information:
        assert row["value"] == pytest.approx(1, abs=1e-6)
        assert row["best_scale"] is None  # there is no error that would bound it


class NoNoise:
    """Nothing is random, so that another draw tells nothing new."""

    def draw(self, frames, symbols, snr_db, generator):
        return {}

    def apply(self, symbols, draw):
        return symbols, torch.ones(()), torch.tensor(0.5)


def test_draws_of_an_image_are_one_cluster():
    """Counted as independent, four equal transmissions would halve the interval."""
    model = model_of(bits_per_symbol=4)
    model.transceiver_dig.channel = NoNoise()
    one, four = (information(run(model, 100, draws))["hard"] for draws in (1, 4))
    assert one["low"] < one["value"] < one["high"]
    for name in ("value", "low", "high"):
        assert four[name] == pytest.approx(one[name], rel=1e-9)


def test_a_surrogate_without_llrs():
    model = model_of()
    link = model.transceiver_dig
    report = run(model, 50, surrogate=lambda latents, draw: link.soft(latents, draw).replace(llr=None))
    assert {row["path"] for row in report.calibration} == {"hard", "exact", "uniform"}
    assert [row["path"] for row in report.information] == ["hard", "exact", "uniform"]
