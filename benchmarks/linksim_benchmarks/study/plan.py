"""What a study trains: methods, settings, Es/N0 and seeds, on a link and on its variations."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linksim import LinkConfig, checks
from linksim_benchmarks.study.methods import METHODS
from linksim_benchmarks.study.training import Training
from linksim_benchmarks.study.tuning import candidates
from linksim_training.data import ImageData

BASE = "base"
"""Name of the link as given, beside its variations."""

Place = tuple[str, str, float, int]
"""Variation, method, Es/N0 in dB and seed."""


@dataclass(frozen=True)
class Plan:
    """A study.

    Attributes:
        dataset: name, or path of an .npz file.
        images: hash of its content.
        link: settings of the link that differ from the defaults.
        variations: by name, what each changes in the link; `BASE` changes nothing.
        methods: names.
        snr_db, seeds: one model is trained for each pair.
        tuning_snr_db, tuning_seeds: the same for every candidate of a method; empty: no tuning.
        epochs, batch_size, draws: as for `Training`.
    """

    dataset: str
    images: str
    link: Mapping[str, Any]
    methods: Sequence[str]
    snr_db: Sequence[float]
    seeds: Sequence[int]
    tuning_snr_db: Sequence[float]
    tuning_seeds: Sequence[int]
    epochs: int
    batch_size: int
    draws: int
    variations: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {BASE: {}})

    def tuning(self) -> dict[tuple[str, int], list[Training]]:
        """The trainings of every candidate, by method and number of the candidate, on the link as given."""
        return {
            (method, number): [
                self._training(BASE, method, candidate, snr_db, seed, test=False)
                for snr_db in self.tuning_snr_db
                for seed in self.tuning_seeds
            ]
            for method in self.methods
            for number, candidate in enumerate(candidates(METHODS[method]))
            if self.tuning_snr_db
        }

    def trainings(
        self, tuned: Mapping[str, Mapping[str, Any]]
    ) -> dict[tuple[str, str, float, int], Training]:
        """What is compared; all methods with one seed before the next seed.

        Args:
            tuned: what each method changes in its settings.
        """
        return {
            (variation, method, snr_db, seed): self._training(
                variation, method, tuned[method], snr_db, seed, test=True
            )
            for variation in self.variations
            for seed in self.seeds
            for snr_db in self.snr_db
            for method in self.methods
        }

    def _training(
        self, variation: str, method: str, change: Mapping[str, Any], snr_db: float, seed: int, *, test: bool
    ) -> Training:
        own = METHODS[method].of(self.epochs, change)
        settings = {**self.link, **self.variations[variation], **own}
        return Training(
            dataset=self.dataset,
            images=self.images,
            settings=settings,
            snr_db=snr_db,
            seed=seed,
            epochs=self.epochs,
            batch_size=self.batch_size,
            draws=self.draws,
            test=test,
        )


def hash_of(data: ImageData) -> str:
    """Hash of all images and labels of a data set."""
    content = hashlib.sha256()
    for part in ("train", "validation", "test"):
        for one in data.part(part):
            content.update(repr((tuple(one.shape), str(one.dtype))).encode())
            content.update(one.numpy().tobytes())
    return content.hexdigest()


def read_variations(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Variations of a link from texts such as "tokens=8" or "channel=rayleigh,bits_per_symbol=2".

    Raises:
        ValueError: if one cannot be read, is given twice, or names no setting of a link.
    """
    defaults = LinkConfig().as_dict()
    found: dict[str, dict[str, Any]] = {BASE: {}}
    for text in texts:
        change: dict[str, Any] = {}
        for word in text.split(","):
            name, equals, value = word.partition("=")
            name = name.strip().lstrip("-").replace("-", "_")
            if not equals or name not in defaults:
                raise ValueError(
                    f"--vary takes settings of a link, as in tokens=8 or channel=rayleigh, got {text!r}"
                )
            change[name] = _value(name, value.strip(), defaults[name])
        LinkConfig(**change)
        if text in found:
            raise ValueError(f"--vary has {text!r} twice: give it once")
        found[text] = change
    return found


def _value(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool | list | tuple) or default is None:
        raise ValueError(f"--vary cannot vary {name}: give it for the whole study, as an option of its own")
    if isinstance(default, str):
        return text
    try:
        return type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise ValueError(f"--vary {name} must be {kind}, got {text!r}") from None


def check_methods(names: Sequence[str], reference: str) -> tuple[str, ...]:
    """Names of methods, each once, the reference among them.

    Raises:
        ValueError: if one is unknown.
    """
    for name in (*names, reference):
        checks.one_of("--methods", name, METHODS)
    return tuple(dict.fromkeys((*names, reference)))
