"""linksim's hard chain against vectors of Sionna 1.2.2 on TensorFlow.

`make golden` makes `golden.npz` with `tests/conformance/reference_chain.py`; `make conformance` compares with
more frames and longer codes than are kept here.
"""

from pathlib import Path

import numpy as np
import pytest
from conformance.compare import compare_case, figure, section
from conformance.inputs import CRC_BITS, coded_cases, uncoded_cases
from conformance.linksim_chain import run_case, run_crc

GOLDEN = Path(__file__).with_name("golden.npz")
CASES = uncoded_cases() + coded_cases(small=True)


@pytest.fixture(scope="module")
def vectors():
    with np.load(GOLDEN, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def compare(vectors):
    """A function from a case to the figures of its comparison, after a change of linksim's outputs."""
    inputs, outputs = section(vectors, "input"), section(vectors, "output")

    def run(case, change=lambda ours: ours):
        reference = section(outputs, case.name)
        ours = run_case(case, inputs, reference.get("llr_app"))
        return {
            entry.name.rpartition("/")[2]: entry
            for entry in compare_case(case, inputs, reference, change(ours))
        }

    return run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_chain_equals_the_reference(case, vectors, compare):
    figures = compare(case)
    assert [entry for entry in figures.values() if not entry.passed] == []
    assert set(figures) - {"delivered"} == set(section(vectors, f"output/{case.name}"))


@pytest.mark.parametrize("crc", CRC_BITS)
def test_crcs_equal_the_reference(crc, vectors):
    ours = run_crc(crc, section(vectors, "input"))
    np.testing.assert_array_equal(ours, vectors[f"output/crc/{crc}/code_word"])


def test_decoded_frames_are_compared(compare):
    """Some frames decode, so that their bits count in single precision, and some do not."""
    figures = [compare(case)["decoded"].values for case in CASES if case.code_bits]
    single, double = figures[0::2], figures[1::2]
    assert 0 < sum(single) < sum(double)


def test_where_the_vectors_come_from(vectors):
    assert vectors["version/sionna"] == "1.2.2"
    assert "version/tensorflow" in vectors
    assert GOLDEN.stat().st_size < 300_000


def flip_one(bits):
    """One bit of each frame; a frame that does not decode may not count."""
    bits = bits.copy()
    bits[:, 7] ^= 1
    return bits


DEFECTS = {
    "symbols": np.conj,
    "received": lambda received: received * 1.0001,
    "llr_app": lambda llr: -llr,
    "code_word": flip_one,
    "decoded": flip_one,
    "delivered": flip_one,
    "crc_ok": np.logical_not,
}


@pytest.mark.parametrize("signal", DEFECTS)
def test_a_defect_is_found(signal, compare):
    (case,) = [case for case in CASES if case.name == "coded/k100_n199_m4/interleaved/double"]
    figures = compare(case, lambda ours: {**ours, signal: DEFECTS[signal](ours[signal])})
    assert [name for name, entry in figures.items() if not entry.passed] == [signal]


@pytest.mark.parametrize(
    "ours",
    [
        np.array([1.0, np.nan]),
        np.array([1.0, 2.0, 3.0]),
        np.array([1.0, 2.0], dtype=np.float32),
        np.array([1.0, 2.0 + 4e-5]),
    ],
    ids=["NaN", "shape", "dtype", "beyond the tolerance"],
)
def test_a_figure_fails(ours):
    assert figure("", np.array([1.0, 2.0 + 2e-5]), np.array([1.0, 2.0]), 1e-5).passed
    assert not figure("", ours, np.array([1.0, 2.0]), 1e-5).passed
