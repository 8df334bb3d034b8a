"""What a `linksim/LinkAdaptation-v0` is made with, and the links that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypedDict

from linksim import Link, checks
from linksim_envs.mcs import Mcs, table

CODED_SYMBOLS = 96
UNCODED_SYMBOLS = 48


class LinkAdaptationArguments(TypedDict, total=False):
    """The keyword arguments that the environments pass on to `LinkAdaptationSettings`."""

    coded: bool
    schemes: Sequence[Mcs] | None
    symbols: int | None
    snr_db: float | tuple[float, float]
    correlation: float
    report_delay: int
    report_noise_db: float
    report_bias_db: float
    history: int
    bp_iterations: int
    episode_length: int
    abstraction: bool


@dataclass(frozen=True, kw_only=True)
class LinkAdaptationSettings:
    """Settings of the environment; `LinkAdaptationEnv` says what they mean, and checks them."""

    coded: bool = True
    schemes: Sequence[Mcs] | None = None
    symbols: int | None = None
    snr_db: float | tuple[float, float] = (0.0, 25.0)
    correlation: float = 0.99
    report_delay: int = 2
    report_noise_db: float = 1.0
    report_bias_db: float = 0.0
    history: int = 8
    bp_iterations: int = 10
    episode_length: int = 200
    abstraction: bool = False

    @classmethod
    def of(cls, env: str, arguments: LinkAdaptationArguments) -> "LinkAdaptationSettings":
        """Settings from the keyword arguments of an environment.

        Raises:
            TypeError: if there is one that it does not know.
        """
        known = [one.name for one in fields(cls)]
        for name in arguments:
            if name not in known:
                raise TypeError(f"{env} has no argument {name!r}: give some of {', '.join(known)}")
        return cls(**arguments)

    def used_schemes(self) -> tuple[Mcs, ...]:
        """The schemes given, or else the usual ones.

        Raises:
            TypeError: if they are no list of schemes.
            ValueError: if there are fewer than two.
        """
        usual = table(self.coded)
        if self.schemes is not None and not isinstance(self.schemes, Sequence):
            raise TypeError(f"schemes must be a list of Mcs or None, got {self.schemes!r}")
        found = tuple(usual if self.schemes is None else self.schemes)
        if len(found) < 2 or not all(isinstance(one, Mcs) for one in found):
            raise ValueError(f"schemes must be two or more Mcs, got {self.schemes!r}")
        return found

    def links(self) -> list[Link]:
        """A link for each scheme, whose frame is a transport block.

        Raises:
            TypeError, ValueError: as for `used_schemes`, and if a scheme has no room for information.
        """
        schemes = self.used_schemes()
        usual = UNCODED_SYMBOLS if all(one.code_rate is None for one in schemes) else CODED_SYMBOLS
        symbols = checks.whole("symbols", usual if self.symbols is None else self.symbols, 1, 1024)
        iterations = checks.whole("bp_iterations", self.bp_iterations, 1, 1000)
        return [Link(one.config(symbols, iterations)).eval().requires_grad_(False) for one in schemes]
