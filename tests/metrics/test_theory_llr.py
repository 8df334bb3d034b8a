"""Mean magnitude of LLRs, against closed forms, integration by scipy, and simulation of the link."""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from linksim import Link, LinkConfig
from linksim.config import CHANNELS, DEMAPPERS
from linksim.metrics.theory import mean_llr_magnitude
from linksim.modem import Modem
from linksim.seeds import stream

LEVEL = 0.999
TOKENS = 12
FEW, MANY = 400, 2000
SCATTERED = (1.3 + 0.2j, 0.1 - 0.4j, -0.8 + 0.9j, -0.2 - 1.1j, 0.6 + 0.7j, -1.2 - 0.1j, 0.3 + 0.1j, 1 - 0.9j)
LOPSIDED = (0.0, 1.0, 1.0j, 2.0 + 0.2j)
SNRS = (-15.0, -4.0, 3.0, 9.0, 16.0, 27.0, 40.0)


def folded_normal(snr):
    """E|LLR| of BPSK: the LLR is normal with mean 4·Es/N0 and twice that variance."""
    mean, variance = 4 * snr, 8 * snr
    tail = math.sqrt(2 * variance / math.pi) * math.exp(-(mean**2) / (2 * variance))
    return tail + mean * math.erf(mean / math.sqrt(2 * variance))


def ratio(snr_db):
    return 10 ** (snr_db / 10)


@lru_cache
def qam_points(bits):
    return Modem(bits).constellation(torch.float64).numpy()


def simulated(config, snr_db, seed, constellation=None):
    """Interval at 99.9 % for the mean |LLR|, from frames: the bits of one may depend on each other."""
    points = None if constellation is None else torch.tensor(constellation, dtype=torch.complex128)
    link = Link(LinkConfig(tokens=TOKENS, codebook_size=2**10, **config), constellation=points).double()
    assert not link.config.layout.pad_bits
    generator = stream(seed)
    frames = MANY if config["bits_per_symbol"] <= 4 else FEW  # the demapper takes its time over many points
    index = torch.randint(2**10, (frames, TOKENS), generator=generator)
    draw = link.draw(frames, snr_db, generator)
    with torch.no_grad():
        llr = link.hard(index=index, draw=draw, decide=False).llr
    assert llr is not None
    means = llr.abs().mean(1).numpy()
    half = stats.t.isf((1 - LEVEL) / 2, frames - 1) * means.std(ddof=1) / math.sqrt(frames)
    return means.mean() - half, means.mean() + half


LINKS = {
    **{f"{2**bits}-QAM": {"bits_per_symbol": bits} for bits in (2, 4, 6, 8, 10)},
    **{f"{2**bits}-QAM maxlog": {"bits_per_symbol": bits, "demapper": "maxlog"} for bits in (4, 6, 8)},
    **{f"{2**bits}-PSK": {"bits_per_symbol": bits, "modulation": "psk"} for bits in (1, 2, 3, 4)},
    "8-PSK maxlog": {"bits_per_symbol": 3, "modulation": "psk", "demapper": "maxlog"},
    **{f"16-QAM {name}": {"bits_per_symbol": 4, "channel": name} for name in CHANNELS if name != "bsc"},
    "64-QAM rayleigh maxlog": {"bits_per_symbol": 6, "channel": "rayleigh-fast", "demapper": "maxlog"},
    "256-QAM rician 0.5": {"bits_per_symbol": 8, "channel": "rician-fast", "rician_k": 0.5},
    "8-PSK rician 8": {"bits_per_symbol": 3, "modulation": "psk", "channel": "rician", "rician_k": 8.0},
    "BPSK bsc": {"bits_per_symbol": 1, "modulation": "psk", "channel": "bsc"},
}


@pytest.mark.parametrize("name", LINKS)
def test_simulated_links(name):
    config = LINKS[name]
    for seed, snr_db in enumerate((-6.0, 5.0, 17.0)):
        low, high = simulated(config, snr_db, seed)
        expected = mean_llr_magnitude(snr_db=snr_db, **config)
        # The receiver of the binary symmetric channel sees one magnitude: an interval without width.
        assert low - 1e-9 * abs(low) <= expected <= high + 1e-9 * abs(high), f"at {snr_db} dB"


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("channel", ["awgn", "rayleigh", "rician-fast"])
@pytest.mark.parametrize(
    "points", [SCATTERED, LOPSIDED, (3, 1, -3, -1)], ids=["scattered", "lopsided", "PAM"]
)
def test_simulated_links_with_points_of_ones_own(points, channel, demapper):
    bits = len(points).bit_length() - 1
    config = {"bits_per_symbol": bits, "modulation": "custom", "channel": channel, "demapper": demapper}
    for seed, snr_db in enumerate((-6.0, 5.0, 17.0)):
        low, high = simulated(config, snr_db, seed, points)
        assert low <= mean_llr_magnitude(snr_db=snr_db, constellation=points, **config) <= high


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_one_bit_per_dimension_has_a_closed_form(demapper):
    for snr_db in (-60.0, *SNRS, 120.0, 200.0):
        bpsk = mean_llr_magnitude(1, snr_db, modulation="psk", demapper=demapper)
        assert bpsk == pytest.approx(folded_normal(ratio(snr_db)), rel=1e-4)
        for modulation in ("qam", "psk"):
            qpsk = mean_llr_magnitude(2, snr_db, modulation=modulation, demapper=demapper)
            assert qpsk == pytest.approx(folded_normal(ratio(snr_db) / 2), rel=1e-4)


@pytest.mark.parametrize("k", [0.0, 0.3, 3.0, 50.0])
def test_fading_is_the_average_of_the_closed_form(k):
    scale = 1 / (2 * (1 + k))
    power = stats.ncx2(2, 2 * k, scale=scale)

    def density(x):
        return stats.ncx2.pdf(x, 2, 2 * k, scale=scale)

    ends = [0.0, *power.ppf([1e-4, 0.01, 0.3, 0.8, 0.99]), power.isf(1e-10)]
    for snr_db in SNRS:
        snr = ratio(snr_db)
        expected = sum(
            integrate.quad(lambda x, snr=snr: folded_normal(x * snr) * density(x), *pair)[0]
            for pair in pairwise(ends)
        )
        found = mean_llr_magnitude(1, snr_db, modulation="psk", channel="rician", rician_k=k)
        assert found == pytest.approx(expected, rel=2e-4)
        if k == 0:
            assert found == mean_llr_magnitude(1, snr_db, modulation="psk", channel="rayleigh")


def integrated(points, snr, maxlog):
    """E|LLR| of points on a line, by adaptive integration between all places that may be kinks."""
    place = math.sqrt(snr) * np.asarray(points, dtype=float)
    label = np.arange(len(place))
    join = np.max if maxlog else special.logsumexp
    total = 0.0
    for bit in range(len(place).bit_length() - 1):
        one = (label >> bit) & 1 == 1

        def integrand(r, one=one):
            metric = -((r - place) ** 2)
            llr = join(metric[one]) - join(metric[~one])
            return abs(llr) * np.exp(metric).mean() / math.sqrt(math.pi)

        ends = np.unique(np.clip((place[:, None] + place) / 2, place.min() - 7, place.max() + 7))
        ends = [place.min() - 7, *ends, place.max() + 7]
        total += sum(integrate.quad(integrand, *pair, limit=200, epsrel=1e-6)[0] for pair in pairwise(ends))
    return total / (len(place).bit_length() - 1)


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_qam_is_integrated_accurately(demapper):
    for snr_db in SNRS:
        expected = integrated(np.array([1, 3, -1, -3]) / math.sqrt(10), ratio(snr_db), demapper == "maxlog")
        assert mean_llr_magnitude(4, snr_db, demapper=demapper) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("bits", [2, 4, 6])
def test_plane_and_dimensions_agree_however_turned_and_shifted(bits, demapper):
    for snr_db in SNRS:
        expected = mean_llr_magnitude(bits, snr_db, demapper=demapper)
        for turn in (0.0, 0.3, math.pi / 4):
            points = qam_points(bits) * np.exp(1j * turn)
            found = mean_llr_magnitude(bits, snr_db, constellation=points, demapper=demapper)
            assert found == pytest.approx(expected, rel=3e-4)
    # A constant part takes energy and tells nothing.
    shifted = mean_llr_magnitude(bits, 10.0, constellation=qam_points(bits) + 1, demapper=demapper)
    expected = mean_llr_magnitude(bits, 10.0 - 10 * math.log10(2), demapper=demapper)
    assert shifted == pytest.approx(expected, rel=3e-4)


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_turning_random_points_changes_nothing(demapper):
    rng = np.random.default_rng(5)
    for bits in (2, 3, 5):
        points = rng.normal(size=2**bits) + 1j * rng.normal(size=2**bits)
        for snr_db in (-15.0, 0.0, 15.0, 30.0):
            values = [
                mean_llr_magnitude(bits, snr_db, constellation=points * np.exp(1j * turn), demapper=demapper)
                for turn in (0.0, 0.4, 1.1)
            ]
            assert max(values) <= min(values) * (1 + 1e-3)
            scaled = mean_llr_magnitude(bits, snr_db, constellation=1e200 * points, demapper=demapper)
            assert scaled == pytest.approx(values[0], rel=1e-6)


CASES = {
    "16-QAM": (4, {}),
    "1024-QAM maxlog": (10, {"demapper": "maxlog"}),
    "64-QAM rayleigh": (6, {"channel": "rayleigh"}),
    "8-PSK": (3, {"modulation": "psk"}),
    "BPSK bsc": (1, {"modulation": "psk", "channel": "bsc"}),
    "scattered rician": (3, {"constellation": SCATTERED, "channel": "rician"}),
}


@pytest.mark.parametrize("name", CASES)
def test_grows_with_the_snr_from_nothing(name):
    bits, more = CASES[name]
    step = 12.0 if "constellation" in more else 3.0  # irregular points take a while at every SNR
    values = [mean_llr_magnitude(bits, snr_db, **more) for snr_db in np.arange(-60.0, 61.0, step)]
    assert np.all(np.diff(values) > 0)
    assert values[0] < 0.01
    assert mean_llr_magnitude(bits, -300.0, **more) < 1e-13
    assert math.isfinite(mean_llr_magnitude(bits, 300.0, **more))
    # in the end like the SNR
    last = mean_llr_magnitude(bits, 150.0, **more) / mean_llr_magnitude(bits, 140.0, **more)
    assert last == pytest.approx(10, rel=1e-3)


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_limits_of_the_k_factor(demapper):
    for snr_db in SNRS:
        rician = [
            mean_llr_magnitude(4, snr_db, channel="rician", rician_k=k, demapper=demapper) for k in (0.0, 1e6)
        ]
        rayleigh = mean_llr_magnitude(4, snr_db, channel="rayleigh", demapper=demapper)
        assert rician[0] == pytest.approx(rayleigh, rel=1e-9)
        assert rician[1] == pytest.approx(mean_llr_magnitude(4, snr_db, demapper=demapper), rel=3e-4)


def test_points_that_tell_nothing():
    assert mean_llr_magnitude(2, 10.0, constellation=[1, 1, 1, 1]) == 0


@pytest.mark.parametrize(
    ("bits", "snr_db", "more", "error", "message"),
    [
        (4, 5.0, {"modulation": "pam"}, ValueError, "modulation must be one of qam, psk, custom, got 'pam'"),
        (4, 5.0, {"channel": "nakagami"}, ValueError, "channel must be one of awgn, .*, got 'nakagami'"),
        (4, 5.0, {"demapper": "map"}, ValueError, "demapper='map' is unknown"),
        (1, 5.0, {"modulation": "psk", "channel": "bsc", "demapper": "map"}, ValueError, "'map' is unknown"),
        (3, 5.0, {}, ValueError, "bits_per_symbol must be even for square QAM"),
        (2.0, 5.0, {}, TypeError, "bits_per_symbol must be a whole number, got 2.0"),
        (7, 5.0, {"modulation": "psk"}, ValueError, "bits_per_symbol must be from 1 to 6, got 7"),
        (4, 301.0, {}, ValueError, "snr_db=301.0 must be a number from -300 to 300"),
        (4, math.nan, {}, ValueError, "snr_db=nan must be a number from -300 to 300"),
        (4, 5.0, {"channel": "rician", "rician_k": -1}, ValueError, "rician_k must be at least 0, got -1"),
        (4, 5.0, {"channel": "rician", "rician_k": "3"}, TypeError, "rician_k must be a number, got '3'"),
        (2, 5.0, {"channel": "bsc"}, ValueError, "channel 'bsc' carries the bits of BPSK.* got 'qam' and 2"),
        (2, 5.0, {"modulation": "custom"}, ValueError, "modulation 'custom' needs the points"),
        (2, 5.0, {"constellation": [1, -1]}, ValueError, "bits_per_symbol=2 takes 4 points, got 2"),
        (1, 5.0, {"constellation": [1, math.inf]}, ValueError, "points must be finite"),
        (1, 5.0, {"constellation": [0, 0]}, ValueError, "points must not all be zero"),
    ],
)
def test_what_has_no_mean_is_refused_in_one_line(bits, snr_db, more, error, message):
    with pytest.raises(error, match=message) as refused:
        mean_llr_magnitude(bits, snr_db, **more)
    assert "\n" not in str(refused.value)
