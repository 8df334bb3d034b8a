"""From a checkpoint to a bundle, and what it does with files."""

import json

import numpy as np
import pytest
import torch

from linksim import LinkConfig
from linksim.cli import main
from linksim_training import build_model
from linksim_training.checkpoints import load_checkpoint, save_checkpoint
from linksim_training.data import load_data


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A model for digits as it is before training, with what linksim train records beside it."""
    path = tmp_path_factory.mktemp("checkpoint") / "model.pt"
    model = build_model((1, 8, 8), 10, LinkConfig(tokens=8, codebook_size=16, embedding_dim=8), seed=1)
    save_checkpoint(path, model, {"data": "digits", "options": {}, "epoch": 0, "snr_db": 12.0})
    return path


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    """A bundle of the model, with its manifest as JSON."""
    root = tmp_path_factory.mktemp("exported")
    words = ["export", checkpoint, "--out", root / "bundle", "--random-latents", "300"]
    words += [
        "--images",
        "100",
        "--draws",
        "2",
        "--snr-db",
        "0",
        "12",
        "--llr-bits",
        "5",
        "--json",
        root / "manifest.json",
    ]
    assert main([str(word) for word in [*words, "--quiet"]]) == 0
    return root


def test_the_comparison_stands_in_the_manifest(exported):
    manifest = json.loads((exported / "manifest.json").read_text())["manifest"]
    assert manifest == json.loads((exported / "bundle" / "manifest.json").read_text())
    verified = manifest["verification"]
    assert verified["random_latents"] == {"frames": 300, "different_frames": 0}
    assert verified["latents_of_images"] == {"frames": 100, "different_frames": 0}
    assert verified["images"]["tokens"] == 100 * 8
    assert verified["images"]["different_beyond"] == 0
    rows = verified["over_the_air"]
    assert [(row["snr_db"], row["receiver"]) for row in rows] == [
        (snr, kind) for snr in (0.0, 12.0) for kind in ("float", "integer")
    ]
    for row in rows:
        assert (row["images"], row["draws"]) == (100, 2)
        assert row["low"] <= row["difference"] <= row["high"]
        if row["receiver"] == "float":
            assert row["different_class"] == 0
            assert row["correct"] == row["correct_link"]
    assert manifest["integer_receiver"]["llr_bits"] == 5
    assert manifest["model"]["white"] == 16
    assert manifest["about"]["data"] == "digits"


def test_images_to_a_recording_to_classes(exported, checkpoint, tmp_path, capsys):
    x = load_data("digits").x_test[:50]
    np.save(tmp_path / "images.npy", (x[:, 0].numpy() * 16).round().astype(np.uint8))
    model = load_checkpoint(checkpoint).model
    with torch.no_grad():
        draw = model.link.draw(50, 100.0, torch.Generator().manual_seed(0))
        classes = model(x, draw).logits.argmax(-1).tolist()
    bundle, result = str(exported / "bundle"), tmp_path / "result.json"
    for ending in ("npz", "npy", "cf32"):
        sent = str(tmp_path / f"sent.{ending}")
        words = ["--images", str(tmp_path / "images.npy"), "--out", sent, "--quiet"]
        assert main(["run-bundle", bundle, *words]) == 0
        words = ["--symbols", sent, "--snr-db", "100", "--json", str(result), "--quiet"]
        assert main(["run-bundle", bundle, *words]) == 0
        assert [row["class"] for row in json.loads(result.read_text())["rows"]] == classes
    assert len(set(classes)) > 1
    assert capsys.readouterr().out == ""


def test_a_recording_may_say_how_noisy_it_is(exported, tmp_path):
    generator = np.random.default_rng(0)
    received = generator.standard_normal((4, 8)) + 1j * generator.standard_normal((4, 8))
    outcomes = []
    for name, arrays, words in (
        ("held", {"received": received * 2, "noise_variance": np.full(4, 0.4), "gain": np.full(4, 2.0)}, []),
        ("told", {"received": received}, ["--noise-variance", "0.1"]),
        ("in dB", {"received": received}, ["--snr-db", "10"]),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        result = tmp_path / "result.json"
        words = ["--symbols", str(tmp_path / f"{name}.npz"), *words, "--json", str(result), "--quiet"]
        assert main(["run-bundle", str(exported / "bundle"), *words]) == 0
        outcomes.append(
            [(row["class"], round(row["probability"], 5)) for row in json.loads(result.read_text())["rows"]]
        )
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_another_bundle_than_the_link_is_refused(checkpoint, tmp_path, refused, monkeypatch):
    """A runtime that normalises otherwise, which its own test vectors would not have noticed."""
    monkeypatch.setattr("linksim_training.export.bundle._check_written", lambda folder: None)
    monkeypatch.setattr("linksim.deploy.transmitter.normalised", lambda latents: 1.5 * latents)
    words = ["export", checkpoint, "--out", tmp_path / "bundle", "--images", "20", "--random-latents", "20"]
    assert "does not do what the link does" in refused(*words)
    assert not list(tmp_path.iterdir())


def test_losses_of_a_coarse_receiver_are_warned_of(checkpoint, tmp_path, capsys):
    words = ["export", checkpoint, "--out", tmp_path / "bundle", "--images", "150", "--random-latents", "2"]
    words += ["--snr-db", "20", "--draws", "2", "--codebook-bits", "2", "--quiet"]
    assert main([str(word) for word in words]) == 0
    errors = capsys.readouterr().err
    rows = json.loads((tmp_path / "bundle" / "manifest.json").read_text())["verification"]["over_the_air"]
    worse = rows[1]["difference"] < -0.003
    assert ("integer receiver is" in errors) == worse


def test_own_test_vectors(exported, capsys):
    assert main(["run-bundle", str(exported / "bundle")]) == 0
    assert "Passed." in capsys.readouterr().out


def test_a_picture(exported, tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from PIL import Image

    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    Image.fromarray(pixels).convert("RGB").save(tmp_path / "image.png")
    Image.fromarray(pixels.astype(np.uint16)).save(tmp_path / "deep.png")
    np.save(tmp_path / "image.npy", pixels / 255)
    for kind in ("png", "npy"):
        words = [
            "--images",
            str(tmp_path / f"image.{kind}"),
            "--out",
            str(tmp_path / f"{kind}.npy"),
            "--quiet",
        ]
        assert main(["run-bundle", str(exported / "bundle"), *words]) == 0
    assert np.array_equal(np.load(tmp_path / "png.npy"), np.load(tmp_path / "npy.npy"))
    assert "8 bits are read" in refused("run-bundle", exported / "bundle", "--images", tmp_path / "deep.png")


def test_refusals(exported, checkpoint, tmp_path, refused, tree):
    bundle = exported / "bundle"
    np.save(tmp_path / "odd.npy", np.zeros(7, complex))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "whole.npy", np.zeros(8, complex))
    (tmp_path / "text.cf32").write_text("no symbols")
    whole = ["run-bundle", bundle, "--symbols", tmp_path / "whole.npy"]
    before = tree(tmp_path), tree(bundle)
    for words, said in (
        (["run-bundle", tmp_path], "is no bundle"),
        (["run-bundle", tmp_path / "nothing"], "is no bundle"),
        (["run-bundle", bundle, "--images", "a.npy", "--symbols", "b.npy"], "give one of them"),
        (["run-bundle", bundle, "--images", tmp_path / "nothing.npy"], "no such file"),
        (["run-bundle", bundle, "--images", tmp_path / "objects.npy"], "must hold numbers"),
        (["run-bundle", bundle, "--images", tmp_path / "text.cf32"], "images come as"),
        (["run-bundle", bundle, "--images", tmp_path / "odd.npy", "--out", "sent.txt"], "goes to .npz"),
        (["run-bundle", bundle, "--symbols", tmp_path / "odd.npy"], "frames of 8 symbols"),
        (["run-bundle", bundle, "--symbols", tmp_path / "text.cf32"], "complex64"),
        (whole, "--noise-variance or --snr-db"),
        ([*whole, "--out", tmp_path / "x.npz"], "--out"),
        (["run-bundle", bundle, "--receiver", "integer"], "--receiver is about"),
        (["run-bundle", bundle, "--images", tmp_path / "whole.npy", "--snr-db", "1"], "--snr-db is about"),
        ([*whole, "--snr-db", "1", "--noise-variance", "1"], "give one of them"),
        (["export", tmp_path / "nothing.pt", "--out", tmp_path / "out"], "no such checkpoint"),
        (["export", checkpoint, "--out", bundle], "--overwrite"),
        (["export", checkpoint, "--out", checkpoint.parent], "is no bundle"),
        (["export", checkpoint, "--out", tmp_path / "out", "--llr-bits", "9"], "llr_bits"),
        (["export", checkpoint, "--out", tmp_path / "out", "--images", "1"], "--images"),
        (["export", checkpoint, "--out", tmp_path / "out", "--snr-db", "x"], "--snr-db"),
    ):
        assert said in refused(*words)
    assert (tree(tmp_path), tree(bundle)) == before
