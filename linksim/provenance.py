"""The card that says where a result comes from."""

import hashlib
import json
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("linksim", "torch", "sionna-no-rt", "sionna", "numpy")

CONVENTIONS = {
    "llr": "ln P(bit=1)/P(bit=0)",
    "noise_variance": "total variance N0 of the complex noise",
    "snr_db": "Es/N0",
    "ebno_db": "Es/N0 times transmitted symbols over information bits, padding included",
    "labels": "most significant bit first, Gray, 3GPP TS 38.211",
}


def card(seed: int | None, backend: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, machine, backend, seed, conventions, hash of the configuration, command.

    Args:
        seed: what the result was seeded with.
        backend: what computed mapping and LLRs.
        configuration: what the hash is taken of; plain numbers, strings, lists and dictionaries.
    """
    return {
        "versions": {"python": platform.python_version(), **versions()},
        "machine": f"{platform.system()} {platform.machine()}",
        "backend": backend,
        "seed": seed,
        "conventions": CONVENTIONS,
        "configuration_hash": configuration_hash(configuration),
        "command": shlex.join(["linksim", *sys.argv[1:]]) if sys.argv[0].endswith("linksim") else None,
    }


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """SHA-256 of a configuration as sorted JSON; equal configurations have equal hashes."""
    text = json.dumps(configuration, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of packages by name, of those that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
