"""The tables of a bundle: codebook, labels, constellation, fixed-point words, code."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linksim.deploy.bundle_files import read_table
from linksim.deploy.manifest import LARGEST, Manifest
from linksim.frame import CRC_BITS

MOST_EDGES = 2**17
"""The largest code of 3GPP TS 38.212 has 316 ones in its base graph, each of them 384 edges."""

MOST_GENERATOR = 2**28
"""Of the bits of a generator matrix; the largest code of 3GPP TS 38.212 has 8448 by 25344."""

MOST_WEIGHTS = 2**16
ENERGY_TOLERANCE = 1e-3


@dataclass(frozen=True)
class CodeGraph:
    """The bipartite graph that belief propagation works on; E edges between checks and variables.

    Attributes:
        checks, variables: [E] int32, the ends of every edge.
        positions: [L] int32, the variable of each coded bit.
        known_zeros: [F] int32, variables known to be zero at the receiver.
    """

    checks: np.ndarray
    variables: np.ndarray
    positions: np.ndarray
    known_zeros: np.ndarray


@dataclass(frozen=True)
class Tables:
    """The tables of a bundle, checked.

    Attributes:
        codebook: [K, D] float32.
        labels: [K, b] uint8, bits of each index, most significant first.
        constellation: [2^m] complex64, points in the order of their labels.
        integer_codebook: [K, D] int16, in units of the manifest's codebook step.
        weights: [T] uint16, posterior weight of a score so many LLR steps below the largest one; zero beyond.
        generator: [N·b, ⌈L/8⌉] uint8 generator matrix of CRC and code, eight columns in a byte; None without
            both.
        crc: [N·b, ⌈c/8⌉] uint8 generator matrix of the CRC, likewise; None without.
        graph: of the LDPC code; None without.
    """

    codebook: np.ndarray
    labels: np.ndarray
    constellation: np.ndarray
    integer_codebook: np.ndarray
    weights: np.ndarray
    generator: np.ndarray | None
    crc: np.ndarray | None
    graph: CodeGraph | None


def read_tables(folder: Path, manifest: Manifest) -> Tables:
    """Read and check the tables of a bundle.

    Raises:
        FileNotFoundError, ValueError: as `read_table`, and if what a table holds makes no sense.
    """
    link, layout = manifest.link, manifest.link.layout

    def table(name: str, dtype: str, *shape: int | None) -> np.ndarray:
        return read_table(folder, f"tables/{name}.npy", manifest, dtype, shape)

    def packed(name: str, columns: int) -> np.ndarray:
        rows = layout.information_bits
        _require(rows * columns <= MOST_GENERATOR, folder, name, f"exceeds {MOST_GENERATOR} bits")
        return table(name, "|u1", rows, -(-columns // 8))

    tables = Tables(
        codebook=table("codebook", "<f4", link.codebook_size, link.embedding_dim),
        labels=table("labels", "|u1", link.codebook_size, layout.bits_per_token),
        constellation=table("constellation", "<c8", 2**link.bits_per_symbol),
        integer_codebook=table("integer_codebook", "<i2", link.codebook_size, link.embedding_dim),
        weights=table("weights", "<u2", None),
        generator=packed("generator", layout.coded_bits) if layout.coded else None,
        crc=packed("crc", CRC_BITS[link.crc]) if link.crc != "none" else None,
        graph=_graph(table, layout.coded_bits) if link.code != "none" else None,
    )
    _check(tables, manifest, folder)
    return tables


def binary_labels(count: int, width: int) -> np.ndarray:
    """[count, width] uint8 binary labels of 0 … count−1, most significant bit first."""
    return (np.arange(count)[:, None] >> np.arange(width - 1, -1, -1) & 1).astype(np.uint8)


def _graph(table, coded_bits: int) -> CodeGraph:
    checks = table("checks", "<i4", None)
    return CodeGraph(
        checks,
        table("variables", "<i4", len(checks)),
        table("positions", "<i4", coded_bits),
        table("known_zeros", "<i4", None),
    )


def _check(tables: Tables, manifest: Manifest, folder: Path) -> None:
    codebook, points, words = tables.codebook, tables.constellation, manifest.integer
    within = bool((np.abs(codebook) <= LARGEST).all())
    _require(within, folder, "codebook", f"must be finite, and at most {LARGEST:g} in magnitude")
    own = binary_labels(*tables.labels.shape)
    _require(np.array_equal(tables.labels, own), folder, "labels", "must be binary, MSB first")
    energy = float(np.mean(np.abs(points.astype(np.complex128)) ** 2))
    _require(
        abs(energy - 1) < ENERGY_TOLERANCE, folder, "constellation", "must be finite and of unit mean energy"
    )
    largest = 2 ** (words.codebook_bits - 1) - 1
    within = np.abs(tables.integer_codebook.astype(np.int64)) <= largest
    _require(bool(within.all()), folder, "integer_codebook", f"must lie within ±{largest}")
    _require(len(tables.weights) <= MOST_WEIGHTS, folder, "weights", f"has more than {MOST_WEIGHTS} values")
    weights = tables.weights.astype(np.int64)
    falling = (
        len(weights) > 0 and weights[0] == 2**words.weight_bits - 1 and bool((np.diff(weights) <= 0).all())
    )
    _require(falling, folder, "weights", "must fall from 2^w − 1")
    if tables.graph is not None:
        _check_graph(tables.graph, manifest.link.layout.message_bits, folder)


def _check_graph(graph: CodeGraph, message_bits: int, folder: Path) -> None:
    _require(0 < len(graph.checks) <= MOST_EDGES, folder, "checks", "has too many edges, or none")
    for name, ends in {"checks": graph.checks, "variables": graph.variables}.items():
        _require(int(ends.min()) >= 0 and int(ends.max()) < MOST_EDGES, folder, name, "is out of range")
        _require(bool(np.bincount(ends).all()), folder, name, "must leave no number out")
    count = int(graph.variables.max()) + 1
    _require(message_bits <= count, folder, "variables", "must hold all message bits")
    for name, places in {"positions": graph.positions, "known_zeros": graph.known_zeros}.items():
        inside = len(places) == 0 or (int(places.min()) >= 0 and int(places.max()) < count)
        _require(inside and len(np.unique(places)) == len(places), folder, name, "must name variables once")


def _require(condition: bool, folder: Path, name: str, fault: str) -> None:
    if not condition:
        raise ValueError(f"{folder / 'tables' / name}.npy {fault}")
