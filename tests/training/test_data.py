"""The embedded data sets."""

import pytest
import torch

from linksim_training import load_data

PARTS = ("train", "validation", "test")
SIZES = {"digits": (1257, 180, 360), "mnist5k": (3500, 500, 1000)}
SHAPES = {"digits": (1, 8, 8), "mnist5k": (1, 28, 28)}


@pytest.fixture(scope="module", params=SIZES)
def data(request):
    return load_data(request.param)


def test_sizes_shapes_and_ranges(data):
    assert tuple(len(data.part(part)[0]) for part in PARTS) == SIZES[data.name]
    assert data.image_shape == SHAPES[data.name]
    assert data.classes == 10
    for part in PARTS:
        images, labels = data.part(part)
        assert images.shape == (len(labels), *SHAPES[data.name])
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert (images.min(), images.max()) == (0, 1)
        assert set(labels.tolist()) == set(range(10))


def test_stratified(data):
    """Each class has its share of every part, to within one image."""
    whole = sum(torch.bincount(data.part(part)[1], minlength=10) for part in PARTS)
    for part in PARTS:
        counts = torch.bincount(data.part(part)[1], minlength=10)
        share = len(data.part(part)[1]) / sum(SIZES[data.name])
        assert bool(((counts - share * whole).abs() <= 1.5).all())


def test_no_image_is_in_two_parts(data):
    contents = [{image.numpy().tobytes() for image in data.part(part)[0]} for part in PARTS]
    assert len(set.union(*contents)) == sum(SIZES[data.name])


def test_the_same_every_time(data):
    before = torch.get_rng_state()
    again = load_data(data.name)
    assert torch.equal(torch.get_rng_state(), before)
    for part in PARTS:
        for first, second in zip(data.part(part), again.part(part), strict=True):
            assert torch.equal(first, second)


def test_images_belong_to_their_labels(data):
    """The nearest class mean of the training images names most test images."""
    images, labels = data.part("train")
    means = torch.stack([images[labels == digit].mean(0).flatten() for digit in range(10)])
    test_images, test_labels = data.part("test")
    nearest = torch.cdist(test_images.flatten(1), means).argmin(1)
    assert (nearest == test_labels).double().mean() > 0.75


@pytest.mark.parametrize("batch_size", [64, 100, 5000])
def test_a_loader_in_order(digits, batch_size):
    loader = digits.loader("test", batch_size)
    images, labels = (torch.cat(parts) for parts in zip(*loader, strict=True))
    assert len(loader) == -(-360 // batch_size)
    assert torch.equal(images, digits.x_test)
    assert torch.equal(labels, digits.y_test)


def test_a_shuffled_loader(digits):
    """Every image once per epoch, in an order that the generator decides and that changes each epoch."""

    def epochs(seed):
        loader = digits.loader("train", 100, torch.Generator().manual_seed(seed))
        return [torch.cat([images.flatten(1) for images, _ in loader]) for _ in range(2)]

    before = torch.get_rng_state()
    first, second = epochs(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, second)
    assert torch.equal(first, epochs(1)[0])
    assert not torch.equal(first, epochs(2)[0])
    for one in (first, second):
        assert torch.equal(one.unique(dim=0), digits.x_train.flatten(1).unique(dim=0))


@pytest.mark.parametrize("name", ["cifar100", "", "MNIST5K", "MNIST", "digits.csv", "mnist5k "])
def test_an_unknown_name(name):
    with pytest.raises(ValueError, match="unknown data set") as caught:
        load_data(name)
    assert repr(name) in str(caught.value)
    for known in ("mnist5k", "digits", "mnist", "fashion-mnist", "cifar10", ".npz"):
        assert known in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.npz"):
        load_data(str(tmp_path / "absent.npz"))
