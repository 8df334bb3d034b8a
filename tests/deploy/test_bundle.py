"""A written bundle does what the model does, from images to classes."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from helpers.bundles import CODED, bundle_of, images_of, model_for
from torch import nn

from linksim import Link, LinkConfig
from linksim.cli import main
from linksim.deploy import load, self_test
from linksim.stages.quantize import Quantize
from linksim_training import SemanticModel
from linksim_training.export.bundle import WordLengths, write_bundle
from linksim_training.export.vectors import heard

PLAIN = LinkConfig(tokens=4, codebook_size=16, embedding_dim=8)
INTEGER = LinkConfig(
    tokens=4, codebook_size=20, embedding_dim=8, decision="radius", llr_bits=4, arithmetic="integer"
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Model and bundle of an uncoded link."""
    folder = tmp_path_factory.mktemp("plain") / "bundle"
    return bundle_of(PLAIN, folder), load(folder)


@pytest.mark.parametrize(
    "config", [PLAIN, CODED, INTEGER, LinkConfig(tokens=1, codebook_size=2, decision="map")]
)
def test_from_images_to_classes(config, tmp_path):
    model, bundle = bundle_of(config, tmp_path / "bundle"), load(tmp_path / "bundle")
    images, count = images_of(count=40, seed=5), 40
    draw = model.link.draw(count, 6.0, torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = model(images, draw)
    trace = output.trace
    sent = bundle.encode(images.numpy())
    assert np.array_equal(sent.bits, trace.bits)
    assert np.array_equal(sent.symbols, trace.symbols)
    assert sent.bits.dtype == np.uint8
    assert sent.symbols.dtype == np.complex64
    gain, variance = heard(model, trace, draw.channel)
    label, embedding = bundle.decode(trace.received.numpy(), variance.numpy(), gain.numpy())
    assert np.allclose(embedding, trace.embedding, atol=2e-4)
    logits, features = bundle.classify(trace.embedding.numpy())
    assert np.allclose(logits, output.logits, atol=1e-5)
    assert np.allclose(features, output.features, atol=1e-5)
    top = output.logits.sort(-1).values
    clear = (top[:, -1] - top[:, -2] > 1e-3).numpy()
    assert clear.sum() > 30
    assert np.array_equal(label[clear], output.logits.argmax(-1).numpy()[clear])
    assert self_test(bundle).passed


def test_colour_images_and_residual_blocks(tmp_path):
    model = bundle_of(PLAIN, tmp_path / "bundle", shape=(3, 16, 12))
    bundle, images = load(tmp_path / "bundle"), images_of((3, 16, 12), count=5, seed=1)
    with torch.no_grad():
        latents = model.encoder(images)
    assert np.allclose(bundle.latents(images.numpy()), latents, atol=1e-4)
    last = np.moveaxis(images.numpy(), 1, -1)
    assert np.array_equal(bundle.encode(last).bits, bundle.encode(images.numpy()).bits)


def test_own_networks_and_points(tmp_path):
    layers = nn.Flatten(), nn.Linear(64, 16), nn.LayerNorm(16), nn.Tanh(), nn.Unflatten(1, (4, 4))

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(16, 3)

        def forward(self, embedding):
            features = embedding.flatten(1)
            return self.out(features), features

    torch.manual_seed(0)
    points = torch.tensor([1 + 1j, -1 + 1j, 1 - 3j, -1 - 1j, 2, -2, 2j, -2j])
    config = LinkConfig(tokens=4, codebook_size=6, embedding_dim=4, bits_per_symbol=3, modulation="custom")
    model = SemanticModel(nn.Sequential(*layers), Link(config, constellation=points), Head())
    write_bundle(model, tmp_path / "bundle", images_of())
    bundle = load(tmp_path / "bundle")
    assert self_test(bundle).passed
    assert bundle.manifest.classes == 3


def test_one_image_and_many_in_every_form(plain):
    _, bundle = plain
    image = (images_of(count=1)[0, 0].numpy() * 255).astype(np.uint8)
    bits = bundle.encode(image).bits
    assert bits.shape == (16,)
    real = image.astype(np.float64) / 255
    for form in (image[None], image[..., None], real, real.astype(np.float32), image.astype(np.int64)):
        assert np.array_equal(bundle.encode(form).bits, bits)
    for batch in (
        image[None].repeat(3, 0),
        image[None, None].repeat(3, 0),
        image[None, ..., None].repeat(3, 0),
    ):
        assert np.array_equal(bundle.encode(batch).bits, bits[None].repeat(3, 0))
    assert bundle.encode(np.zeros((0, 8, 8), np.uint8)).bits.shape == (0, 16)


def test_decode_takes_a_frame_or_many(plain):
    _, bundle = plain
    symbols = bundle.encode(images_of(count=3).numpy()).symbols
    many = bundle.decode(symbols, 0.1)
    assert many.label.shape == (3,)
    assert many.embedding.shape == (3, 4, 8)
    one = bundle.decode(symbols[1], 0.1)
    assert one.label.shape == ()
    assert int(one.label) == many.label[1]
    assert np.array_equal(one.embedding, many.embedding[1])
    for variance in ([0.1] * 3, [[0.1]] * 3, np.full(symbols.shape, 0.1)):
        assert np.array_equal(bundle.decode(symbols, variance).embedding, many.embedding)
    assert np.array_equal(bundle.decode(symbols, 0.1, np.ones((1, 4))).embedding, many.embedding)
    turned = bundle.decode(symbols * 2j, 0.4, 2j)
    assert np.allclose(turned.embedding, many.embedding, atol=1e-6)
    assert bundle.decode(symbols[:0], 0.1).label.shape == (0,)


def test_turns_do_not_change_results(plain, monkeypatch):
    _, bundle = plain
    images = images_of(count=9).numpy()
    sent = bundle.encode(images)
    whole = bundle.receive(sent.symbols, 0.5)
    monkeypatch.setattr("linksim.deploy.bundle.VALUES_AT_ONCE", 200)
    assert np.array_equal(bundle.encode(images).bits, sent.bits)
    assert np.array_equal(bundle.receive(sent.symbols, 0.5).embedding, whole.embedding)


def test_integer_receiver_is_the_link_with_integer_arithmetic(plain):
    model, bundle = plain
    config = LinkConfig(**{**PLAIN.as_dict(), "llr_bits": 6, "arithmetic": "integer"})
    link = Link(config)
    link.codebook = model.link.codebook
    draw = link.draw(200, 3.0, torch.Generator().manual_seed(0))
    index = torch.randint(16, (200, 4), generator=torch.Generator().manual_seed(1))
    trace = link.hard(index=index, draw=draw)
    heard = bundle.receive(trace.received.numpy(), draw.channel["noise_variance"].numpy(), receiver="integer")
    same = (heard.llr == trace.llr.detach().numpy()).all(1)
    assert same.sum() >= 195  # an LLR between two words may be rounded otherwise in float32
    assert np.array_equal(heard.embedding[same], trace.embedding.detach().numpy()[same])


COARSE = WordLengths(llr_bits=2, weight_bits=2, codebook_bits=2)
FINE = WordLengths(llr_bits=8, llr_step=1e-3, weight_bits=16, codebook_bits=16)


@pytest.mark.parametrize("words", [COARSE, FINE])
def test_word_lengths(words, tmp_path):
    bundle_of(PLAIN, tmp_path / "bundle", words=words)
    bundle = load(tmp_path / "bundle")
    largest = 2 ** (words.codebook_bits - 1) - 1
    stored = np.load(tmp_path / "bundle" / "tables" / "integer_codebook.npy")
    assert largest / 2 - 1 <= int(np.abs(stored).max()) <= largest
    heard = bundle.receive(bundle.encode(images_of().numpy()).symbols, 0.01, receiver="integer")
    assert np.isfinite(heard.embedding).all()


def test_manifest_says_what_is_there(plain):
    _, bundle = plain
    content = json.loads((bundle.folder / "manifest.json").read_text())
    files = {
        path.relative_to(bundle.folder).as_posix() for path in bundle.folder.rglob("*") if path.is_file()
    }
    assert set(content["files"]) == files - {"manifest.json"}
    assert {"linksim", "torch", "onnx", "numpy"} <= set(content["versions"])
    for name, entry in content["files"].items():
        assert (bundle.folder / name).stat().st_size == entry["bytes"]
        if name.endswith(".npy"):
            array = np.load(bundle.folder / name, allow_pickle=False)
            assert (array.dtype.str, list(array.shape)) == (entry["dtype"], entry["shape"])


@pytest.mark.parametrize(
    ("received", "variance", "gain", "named"),
    [
        (np.zeros(5, complex), 0.1, 1, "received"),
        (np.zeros((2, 3, 4), complex), 0.1, 1, "received"),
        (np.full(4, np.nan + 0j), 0.1, 1, "received"),
        (np.full(4, 1e200 + 0j), 0.1, 1, "received"),
        (np.zeros(4, complex), -0.1, 1, "noise_variance"),
        (np.zeros(4, complex), np.inf, 1, "noise_variance"),
        (np.zeros((2, 4), complex), [0.1] * 3, 1, "noise_variance"),
        (np.zeros(4, complex), 0.1, np.nan, "gain"),
        (np.zeros((2, 4), complex), 0.1, np.ones((2, 5)), "gain"),
    ],
)
def test_wrong_symbols_are_named(plain, received, variance, gain, named):
    with pytest.raises(ValueError, match=named):
        plain[1].decode(received, variance, gain)


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (np.zeros((9, 8)), ValueError),
        (np.zeros((2, 3, 8, 8)), ValueError),
        (np.full((8, 8), 1.5), ValueError),
        (np.full((8, 8), -1), ValueError),
        (np.full((8, 8), np.nan), ValueError),
        (np.array([["a"]]), TypeError),
    ],
)
def test_wrong_images_are_named(plain, images, error):
    with pytest.raises(error, match="images"):
        plain[1].encode(images)


def test_unknown_receivers_and_strings_are_named(plain):
    with pytest.raises(ValueError, match="receiver must be one of float, integer, got 'fixed'"):
        plain[1].decode(np.zeros(4), 0.1, receiver="fixed")
    with pytest.raises(TypeError, match="received"):
        plain[1].decode(np.array(["x"] * 4), 0.1)
    with pytest.raises(TypeError, match="noise_variance must be real"):
        plain[1].decode(np.zeros(4), 0.1j)
    with pytest.raises(ValueError, match="llr must have shape"):
        plain[1].decide(np.zeros((1, 15)))
    with pytest.raises(ValueError, match="latents"):
        plain[1].transmit(np.zeros((1, 4, 7)))
    with pytest.raises(ValueError, match="latents must be finite"):
        plain[1].transmit(np.full((1, 4, 8), np.nan))


def test_only_bundles_are_replaced(tmp_path):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is no bundle"):
        bundle_of(PLAIN, target, overwrite=True)
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]
    (target / "thesis.txt").unlink()
    bundle_of(PLAIN, target)
    before = (target / "manifest.json").read_bytes()
    with pytest.raises(FileExistsError, match="--overwrite"):
        bundle_of(PLAIN, target)
    bundle_of(INTEGER, target, overwrite=True)
    assert (target / "manifest.json").read_bytes() != before
    assert self_test(load(target)).passed
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_nothing_is_written_when_the_check_fails(tmp_path):
    def disagree(folder):
        assert load(folder)
        raise ValueError("it differs")

    with pytest.raises(ValueError, match="it differs"):
        bundle_of(PLAIN, tmp_path / "bundle", verify=disagree)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_named(tmp_path):
    class Own(Quantize):
        pass

    model = model_for(PLAIN)
    with pytest.raises(ValueError, match="T of at least 2"):
        write_bundle(model, tmp_path / "bundle", images_of(count=1))
    with pytest.raises(TypeError, match=r"model\.float\(\)\.cpu\(\)"):
        write_bundle(model_for(PLAIN).double(), tmp_path / "bundle", images_of())
    own = SemanticModel(model.encoder, Link(PLAIN, quantizer=Own()), model.head)
    with pytest.raises(ValueError, match="Own"):
        write_bundle(own, tmp_path / "bundle", images_of())
    loose = SemanticModel(lambda images: model.encoder(images), model.link, model.head)
    with pytest.raises(TypeError, match=r"nn\.Module"):
        write_bundle(loose, tmp_path / "bundle", images_of())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(3, 3, 3), (1, 5, 9)])
def test_images_whose_channels_could_be_last(shape, tmp_path):
    model = bundle_of(PLAIN, tmp_path / "bundle", shape=shape)
    images = images_of(shape, count=3, seed=4)
    with torch.no_grad():
        latents = model.encoder(images)
    assert np.allclose(load(tmp_path / "bundle").latents(images.numpy()), latents, atol=1e-5)


def test_a_model_in_training_stays_as_it_is(tmp_path):
    model = model_for(PLAIN)
    norm = nn.BatchNorm1d(10)
    model.head.logits = nn.Sequential(model.head.logits, norm)
    model.train()
    before = norm.running_mean.clone()
    write_bundle(model, tmp_path / "bundle", images_of())
    assert model.training
    assert norm.training
    assert torch.equal(norm.running_mean, before)
    assert self_test(load(tmp_path / "bundle")).passed


def test_the_test_vectors_notice_another_codebook(plain, tmp_path):
    """With the hash of the manifest set right: damage is found by what the bundle does."""
    copy = tmp_path / "bundle"
    shutil.copytree(plain[1].folder, copy)
    path, manifest = copy / "tables" / "codebook.npy", copy / "manifest.json"
    table = np.load(path)
    np.save(path, table[::-1].copy())
    content = json.loads(manifest.read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    content["files"]["tables/codebook.npy"] |= {"sha256": digest, "bytes": path.stat().st_size}
    manifest.write_text(json.dumps(content))
    tested = self_test(load(copy))
    assert not tested.bits_equal
    assert tested.embedding_error > 0.01
    assert not tested.passed
    assert main(["run-bundle", str(copy), "--quiet"]) == 1


def test_dense_constellations_whose_last_bit_no_float_can_tell(tmp_path):
    """64-PSK: some LLRs are below the rounding of float32, and hard decisions go by it."""
    config = LinkConfig(
        tokens=16, codebook_size=64, embedding_dim=4, bits_per_symbol=6, modulation="psk", decision="map"
    )
    bundle_of(config, tmp_path / "bundle")
    assert self_test(load(tmp_path / "bundle")).passed


def test_converters_that_hear_nothing(tmp_path):
    bundle_of(CODED, tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    symbols = bundle.manifest.link.layout.symbols
    heard = bundle.receive(np.zeros(symbols), 0.0, 0.0)
    assert np.isfinite(heard.embedding).all()
