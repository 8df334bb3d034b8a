"""How often intervals hold the true bit error rate, and how wide they are: the tables of docs/sweeps.md.

    PYTHONPATH=tests python -m montecarlo.coverage_study [--sweeps 1000] [--seed 0]

A minute or two on one core. Points are made up, so that their rates are known; over AWGN the errors of a
symbol are integrated over the noise.
"""

import argparse
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from helpers.sweeps import MadeUp, run_alone
from scipy import optimize, stats

from linksim import Modem, separable_qam
from linksim_benchmarks.montecarlo.stop import StopRule

SWEEPS = 1000
NO_CAP = 10**9

# Few wrong frames. Share of wrong frames and relative variance of the wrong bits in one: 2 % and 3.4, 4 % and
# 1.8, 4 % and 1.3, 2 % and 0.2.
FEW = {
    "like Rayleigh block fading at 23 dB": MadeUp(1.2e-3, frame_bits=1000, frame_rate=1.0, shape=0.003),
    "like Rayleigh block fading at 18 dB, short frames": MadeUp(4e-3, frame_rate=1.0, shape=0.01),
    "strong bursts": MadeUp(0.01, frame_rate=0.05, shape=0.3, frame_bits=1000),
    "decoder": MadeUp(0.002, frame_rate=0.02, shape=4.0, frame_bits=1000),
}

DEMAPPERS = {"app": "APP", "maxlog": "max-log"}
BITS_PER_SYMBOL = (4, 6, 8, 10)
AWGN_RATES = (0.4, 0.3, 0.2, 0.1, 0.02, 0.001)
WRONG = (0.8, 4, 8, 16, 32, 80, 200)
TARGETS = (1, 5, 10, 20, 50)


@dataclass(frozen=True)
class RareBursts(MadeUp):
    """Most wrong frames have one wrong bit; a share of them, `burst_share`, has `burst_bits`."""

    burst_share: float = 0.1
    burst_bits: int = 40

    def __post_init__(self):
        in_one = 1 + self.burst_share * (self.burst_bits - 1)
        assert math.isclose(self.rate, self.frame_rate * in_one / self.frame_bits)

    def frame_error_rate(self):
        return self.frame_rate

    def design_effect(self):
        square = self.frame_rate * (1 + self.burst_share * (self.burst_bits**2 - 1))
        mean = self.frame_bits * self.rate
        return (square - mean**2) / (mean * (1 - self.rate))

    def errors(self, frames, numbers):
        in_one = np.where(numbers.random(frames) < self.burst_share, self.burst_bits, 1)
        return np.where(numbers.random(frames) < self.frame_rate, in_one, 0)


RARE = RareBursts(0.00245, frame_rate=0.05)


def same_counts(point, tally):
    """Clopper and Pearson's interval for a sample of fixed size: of the bits, or with dependent bits of as
    many independent ones as the true variance between frames makes of them."""
    trials = tally.bits / point.design_effect()
    errors = tally.rate * trials
    low = stats.beta.ppf(0.025, errors, trials - errors + 1) if errors else 0.0
    return low, stats.beta.isf(0.025, errors + 1, trials - errors)


def of_fixed_size(point, wrong, sweeps=SWEEPS, seed=0):
    """Tallies of sweeps over so many frames that so many are wrong on average."""
    frames = round(wrong / point.frame_error_rate())
    tallies = [point.tally() for _ in range(sweeps)]
    generator = torch.Generator().manual_seed(1000 * 1000 * seed + round(10 * wrong))
    for tally in tallies:
        tally.add(point.count(0, frames, generator))
    return tallies


def stopped(point, target, sweeps=SWEEPS, seed=0):
    """Tallies of sweeps that so many wrong frames stop, in chunks with about half of them."""
    frames = math.ceil(target / 2 / point.frame_error_rate())
    point, rule = replace(point, chunk_frames=frames), StopRule(max_bits=NO_CAP, target_errors=target)
    return [run_alone([point], rule, sweeps * seed + number).results[0].tally for number in range(sweeps)]


def intervals(tallies):
    """[sweeps, 2] ends."""
    return np.array([tally.bounds() for tally in tallies])


def coverage(point, tallies):
    """Share of the intervals that hold the true rate."""
    low, high = intervals(tallies).T
    return ((low <= point.rate) & (point.rate <= high)).mean()


def relative_width(point, tallies):
    """Mean width over that of intervals by one who knew the variance between frames."""
    same = np.array([same_counts(point, tally) for tally in tallies])
    return np.diff(intervals(tallies)).mean() / np.diff(same).mean()


def bits_of_a_symbol(bits_per_symbol, snr_db, demapper="app", cells=20_000):
    """Bit error rate of square QAM over AWGN, and variance of the errors of a symbol, over its bits.

    The two dimensions of a symbol are independent and alike, so one is integrated over.
    """
    modem, width = Modem(bits_per_symbol, demapper, "fused"), bits_per_symbol // 2
    amplitudes = separable_qam.levels(modem.constellation(torch.float64))
    labels = (torch.arange(2**width)[:, None] >> torch.arange(width).flip(0)) & 1
    variance = 10 ** (-snr_db / 10)
    deviation = math.sqrt(variance / 2)
    most = float(amplitudes.max()) + 8 * deviation
    edges = torch.linspace(-most, most, cells + 1, dtype=torch.float64)
    centres = (edges[1:] + edges[:-1]) / 2
    chance = torch.special.ndtr((edges - amplitudes[:, None]) / deviation).diff()
    decided = modem.demodulate(torch.complex(centres, centres), variance).reshape(cells, width, 2)[..., 0] > 0
    errors = (decided != labels[:, None].bool()).sum(-1)
    mean, square = (float((chance * power).sum(1).mean()) for power in (errors, errors**2))
    return mean / width, (square - mean**2) / width


def awgn_width(bits_per_symbol, demapper, rate):
    """Width of the interval on bits over the one that the variance of a symbol's errors makes right."""

    def at(snr_db):
        return bits_of_a_symbol(bits_per_symbol, snr_db, demapper)

    variance = at(optimize.brentq(lambda snr_db: at(snr_db)[0] - rate, -30, 45))[1]
    return math.sqrt(rate * (1 - rate) / variance)


def span(values, form):
    """Lowest and highest, as they are printed."""
    low, high = (form(value) for value in (min(values), max(values)))
    return low if low == high else f"{low}–{high}"


def percent(share):
    return "100" if share == 1 else f"{100 * share:.1f}"


def ratio(value):
    return f"{value:.1f}" if value >= 2 else f"{value:.2f}"


def table(first, columns, rows):
    """In Markdown."""
    lines = [[first, *map(str, columns)], ["---"] * (1 + len(columns)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def awgn_table():
    rows = [
        [f"{2**bits}-QAM, {name}", *(f"{awgn_width(bits, demapper, rate):.2f}" for rate in AWGN_RATES)]
        for demapper, name in DEMAPPERS.items()
        for bits in BITS_PER_SYMBOL
    ]
    return table("bit error rate", AWGN_RATES, rows)


def frame_table(first, tallies_of, columns, sweeps, seed):
    """Of one way to end sweeps."""
    held, widths, rare = ["true rate in the interval, %"], ["width"], ["rare bursts: true rate in it, %"]
    for column in columns:
        tallies = {point: tallies_of(point, column, sweeps, seed) for point in (*FEW.values(), RARE)}
        held.append(span([coverage(point, tallies[point]) for point in FEW.values()], percent))
        widths.append(span([relative_width(point, tallies[point]) for point in FEW.values()], ratio))
        rare.append(percent(coverage(RARE, tallies[RARE])))
    return table(first, columns, [held, widths, rare])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=SWEEPS, help="of each point")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    error = 100 * math.sqrt(0.95 * 0.05 / options.sweeps)
    print(f"Bits of a symbol over AWGN, width over the right one:\n\n{awgn_table()}\n", flush=True)
    print(f"{options.sweeps} sweeps of each point, standard error of a share of 95 %: {error:.1f} %\n")
    how = (options.sweeps, options.seed)
    fixed = "fixed number of bits, wrong frames on average"
    print(frame_table(fixed, of_fixed_size, WRONG, *how), end="\n\n", flush=True)
    print(frame_table("stopped at wrong frames", stopped, TARGETS, *how))


if __name__ == "__main__":
    main()
