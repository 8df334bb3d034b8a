"""Image files over the link: what they share, what Pillow makes of them, and what happens to damaged ones."""

import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.generators import generator
from PIL import Image

from linksim import Link, LinkConfig
from linksim.verification import global_generators
from linksim_benchmarks.baselines.codec import fit_codec
from linksim_benchmarks.baselines.image_files import candidates, container

LINK = LinkConfig(tokens=8, codebook_size=64)


@pytest.fixture(scope="module")
def small(digits):
    """300 test images, of which the fit knows nothing; 400 to train on."""
    return replace(
        digits,
        x_train=digits.x_train[:400],
        y_train=digits.y_train[:400],
        x_test=digits.x_test[:100],
        y_test=digits.y_test[:100],
    )


@pytest.fixture(scope="module")
def codec(small):
    return fit_codec(small, LINK, 10.0)


def pixels(images):
    return (images * 255).round().to(torch.uint8).numpy()


@pytest.mark.parametrize("one", candidates(), ids=lambda one: one.title)
@pytest.mark.parametrize("channels", [1, 3])
def test_files_survive_being_taken_apart(one, channels):
    """Without its beginning and end, sent as bits, put together: byte for byte, and as Pillow decodes it."""
    noise = np.random.default_rng(0)
    smooth = np.linspace(0, 200, 16 * 16).reshape(1, 16, 16)
    images = [
        (smooth * share + noise.integers(30, size=(channels, 16, 16))).astype(np.uint8)
        for share in (1.0, 0.5, 0.9, 0.1)
    ]
    files = [one.encode(image) for image in images]
    found = container(files)
    assert all(file.startswith(found.prefix) and file.endswith(found.suffix) for file in files)
    assert found.longest == max(map(len, files)) - len(found.prefix) - len(found.suffix)
    for file in files:
        bits = found.payload(file)
        assert bits.shape == (8 * found.longest + 1,)
        assert found.file(bits) == found.file(np.append(bits, np.zeros(13, np.uint8))) == file
        seen = np.asarray(Image.open(io.BytesIO(file)).convert("L" if channels == 1 else "RGB"))
        decoded = one.decode(file, (channels, 16, 16))
        assert decoded.shape == (channels, 16, 16)
        assert np.array_equal(decoded, seen[None] if channels == 1 else seen.transpose(2, 0, 1))
        assert one.decode(file, (channels, 16, 17)) is None


def test_container_of_equal_and_of_overlapping_files():
    assert container([b"abc", b"abc"]).longest == 0
    found = container([b"abab", b"ababab"])
    assert found.file(found.payload(b"abab")) == b"abab"
    assert found.file(found.payload(b"ababab")) == b"ababab"
    assert found.payload(b"abababab") is None
    assert found.payload(b"xbab") is None
    assert found.file(np.zeros(found.bits, np.uint8)) is None


def test_symbols_are_those_sent(codec):
    link = Link(codec.pipe.config)
    bits = torch.zeros(codec.blocks, codec.pipe.bits)
    sent = link.hard(bits=bits, draw=link.draw(codec.blocks, 8.0, generator())).transmitted
    assert sent.numel() == codec.symbols
    assert codec.bits >= codec.container.bits > 8
    assert f"{codec.symbols} symbols per image (link: 12)" in codec.label
    assert codec.symbols > 2 * codec.link_symbols


def test_without_noise_it_is_the_classifier_on_what_pillow_decodes(codec, small):
    right = codec.correct(0, 100, 40.0, generator())
    for number, image in enumerate(pixels(small.x_test)):
        file = codec.file_format.encode(image)
        seen = np.asarray(Image.open(io.BytesIO(file)).convert("L"))[None, None]
        fits = codec.container.payload(file) is not None
        assert fits == codec.fits[number]
        expected = codec.classifier(seen)[0] if fits else codec.default
        assert right[number] == (expected == small.y_test[number])
    assert right.mean() > 0.8
    assert np.array_equal(codec.correct(20, 35, 40.0, generator()), right[20:35])
    assert codec.correct(3, 3, 40.0, generator()).shape == (0,)


def test_deep_in_noise_every_image_counts_as_the_most_frequent_class(codec, small):
    assert codec.default == np.bincount(small.y_train).argmax()
    right = codec.correct(0, 100, -20.0, generator())
    assert np.array_equal(right, (small.y_test == codec.default).numpy())


def test_an_image_whose_file_is_too_long_is_never_right_but_by_chance(codec, small):
    short = replace(codec, fits=np.zeros(100, dtype=bool))
    assert np.array_equal(short.correct(0, 100, 40.0, generator()), (small.y_test == codec.default).numpy())


def test_damaged_payloads_give_a_class_and_no_exception(codec):
    bits = np.unpackbits(codec.sent[0], count=codec.bits)
    assert codec.classify(bits) == codec.classes[0]
    assert codec.classify(np.zeros_like(bits)) == codec.default
    noise = np.random.default_rng(0)
    truncated = np.where(np.arange(len(bits)) == 8, 1, np.where(np.arange(len(bits)) < 8, bits, 0))
    for damaged in [truncated, *(bits ^ (noise.random(len(bits)) < share) for share in (0.01, 0.1, 0.5))]:
        assert 0 <= codec.classify(damaged) <= 9


@pytest.mark.parametrize("one", candidates(), ids=lambda one: one.title)
def test_no_damage_raises(one):
    noise = np.random.default_rng(0)
    file = one.encode(noise.integers(255, size=(1, 8, 8)).astype(np.uint8))
    for _ in range(30):
        content = bytearray(file[: noise.integers(len(file)) + 1])
        content[noise.integers(len(content))] ^= 1 << int(noise.integers(8))
        image = one.decode(bytes(content), (1, 8, 8))
        assert image is None or image.shape == (1, 8, 8)


def test_a_seed_repeats_itself_and_global_generators_are_left_alone(codec, small):
    before = global_generators.states()
    again = fit_codec(small, LINK, 10.0)
    one, two, other = (again.correct(0, 100, 6.0, generator(seed)) for seed in (5, 5, 6))
    assert global_generators.states() == before
    assert again.identity() == codec.identity()
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert len(pickle.dumps(again)) < 1_000_000
    assert np.array_equal(pickle.loads(pickle.dumps(again)).correct(0, 100, 6.0, generator(5)), one)


def test_the_test_part_has_no_say(codec, small):
    other = fit_codec(replace(small, x_test=small.x_test.flip(0), y_test=small.y_test.flip(0)), LINK, 10.0)
    mine, theirs = codec.identity(), other.identity()
    assert mine.pop("sent") != theirs.pop("sent")
    assert mine == theirs
    first, second = codec.correct(0, 100, 40.0, generator()), other.correct(0, 100, 40.0, generator())
    assert np.array_equal(first[::-1], second)


def test_less_noise_costs_fewer_symbols(codec, small):
    quiet = fit_codec(small, LINK, 30.0)
    assert quiet.symbols < codec.symbols
    assert quiet.pipe.config.code_rate > codec.pipe.config.code_rate
    assert quiet.container == codec.container


def test_files_longer_than_a_block_go_in_several(codec, small, monkeypatch):
    monkeypatch.setattr("linksim_benchmarks.baselines.codec.MOST_BLOCK", 24 + codec.container.bits // 2)
    found = fit_codec(small, LINK, 30.0)
    assert found.container == codec.container
    assert found.blocks == 3
    assert found.container.bits <= found.bits < found.container.bits + found.blocks
    assert found.symbols == 3 * found.pipe.symbols
    right = found.correct(0, 100, 40.0, generator())
    assert np.array_equal(right, codec.correct(0, 100, 40.0, generator()))
    assert np.array_equal(found.correct(0, 100, -30.0, generator()), (small.y_test == codec.default).numpy())


@pytest.mark.parametrize(("change", "name"), [({"snr_db": 300}, "snr_db"), ({"seed": -1}, "seed")])
def test_wrong_arguments_are_refused(small, change, name):
    with pytest.raises(ValueError, match=name):
        fit_codec(**{"data": small, "config": LINK, "snr_db": 8.0, **change})


def test_points_of_ones_own_are_refused(small):
    with pytest.raises(ValueError, match="custom"):
        fit_codec(small, replace(LINK, modulation="custom"), 8.0)


@pytest.mark.parametrize("images", [(-1, 3), (4, 3), (0, 101)])
def test_images_that_are_not_there_are_refused(codec, images):
    with pytest.raises(ValueError, match=r"first|last"):
        codec.correct(*images, 8.0, generator())
