"""Parts of an audit's result: a link in words, names of checkpoints, the history of a run."""

import json
from pathlib import Path

import pytest
import torch

from linksim import Link, LinkConfig
from linksim_benchmarks.audit.result import describe, names_of
from linksim_benchmarks.audit.run_history import METRICS, history, history_of, read_rows

LINKS = {
    "as it comes": (
        {},
        "16 tokens × 6 bits, 24 symbols of 16-QAM, AWGN, app demapper, posterior mean",
    ),
    "padded": (
        {"tokens": 5, "codebook_size": 48, "bits_per_symbol": 8, "decision": "map"},
        "5 tokens × 6 bits, 4 symbols of 256-QAM, AWGN, app demapper, MAP index",
    ),
    "coded": (
        {"tokens": 8, "code": "ldpc", "crc": "CRC16", "code_rate": 0.5, "channel": "rayleigh"},
        "8 tokens × 6 bits, CRC16, LDPC at rate 0.5, 32 symbols of 16-QAM, Rayleigh block fading, "
        "app demapper, posterior mean",
    ),
    "checked": (
        {"tokens": 4, "crc": "CRC16"},
        "4 tokens × 6 bits, CRC16, 10 symbols of 16-QAM, AWGN, app demapper, posterior mean",
    ),
    "phases": (
        {"modulation": "psk", "bits_per_symbol": 3, "channel": "rician-fast", "demapper": "maxlog"},
        "16 tokens × 6 bits, 32 symbols of 8-PSK, Rician fast fading, maxlog demapper, posterior mean",
    ),
    "hard bits": (
        {"tokens": 2, "modulation": "psk", "bits_per_symbol": 1, "channel": "bsc", "decision": "radius"},
        "2 tokens × 6 bits, 12 symbols of BPSK, binary symmetric channel, app demapper, "
        "mean over a Hamming ball",
    ),
    "defects": (
        {"defects": ("llr-scale", "radius-1")},
        "16 tokens × 6 bits, 24 symbols of 16-QAM, AWGN, app demapper, posterior mean; "
        "surrogate with llr-scale and radius-1",
    ),
}


@pytest.mark.parametrize("kind", LINKS)
def test_links_in_words(kind):
    options, words = LINKS[kind]
    assert describe(Link(LinkConfig(**options))) == words


def test_points_of_ones_own_in_words():
    points = torch.tensor([1, 1j, -1, -1j])
    link = Link(LinkConfig(tokens=3, codebook_size=4, bits_per_symbol=2), constellation=points)
    assert describe(link).startswith("3 tokens × 2 bits, 3 symbols of 4 points, AWGN")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/demo/checkpoints/best_hard_model.pt"], ["demo"]),
        (["/a/b.c/checkpoints/best_model.pt"], ["b.c"]),
        (["models/small.v2.pt"], ["small.v2"]),
        (["small.pt"], ["small"]),
        (["runs/one/checkpoints/m.pt", "two.pt"], ["A: one", "B: two"]),
        (["a/run/checkpoints/m.pt", "b/run/checkpoints/m.pt"], ["A: run m", "B: run m"]),
        (["m.pt", "m.pt"], ["A: m m", "B: m m"]),
    ],
)
def test_names_of_checkpoints(paths, names):
    assert names_of([Path(path) for path in paths]) == names


def test_the_run_folder_may_be_where_one_is(monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert names_of([Path("checkpoints/best_model.pt")]) == ["here"]


def test_history():
    rows = [
        {"epoch": 1, "phase": "LEARNING", "mismatch": {"vq_nmse": 0.5, "llr_nmse": 2.0, "other": 1.0}},
        {"epoch": 2, "phase": "ALIGNMENT", "mismatch": {"vq_nmse": 0.25}},
        {"epoch": 3, "phase": "ALIGNMENT", "mismatch": {"vq_nmse": 0.125, "llr_nmse": None}},
    ]
    found = history(rows)
    assert found["epochs"] == [1, 2, 3]
    assert found["alignment_start_epoch"] == 2
    assert tuple(found["stages"]) == METRICS
    assert found["stages"]["vq_nmse"] == [0.5, 0.25, 0.125]
    assert found["stages"]["llr_nmse"] == [2.0, None, None]


def test_a_history_without_mismatch():
    """Rows of a run that measured none, or of phase 1 only."""
    found = history([{"epoch": 4}, {"epoch": 5, "phase": "LEARNING", "mismatch": {}}])
    assert found["epochs"] == [4, 5]
    assert found["alignment_start_epoch"] is None
    assert found["stages"] == {metric: [None, None] for metric in METRICS}
    assert history([]) is None


def test_the_history_lies_two_folders_up(tmp_path):
    checkpoint = tmp_path / "run" / "checkpoints" / "best_model.pt"
    assert history_of(checkpoint) is None
    checkpoint.parent.mkdir(parents=True)
    rows = [{"epoch": 1, "mismatch": {"symbol_nmse": 0.5}}, {"epoch": 2, "mismatch": {}}]
    path = tmp_path / "run" / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_rows(path) == rows
    assert history_of(checkpoint)["stages"]["symbol_nmse"] == [0.5, None]


DAMAGED = [
    b'{"epoch": 1}\n{"epo',
    b"\n",
    b"\xff\xfe",
    b"epoch,1\n",
    b"{}",
    b"[1]",
    b"null",
    b"[" * 100_000,
    b'{"epoch": "x"}',
    b'{"epoch": 1, "mismatch": [1]}',
    b'{"epoch": 1, "mismatch": null}',
    b'{"epoch": 1, "mismatch": {"vq_nmse": NaN}}',
    b'{"epoch": 1, "mismatch": {"vq_nmse": "a"}}',
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_history_is_named(tmp_path, content):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"metrics\.jsonl is no metrics\.jsonl of linksim train: line"):
        read_rows(path)
    with pytest.raises(ValueError, match=r"metrics\.jsonl is no"):
        history_of(tmp_path / "checkpoints" / "m.pt")
