"""What is installed, and what results say about where they come from."""

import hashlib
import json
import warnings
from importlib.metadata import PackageNotFoundError, version

from linksim import provenance
from linksim.config import LinkConfig
from linksim.verification.broken import require

SIONNA_PACKAGES = ("sionna", "sionna-no-rt")


class VerificationWarning(UserWarning):
    """Something that is not wrong yet, but deserves attention."""


def provenance_card(seed: int) -> str:
    """The card of a result names versions, seed, backend and conventions; its hash is stable."""
    configuration = LinkConfig().as_dict()
    card = provenance.card(seed, "sionna", configuration)
    require(json.loads(json.dumps(card)) == card, "the card does not survive JSON")
    require({"python", "torch", "numpy"} <= card["versions"].keys(), "versions of python, torch, numpy")
    require(card["versions"]["torch"] == version("torch"), "version of torch")
    require((card["seed"], card["backend"]) == (seed, "sionna"), "seed and backend")
    require(card["conventions"].keys() >= CONVENTIONS, "conventions")
    text = json.dumps(dict(sorted(configuration.items())), separators=(",", ":"))
    expected = hashlib.sha256(text.encode()).hexdigest()
    require(card["configuration_hash"] == expected, "configuration hash is not SHA-256 of sorted JSON")
    turned = dict(reversed(configuration.items()))
    require(provenance.configuration_hash(turned) == expected, "the hash depends on the order")
    other = provenance.configuration_hash({**configuration, "tokens": configuration["tokens"] + 1})
    require(other != expected, "the hash does not depend on the configuration")
    return f"{len(card['versions'])} versions, {len(card['conventions'])} conventions, hash {expected[:8]}…"


CONVENTIONS = {"llr", "noise_variance", "snr_db", "ebno_db", "labels"}


def installed_packages(seed: int) -> str:
    """One distribution provides the module sionna; two overwrite each other's files, which is a warning."""
    found = {}
    for package in SIONNA_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    require(found, "no installed distribution provides the module sionna: pip install sionna-no-rt")
    listed = ", ".join(f"{package} {number}" for package, number in found.items())
    if len(found) > 1:
        message = f"{listed} are both installed and write the same files: uninstall both, then install one"
        warnings.warn(message, VerificationWarning, stacklevel=2)
    return listed
