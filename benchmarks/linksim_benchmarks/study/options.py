"""What `linksim study` can be told."""

from dataclasses import dataclass, field
from pathlib import Path

from linksim import LinkConfig
from linksim_benchmarks.study.methods import COMPARED


@dataclass(kw_only=True)
class StudyOptions:
    """Compare training methods: tuned alike, trained over seeds and Es/N0, tested on the deployed chain.

    Every method may change its learning rate, marginal-entropy bonus or temperatures, whichever is best on
    validation data; then one model is trained for each Es/N0 and seed, and the test part is sent over both
    paths. Trainings that the store has are not run again, so the same command goes on after an interruption,
    and a larger study takes over what a smaller one has.
    """

    methods: tuple[str, ...] = COMPARED
    """Methods; beside these, exact-surrogate and the names of the surrogate's defects."""
    reference: str = "recommended"
    """Method that the others are compared with, in pairs."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds of the trainings that are compared."""
    snr_db: tuple[str, ...] = ("-5", "0", "4", "8", "14")
    """Es/N0 in dB of training and test, as numbers or ranges from:to:step."""
    dataset: str = "mnist5k"
    """mnist5k, digits, mnist, fashion-mnist, cifar10, or the path of an .npz file."""
    epochs: int = 30
    """Epochs of every training."""
    batch_size: int = 64
    """Frames per training step."""
    draws: int = 10
    """Transmissions of every test image, the same for all methods; up to 255."""
    vary: tuple[str, ...] = ()
    """Variations of the link beside the link as given, such as tokens=8 or channel=rayleigh."""
    tuning_snr_db: tuple[str, ...] = ("-5", "8")
    """Es/N0 in dB at which settings are tuned."""
    tuning_seeds: tuple[int, ...] = (10,)
    """Seeds of these trainings."""
    untuned: bool = False
    """Take every method as it is defined."""
    tuned: Path | None = None
    """Take the settings that another study tuned, from its study.json."""
    workers: int | None = None
    """Processes; all cores if left out."""
    cluster: str | None = None
    """A Dask cluster instead: local, or the address of a scheduler."""
    store: Path | None = None
    """File that keeps finished trainings; OUT/study.sqlite if left out."""
    out: Path = Path("runs/study")
    """Folder for results, pictures and tables."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""
    link: LinkConfig = field(default_factory=LinkConfig)
