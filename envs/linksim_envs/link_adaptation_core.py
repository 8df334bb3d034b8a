"""The dynamics of `linksim/LinkAdaptation-v0`: a modulation and coding scheme for each slot."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from scipy.special import ndtr

from linksim import Draw, Link, checks
from linksim_envs.core import Core, Info
from linksim_envs.fading import CorrelatedFading
from linksim_envs.link_adaptation_settings import LinkAdaptationSettings
from linksim_envs.policies.error_rates import BlockErrorRates
from linksim_envs.snr_range import SNR_LIMIT_DB, range_in_db

BLOCK_SLOTS = 16
"""Slots whose noise and bits are drawn ahead."""

TOGETHER = 128
"""Coded frames decoded at once; more do not fit into the caches of a processor."""


class LinkAdaptationCore(Core):
    """Slots of a fading link. `LinkAdaptationEnv` says what the arguments mean.

    Attributes:
        schemes: the modulation and coding schemes.
        links: one link for each.
        information_bits: [schemes] bits that a transport block carries.
        symbols: of a slot.
        abstraction: block error rates that take the place of the links, or None.
    """

    options: ClassVar[tuple[str, ...]] = ("snr_db",)

    def __init__(self, count: int, settings: LinkAdaptationSettings) -> None:
        super().__init__(count, settings.episode_length)
        self.schemes = settings.used_schemes()
        self.links = settings.links()
        self.symbols = self.links[0].layout.symbols
        self.information_bits = np.array([link.layout.information_bits for link in self.links])
        self._default_range = range_in_db(settings.snr_db)
        self.fading = CorrelatedFading(settings.correlation)
        self.delay = checks.whole("report_delay", settings.report_delay, 0, 100)
        self.report_noise_db = checks.real(
            "report_noise_db", settings.report_noise_db, least=0, most=SNR_LIMIT_DB
        )
        self.report_bias_db = checks.real(
            "report_bias_db", settings.report_bias_db, least=-SNR_LIMIT_DB, most=SNR_LIMIT_DB
        )
        abstraction = checks.flag("abstraction", settings.abstraction)
        self.history = checks.whole("history", settings.history, 1, 1000)
        self.observation_space = spaces.Dict(
            {
                "snr_db": spaces.Box(-SNR_LIMIT_DB, SNR_LIMIT_DB, (1,), np.float32),
                "acks": spaces.Box(-1, 1, (self.history,), np.int8),
                "mcs": spaces.MultiDiscrete(np.full(self.history, len(self.schemes) + 1)),
            }
        )
        self.action_space = spaces.Discrete(len(self.schemes))
        self.abstraction = BlockErrorRates.of_links(self.links) if abstraction else None
        self._begin_arrays()

    def _begin_arrays(self) -> None:
        count, symbols = self.count, self.symbols
        self._bytes = -(-int(self.information_bits.max()) // 8)
        self._noise = torch.zeros((count, BLOCK_SLOTS, symbols), dtype=torch.complex64)
        self._bits = np.zeros((count, BLOCK_SLOTS, self._bytes), dtype=np.uint8)
        self._slot = np.zeros((count, BLOCK_SLOTS, 3))
        self._position = np.full(count, BLOCK_SLOTS)
        self._mean_db = np.zeros(count)
        self._gain = np.zeros(count, dtype=np.complex128)
        self._snr = np.zeros((count, self.delay + 1))
        """True SNR in dB of the coming slot and those before, newest first."""
        self._report = np.zeros(count)
        self._acks = np.zeros((count, self.history), dtype=np.int8)
        self._mcs = np.full((count, self.history), len(self.schemes), dtype=np.int64)
        self._past: list[list[tuple[float, float, int, bool]]] = [[] for _ in range(count)]
        self._signals: list[NDArray[Any] | None] = [None] * count

    def highest_action(self) -> NDArray[Any]:
        """The number of the last scheme."""
        return np.array(len(self.schemes) - 1)

    def action_meaning(self) -> str:
        """What an action is, for messages."""
        return f"the number of one of {len(self.schemes)} modulation and coding schemes"

    def forget(self, number: int) -> None:
        """Drop the block of an episode."""
        self._position[number] = BLOCK_SLOTS

    def begin(self, which: NDArray[np.intp], options: Mapping[str, Any]) -> Info:
        """Draw mean SNR, past and present gains of episodes."""
        low, high = range_in_db(options["snr_db"]) if "snr_db" in options else self._default_range
        innovations = np.empty((len(which), self.delay + 1), dtype=np.complex128)
        for row, number in enumerate(which):
            generator = self.generators[number]
            assert generator is not None
            self._mean_db[number] = low + (high - low) * generator.random()
            normal = generator.standard_normal((self.delay + 1, 2))
            innovations[row] = (normal[:, 0] + 1j * normal[:, 1]) * 0.5**0.5
            self._past[number], self._signals[number] = [], None
        gain = innovations[:, 0]  # of the stationary distribution
        self._snr[which, self.delay] = self._in_db(which, gain)
        for step in range(1, self.delay + 1):
            gain = self.fading.next(gain, innovations[:, step])
            self._snr[which, self.delay - step] = self._in_db(which, gain)
        self._gain[which] = gain
        self._acks[which], self._mcs[which] = 0, len(self.schemes)
        self._fill(which)
        self._measure(which)
        return {"mean_snr_db": self._mean_db[which], "next_snr_db": self._snr[which, 0]}

    @torch.inference_mode()
    def act(self, which: NDArray[np.intp], actions: NDArray[Any]) -> tuple[NDArray[np.float64], Info]:
        """Send a transport block in each episode."""
        chosen = actions.astype(np.int64)
        info: Info = {
            "true_snr_db": self._snr[which, 0],
            "mean_snr_db": self._mean_db[which],
            "sent_mcs": chosen,
        }
        if self.abstraction is None:
            acks, info["bit_errors"] = self._sent(chosen, which)
            arrived = acks & (info["bit_errors"] == 0)
        else:
            acks = arrived = self._abstracted(chosen, which, self.abstraction)
        delivered = np.where(arrived, self.information_bits[chosen], 0)
        info |= {"ack": acks, "delivered_bits": delivered}
        if self.keep_signals:
            for row, number in enumerate(which):
                told = float(info["true_snr_db"][row]), float(self._report[number])
                self._past[number].append((*told, int(chosen[row]), bool(acks[row])))
        for history, newest in ((self._acks, np.where(acks, 1, -1)), (self._mcs, chosen)):
            history[which, 1:] = history[which, :-1]
            history[which, 0] = newest
        self._next_slot(which)
        info["next_snr_db"] = self._snr[which, 0]
        return delivered / self.symbols, info

    def _sent(
        self, chosen: NDArray[np.int64], which: NDArray[np.intp]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which blocks pass their CRC over the exact link, and how many of their bits are wrong."""
        acks = np.zeros(len(which), dtype=bool)
        wrong = np.zeros(len(which), dtype=np.int64)
        for scheme in np.unique(chosen):
            rows = np.flatnonzero(chosen == scheme)
            together = len(rows) if self.schemes[scheme].code_rate is None else TOGETHER
            for start in range(0, len(rows), together):
                part = rows[start : start + together]
                acks[part], wrong[part] = self._transmit(int(scheme), which[part])
        return acks, wrong

    def _abstracted(
        self, chosen: NDArray[np.int64], which: NDArray[np.intp], rates: BlockErrorRates
    ) -> NDArray[np.bool_]:
        """Which blocks arrive by chance, with the probabilities that were measured over the exact link."""
        lost = rates.rates(self._snr[which, 0])[np.arange(len(which)), chosen]
        # The noise is drawn in any case, so that a seed means the same slots as over the exact link; its
        # first sample, a normal number of variance 1/2 in each dimension, gives the uniform one.
        first = self._noise.numpy()[which, self._position[which], 0].real
        return ndtr(first.astype(np.float64) * 2**0.5) >= lost

    def _transmit(self, scheme: int, which: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which blocks of a scheme pass their CRC, and how many of their bits are wrong."""
        link, position = self.links[scheme], self._position[which]
        sent = np.unpackbits(self._bits[which, position], axis=1, count=link.layout.information_bits)
        bits = torch.from_numpy(sent)
        trace = link.hard(bits=bits.float(), draw=self._draw(which, link), decide=False)
        assert trace.crc_ok is not None
        assert trace.information_llr is not None
        if self.keep_signals:
            assert trace.received is not None
            equalized = trace.received.numpy() / self._gain[which, None]
            for row, number in enumerate(which):
                self._signals[number] = equalized[row]
        wrong = ((trace.information_llr > 0) != bits.bool()).sum(1)
        return trace.crc_ok.numpy(), wrong.numpy()

    def _draw(self, which: NDArray[np.intp], link: Link) -> Draw:
        """The slot of each episode: its gain and noise, at the mean SNR of the episode."""
        mean_db = torch.from_numpy(self._mean_db[which]).float()
        return Draw(
            snr_db=mean_db,
            channel={
                "gain": torch.from_numpy(self._gain[which].astype(np.complex64))[:, None],
                "noise": self._noise[which, self._position[which]],
                "noise_variance": (10 ** (-mean_db / 10))[:, None],
            },
            uniforms=torch.zeros(len(which), link.layout.tokens),
        )

    def observe(self) -> dict[str, NDArray[Any]]:
        """Report [count, 1], and [count, history] acknowledgements and schemes."""
        return {
            "snr_db": self._report[:, None].astype(np.float32),
            "acks": self._acks.copy(),
            "mcs": self._mcs.copy(),
        }

    def picture(self, number: int) -> Any:
        """Constellation of the last slot, SNR, and schemes with their acknowledgements."""
        from linksim_envs.link_adaptation_picture import picture

        past, signals = self._past[number], self._signals[number]
        last = 0 if not past else past[-1][2]
        points = self.links[last].modem.constellation().numpy()
        labels = [one.label for one in self.schemes]
        return picture(past, signals, points, labels, self._mean_db[number], self.episode_length)

    def _in_db(self, which: NDArray[np.intp], gain: NDArray[np.complex128]) -> NDArray[np.float64]:
        power = 10 * np.log10(np.maximum(np.abs(gain) ** 2, 1e-30))
        return np.clip(self._mean_db[which] + power, -SNR_LIMIT_DB, SNR_LIMIT_DB)

    def _next_slot(self, which: NDArray[np.intp]) -> None:
        # Fading and report of a slot come from the row of the slot before it, which is there already.
        drawn = self._slot[which, self._position[which]]
        self._gain[which] = self.fading.next(self._gain[which], (drawn[:, 0] + 1j * drawn[:, 1]) * 0.5**0.5)
        self._snr[which, 1:] = self._snr[which, :-1]
        self._snr[which, 0] = self._in_db(which, self._gain[which])
        self._fill(which)
        self._measure(which)

    def _measure(self, which: NDArray[np.intp]) -> None:
        noise = self._slot[which, self._position[which], 2]
        report = self._snr[which, self.delay] + self.report_bias_db + self.report_noise_db * noise
        self._report[which] = np.clip(report, -SNR_LIMIT_DB, SNR_LIMIT_DB)

    def _fill(self, which: NDArray[np.intp]) -> None:
        """Go to the next slot of the blocks, and draw those that are used up."""
        self._position[which] += 1
        for number in which[self._position[which] >= BLOCK_SLOTS]:
            generator = self.generators[number]
            assert generator is not None
            shape = (BLOCK_SLOTS, self.symbols, 2)
            noise = generator.standard_normal(shape, dtype=np.float32) * np.float32(0.5**0.5)
            self._noise[number] = torch.view_as_complex(torch.from_numpy(noise))
            self._bits[number] = generator.integers(0, 256, (BLOCK_SLOTS, self._bytes), dtype=np.uint8)
            self._slot[number] = generator.standard_normal((BLOCK_SLOTS, 3))
            self._position[number] = 0
