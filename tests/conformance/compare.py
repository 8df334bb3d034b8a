"""Run linksim's hard chain on the inputs of the reference and compare every signal; see `reference_chain`.

    PYTHONPATH=tests python -m conformance.compare REFERENCE.npz [--json FILE]

Bits, symbols and decoded bits must be equal. Received symbols and LLRs must be within a relative plus an
absolute tolerance of 1e-5 in single and 1e-9 in double precision. What is decoded are the reference's LLRs.

Belief propagation on a frame that does not decode is chaotic: rounding in the last place of a float32 message
can turn a bit. So in single precision decoded bits count in the frames that the reference decodes correctly.
In double precision they count in all frames. `delivered` are the decisions of linksim's whole chain, which
starts from LLRs of its own: they count where the reference decodes correctly.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from conformance.inputs import CRC_BITS, Case, coded_cases, frames_of, uncoded_cases
from conformance.linksim_chain import run_case, run_crc

TOLERANCES = {"single": 1e-5, "double": 1e-9}
WITHIN_TOLERANCE = ("received", "llr_app", "llr_maxlog")

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Figure:
    """How one signal compares.

    Attributes:
        name: case and signal.
        values: how many are compared.
        unequal: how many of them are not equal.
        tolerance: relative plus absolute; 0 if they must be equal.
        worst: largest deviation as a multiple of what is tolerated; without tolerance, the largest itself.
        passed: whether all are as they must be.
    """

    name: str
    values: int
    unequal: int
    tolerance: float
    worst: float
    passed: bool


def figure(name: str, ours: np.ndarray, reference: np.ndarray, tolerance: float) -> Figure:
    """Compare one signal; a wrong shape or dtype or a NaN never passes."""
    if ours.shape != reference.shape or ours.dtype != reference.dtype:
        return Figure(name, reference.size, reference.size, tolerance, np.inf, False)
    unequal = int((ours != reference).sum())
    wide = np.complex128 if np.iscomplexobj(reference) else np.float64
    deviation = np.abs(ours.astype(wide) - reference.astype(wide))
    if tolerance:
        deviation = deviation / (tolerance + tolerance * np.abs(reference.astype(wide)))
    worst = float(deviation.max(initial=0.0))
    return Figure(name, reference.size, unequal, tolerance, worst, worst <= 1 if tolerance else unequal == 0)


def compare_case(case: Case, inputs: Arrays, reference: Arrays, ours: Arrays) -> list[Figure]:
    """Compare all signals of one case; `reference` and `ours` are named by signal."""
    figures = []
    for signal, array in ours.items():
        expected = reference["decoded" if signal == "delivered" else signal]
        if signal == "delivered" or (signal in ("decoded", "crc_ok") and case.precision == "single"):
            correct = (reference["decoded"] == frames_of(case, inputs).bits).all(1)
            array, expected = array[correct], expected[correct]
        tolerance = TOLERANCES[case.precision] if signal in WITHIN_TOLERANCE else 0.0
        figures.append(figure(f"{case.name}/{signal}", array, expected, tolerance))
    return figures


def section(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix/`, named by the rest."""
    return {
        name.removeprefix(f"{prefix}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{prefix}/")
    }


def compare_all(vectors: Arrays, small: bool) -> list[Figure]:
    """Run linksim on the inputs in `vectors` and compare with the outputs there."""
    inputs, outputs = section(vectors, "input"), section(vectors, "output")
    figures = []
    for case in uncoded_cases() + coded_cases(small):
        reference = section(outputs, case.name)
        figures += compare_case(case, inputs, reference, run_case(case, inputs, reference.get("llr_app")))
    for crc in CRC_BITS:
        name = f"crc/{crc}/code_word"
        figures.append(figure(name, run_crc(crc, inputs), outputs[name], 0.0))
    return figures


def table(figures: list[Figure]) -> str:
    """One line per kind, precision and signal."""
    groups: dict[tuple[str, str, str], list[Figure]] = {}
    for entry in figures:
        kind, *middle, signal = entry.name.split("/")
        precision = middle[-1] if middle[-1] in TOLERANCES else ""
        groups.setdefault((kind, precision, signal), []).append(entry)
    lines = [
        f"{'chain':8} {'precision':9} {'signal':10} {'cases':>5} {'values':>9} {'unequal':>8} "
        f"{'tolerance':>9} {'worst/tolerance':>15} result"
    ]
    for (kind, precision, signal), group in sorted(groups.items()):
        tolerance = group[0].tolerance
        lines.append(
            f"{kind:8} {precision:9} {signal:10} {len(group):5} {sum(f.values for f in group):9} "
            f"{sum(f.unequal for f in group):8} {tolerance or 'equal':>9} "
            f"{f'{max(f.worst for f in group):.2g}' if tolerance else '':>15} "
            f"{'passed' if all(f.passed for f in group) else 'FAILED'}"
        )
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 if anything disagrees."""
    parser = argparse.ArgumentParser(description="Compare linksim with the reference chain.")
    parser.add_argument("reference", type=Path, help="what conformance.reference_chain wrote")
    parser.add_argument("--small", action="store_true", help="if it was written with --small")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # more of them wait for each other on these small tensors
    with np.load(arguments.reference, allow_pickle=False) as file:
        vectors = dict(file)
    versions = {name: str(text) for name, text in section(vectors, "version").items()}
    figures = compare_all(vectors, arguments.small)
    print("reference:", ", ".join(f"{name} {text}" for name, text in versions.items()))
    print(table(figures))
    failed = [entry for entry in figures if not entry.passed]
    for entry in failed:
        print(f"FAILED {entry}", file=sys.stderr)
    if arguments.json:
        result = {"versions": versions, "checks": [asdict(entry) for entry in figures]}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
