"""How much reports and acknowledgements have to give: a particle filter that knows the model of the channel.

A study, not a test. It plays over the physical-layer abstraction:

    PYTHONPATH=tests python -m agents.particle_filter [--agents FILE …] [--report-bias-db 0] [--episodes 192]
"""

import argparse
from pathlib import Path

import numpy as np

from linksim.metrics.means import student
from linksim_benchmarks.agents.evaluation import STEPS, episode_seeds, play
from linksim_benchmarks.agents.link_adaptation import LinkAdaptation
from linksim_envs.fading import CorrelatedFading
from linksim_envs.link_adaptation_settings import LinkAdaptationSettings
from linksim_envs.policies.agent_files import load_agent
from linksim_envs.policies.error_rates import BlockErrorRates

GRID_DB = np.arange(-60, 60, 0.1)
JITTER_DB = 0.1
"""Keeps the mean SNRs of particles that were drawn again from being the same."""


class ParticleFilter:
    """The scheme with the largest expected goodput, given all reports and perhaps acknowledgements so far.

    Args:
        rates: block error rates of the schemes.
        settings: of the environment, which it knows.
        acknowledged: whether it makes use of acknowledgements.
        particles: for each episode.
    """

    def __init__(self, rates, settings, acknowledged, particles=2000):
        self.name = "particle filter" if acknowledged else "particle filter, reports only"
        self.errors, self.goodput = rates.rates(GRID_DB), rates.goodput(GRID_DB)
        self.settings, self.acknowledged, self.particles = settings, acknowledged, particles
        self.fading = CorrelatedFading(settings.correlation)

    def begin(self, count):
        self.random = np.random.default_rng(0)
        low, high = self.settings.snr_db
        self.mean_db = self.random.uniform(low, high, (count, self.particles))
        self.gains = [self.innovation(count)]  # newest first
        for _ in range(self.settings.report_delay):
            self.gains.insert(0, self.fading.next(self.gains[0], self.innovation(count)))
        self.weights = np.zeros((count, self.particles))  # logarithms
        self.first = True

    def innovation(self, count):
        normal = self.random.standard_normal((2, count, self.particles))
        return (normal[0] + 1j * normal[1]) * 0.5**0.5

    def snr(self, gain):
        return self.mean_db + 20 * np.log10(np.maximum(np.abs(gain), 1e-9))

    def cells(self, gain):
        return np.clip(np.round((self.snr(gain) - GRID_DB[0]) * 10), 0, len(GRID_DB) - 1).astype(int)

    def act(self, observations, infos):
        if not self.first:
            if self.acknowledged:
                lost = self.errors[self.cells(self.gains[0]), observations["mcs"][:, :1]]
                arrived = observations["acks"][:, :1] > 0
                self.weights += np.log(np.where(arrived, 1 - lost, lost) + 1e-9)
            newest = self.fading.next(self.gains[0], self.innovation(len(self.weights)))
            self.gains = [newest, *self.gains[:-1]]
        self.first = False
        off = observations["snr_db"] - self.settings.report_bias_db - self.snr(self.gains[-1])
        self.weights -= np.square(off / self.settings.report_noise_db) / 2
        self.weights -= self.weights.max(1, keepdims=True)
        shares = np.exp(self.weights)
        shares /= shares.sum(1, keepdims=True)
        cells = self.cells(self.gains[0])
        expected = [(shares * self.goodput[cells, one]).sum(1) for one in range(self.goodput.shape[1])]
        for episode in np.flatnonzero(1 / np.square(shares).sum(1) < self.particles / 2):
            self.draw_again(episode, shares[episode])
        return np.stack(expected, axis=1).argmax(1)

    def draw_again(self, episode, shares):
        places = (np.arange(self.particles) + self.random.random()) / self.particles
        chosen = np.searchsorted(np.cumsum(shares), places).clip(0, self.particles - 1)
        moved = self.mean_db[episode][chosen] + JITTER_DB * self.random.standard_normal(self.particles)
        self.mean_db[episode] = np.clip(moved, *self.settings.snr_db)
        for gain in self.gains:
            gain[episode] = gain[episode][chosen]
        self.weights[episode] = 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--agents", nargs="*", default=[])
    parser.add_argument("--report-bias-db", type=float, default=0.0)
    parser.add_argument("--episodes", type=int, default=192)
    asked = parser.parse_args()
    settings = LinkAdaptationSettings(report_bias_db=asked.report_bias_db, episode_length=STEPS)
    scenario = LinkAdaptation(settings)
    rates = BlockErrorRates.of_links(scenario.exact_env(1).core.links)
    policies = scenario.baselines(["outer-loop", "thresholds"], 0)
    policies += [ParticleFilter(rates, settings, acknowledged) for acknowledged in (True, False)]
    for path in asked.agents:
        agent = load_agent(path)
        agent.name = Path(path).stem
        policies.append(agent)
    seeds = episode_seeds(0, "particle filter", asked.episodes)
    played = play(lambda count: scenario.training_env(count, "Disabled"), policies, seeds, STEPS)
    thresholds = next(one.returns for one in played if one.name == "thresholds")
    for one in played:
        mean, low, high = student(one.returns - thresholds)
        print(
            f"{one.name}: {one.returns.mean():.1f}, minus thresholds {mean:+.1f} ({low:+.1f} … {high:+.1f})"
        )


if __name__ == "__main__":
    main()
