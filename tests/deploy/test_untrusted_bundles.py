"""Bundles from outside: what is refused before it does harm, and in one line."""

import json
import shutil

import numpy as np
import pytest
import torch
from fuzzing.manifests import sign
from fuzzing.templates import make_templates

from linksim import LinkConfig
from linksim.cli import main
from linksim.deploy import load, self_test
from linksim.deploy.arrays import read_npy
from linksim.deploy.manifest import MOST_DISTANCES, MOST_VALUES
from linksim.deploy.tables import MOST_EDGES, MOST_GENERATOR
from linksim_training.build import build_model
from linksim_training.export.bundle import write_bundle


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    make_templates(folder)
    return folder


@pytest.fixture
def bundle(templates, tmp_path):
    """A copy of the uncoded bundle."""
    return shutil.copytree(templates / "plain", tmp_path / "bundle")


def edit(folder, change):
    """Change a manifest."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def store(folder, name, change):
    """Change a table, and let the manifest vouch for it."""
    array = np.load(folder / name)
    np.lib.format.write_array((folder / name).open("wb"), change(array), version=(1, 0))
    sign(folder, describe=True)


def refused(folder, kind=ValueError):
    with pytest.raises(kind) as caught:
        self_test(load(folder))
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_the_copy_works(bundle):
    assert self_test(load(bundle)).passed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["llr", "logits", "embedding"])
def test_test_vectors_that_are_not_finite_do_not_pass(bundle, name, value):
    """NaN is neither larger nor smaller than the largest error allowed."""

    def change(array):
        array = array.copy()
        array.reshape(-1)[-1] = value
        return array

    store(bundle, f"test/{name}.npy", change)
    assert not self_test(load(bundle)).passed


def test_many_test_vectors_are_refused(bundle):
    for path in sorted((bundle / "test").iterdir()):
        store(bundle, f"test/{path.name}", lambda array: np.concatenate([array] * 100))
    assert "from 1 to 64 test vectors, got 400" in refused(bundle)


def test_test_vectors_of_different_number_are_refused(bundle):
    store(bundle, "test/llr.npy", lambda array: array[:-1])
    assert "test/llr.npy" in refused(bundle)


@pytest.mark.parametrize("name", ["manifest.json", "tables", "encoder.onnx", "test/index.npy"])
def test_links_out_of_the_bundle(bundle, name):
    outside = bundle.parent / "outside"
    shutil.move(bundle / name, outside)
    (bundle / name).symlink_to(outside)
    assert "leads out of the bundle" in refused(bundle)


def test_links_in_a_circle(bundle):
    (bundle / "manifest.json").unlink()
    (bundle / "manifest.json").symlink_to(bundle / "manifest.json")
    assert refused(bundle, (ValueError, FileNotFoundError))


@pytest.mark.parametrize("depth", [40, 900, 200_000])
def test_deep_manifests(bundle, depth):
    path = bundle / "manifest.json"
    deep = "[" * depth + "]" * depth
    path.write_text(path.read_text().replace('"versions"', f'"versions": {deep}, "more"', 1))
    assert any(reason in refused(bundle) for reason in ("nested", "recursion"))


def test_messages_do_not_move_the_cursor(bundle, capsys):
    edit(bundle, lambda content: content["link"].update({"\x1b[2J\u0000": 1}))
    assert main(["run-bundle", str(bundle)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert r"\x1b[2J" in line


SIZES = {
    "tokens": 10**9,
    "codebook_size": 10**9,
    "embedding_dim": 10**9,
}


@pytest.mark.parametrize("name", SIZES)
def test_huge_links(bundle, name):
    edit(bundle, lambda content: content["link"].update({name: SIZES[name]}))
    message = refused(bundle)
    assert name in message
    assert "must be at most" in message


def test_many_symbols_of_many_points(bundle):
    edit(bundle, lambda content: content["link"].update(tokens=2**16, codebook_size=64, bits_per_symbol=10))
    assert "distances" in refused(bundle)


def test_a_large_link_is_within_the_limits():
    assert MOST_VALUES >= 64 * 4096
    assert MOST_VALUES >= 4096 * 64


@pytest.mark.parametrize(
    ("name", "value"), [("codebook_step", 1e308), ("llr_step", 1e7), ("llr_step", 10**400)]
)
def test_steps_that_overflow(bundle, name, value):
    edit(bundle, lambda content: content["integer_receiver"].update({name: value}))
    assert f"integer_receiver.{name}" in refused(bundle)


def test_codewords_that_overflow(bundle):
    store(bundle, "tables/codebook.npy", lambda array: array * 1e32)
    assert "at most 1e+30" in refused(bundle)


def test_a_table_is_not_read_if_the_manifest_says_another_shape(bundle):
    edit(bundle, lambda content: content["files"]["tables/codebook.npy"].update(shape=[16, 5]))
    (bundle / "tables" / "codebook.npy").unlink()
    assert "must be <f4 [16, 4] by the link" in refused(bundle)


@pytest.mark.filterwarnings("error")
def test_converters_that_hear_nothing(bundle):
    edit(bundle, lambda content: content["link"].update(adc_bits=8))
    decoded = load(bundle).decode(np.zeros(4, complex), 0.0, 0.0)
    assert np.isfinite(decoded.embedding).all()


@pytest.mark.filterwarnings("error")
def test_steps_so_small_that_everything_saturates(bundle):
    edit(bundle, lambda content: content["link"].update(llr_bits=4, llr_step=1e-300))
    loaded = load(bundle)
    sent = loaded.encode(np.zeros((8, 8)))
    heard = loaded.receive(sent.symbols, 1e-20)
    assert set(np.abs(heard.llr).reshape(-1)) == {7e-300}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1" + "0" * 30 + ")}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1L,)}",
        "{'descr': '\\d', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    ],
)
def test_headers_that_lie(header):
    text = header.encode() + b"\n"
    content = b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text + bytes(4)
    with pytest.raises(ValueError, match=r"^table\.npy ") as caught:
        read_npy(content, "table.npy")
    assert str(caught.value).isprintable()


def test_the_largest_standard_code_is_within_the_limits():
    assert MOST_EDGES >= 316 * 384
    assert MOST_GENERATOR >= 8448 * 25344
    assert MOST_DISTANCES >= 25344 // 10 * 2**10 * 10


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
def test_llrs_in_parts(bundle, monkeypatch, demapper):
    edit(bundle, lambda content: content["link"].update(demapper=demapper))
    loaded = load(bundle)
    rng = np.random.default_rng(0)
    received = rng.normal(size=(5, 4)) + 1j * rng.normal(size=(5, 4))
    whole = loaded.receive(received, 0.1).llr
    monkeypatch.setattr("linksim.deploy.demapper.VALUES_AT_ONCE", 1)
    assert np.array_equal(loaded.receive(received, 0.1).llr, whole)
    assert loaded.receive(received[:0], 0.1).llr.shape == (0, 16)


def test_what_would_be_refused_is_not_written(tmp_path):
    link = LinkConfig(tokens=4096, codebook_size=2048, embedding_dim=1)
    with pytest.raises(ValueError, match="tokens times codebook_size must be at most"):
        write_bundle(build_model((1, 8, 8), 4, link), tmp_path / "bundle", torch.rand(4, 1, 8, 8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plain", "coded"])
def test_no_frames(templates, name):
    loaded = load(templates / name)
    sent = loaded.encode(np.zeros((0, 1, 8, 8)))
    assert sent.symbols.shape == (0, loaded.manifest.link.layout.symbols)
    for receiver in ("float", "integer"):
        assert loaded.decode(sent.symbols, 0.1, receiver=receiver).label.shape == (0,)
