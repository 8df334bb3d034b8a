"""The page of an audit: one HTML file that needs nothing else, works offline and can be printed.

Nothing in it can be requested from anywhere and no script can run but its own: its Content-Security-Policy
allows images that are data, and one style sheet and one script by their hashes.
"""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from linksim import files
from linksim_benchmarks.audit.figures import figure_style
from linksim_benchmarks.audit.picture import largest_gap
from linksim_benchmarks.audit.sections import sections
from linksim_benchmarks.audit.tables import decibels

PACKAGE = "linksim_benchmarks.audit"
CHECKPOINT_FACTS = {
    "path": "file",
    "sha256": "SHA-256 of the file",
    "link": "link",
    "surrogate": "surrogate audited",
    "data": "data",
    "images": "images",
    "draws": "draws of the channel",
    "tied_tokens": "tokens between two codewords",
    "images_left_out": "images left out for them",
    "epoch": "epoch",
    "trained_snr_db": "trained at Es/N0 in dB",
}
CARD_FACTS = {
    "machine": "machine",
    "backend": "backend of mapping and LLRs",
    "seed": "seed",
    "configuration_hash": "hash of the configuration",
}


def audit_page(result: Mapping[str, Any], path: Path) -> Path:
    """Write the page of an audit, whole.

    Args:
        result: what `linksim audit` measured, as `audit.json` holds it.
        path: of the page.

    Returns:
        the path.
    """
    style, script = _package_text("page.css"), _package_text("page.js")
    with figure_style():
        parts = sections(result)
    snrs = sorted({snr for part in parts for snr in part.cards if snr is not None})
    environment = Environment(
        loader=PackageLoader(PACKAGE, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["decibels"] = decibels
    text = environment.get_template("page.html.jinja").render(
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        checkpoints=result["checkpoints"],
        sections=parts,
        snrs=snrs,
        first_snr=_first_snr(result, snrs),
        facts=_facts(result),
        command=result["provenance"]["command"],
    )
    files.write_text(path, text)
    return path


def _package_text(name: str) -> str:
    return package_files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    allowed = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {source}" for name, source in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _first_snr(result: Mapping[str, Any], snrs: list[float]) -> float | None:
    """The SNR to show first: that of training if it was audited, else that of the largest gap."""
    trained = [checkpoint["trained_snr_db"] for checkpoint in result["checkpoints"]]
    for snr in trained:
        if snr in snrs:
            return snr
    gap = largest_gap(result["rows"])
    return gap if gap is not None or not snrs else snrs[0]


def _facts(result: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Headings, each with pairs of term and text; what is None is left out."""
    card = result["provenance"]
    found = [(each["name"], _named(each, CHECKPOINT_FACTS)) for each in result["checkpoints"]]
    found.append(("Measurement", _named(card, CARD_FACTS)))
    found.append(("Versions", _named(card["versions"])))
    found.append(("Conventions", _named(card["conventions"])))
    return found


def _named(facts: Mapping[str, Any], terms: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    terms = {key: key for key in facts} if terms is None else terms
    return [(term, _text(facts[key])) for key, term in terms.items() if facts.get(key) is not None]


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " to ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
