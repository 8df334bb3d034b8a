"""The residual encoder: shapes, what depends on what, and that it learns; which encoder a model gets."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from linksim import LinkConfig
from linksim_training import TrainConfig, build_model, fit, load_checkpoint
from linksim_training.checkpoints import save_checkpoint
from linksim_training.networks import Encoder, ResNetEncoder

LINK = LinkConfig(tokens=3, codebook_size=5, embedding_dim=4)
SHAPES = [(3, 8, 8), (3, 9, 17), (3, 32, 32), (3, 64, 48), (1, 28, 28), (4, 11, 8), (3, 3, 1), (3, 1, 1)]


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("shape", SHAPES)
def test_any_image_size(shape):
    encoder = ResNetEncoder(shape, tokens=3, dim=5, width=8)
    latents = encoder(torch.rand(2, *shape))
    assert latents.shape == (2, 3, 5)
    latents.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().sum() > 0) or min(shape[1:]) < 8, name


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 32, 32), (3, 64, 48)])
def test_a_small_network(shape):
    """The grid before the last map has at most 16 cells, so that large images do not make a large network."""
    count = sum(p.numel() for p in ResNetEncoder(shape, tokens=16, dim=16).parameters())
    assert 2e5 < count < 5e5


def test_every_pixel_counts():
    encoder = ResNetEncoder((3, 33, 20), tokens=2, dim=4, width=8).eval()
    images = torch.rand(1, 3, 33, 20, requires_grad=True)
    encoder(images).square().sum().backward()
    assert bool((images.grad != 0).all())


def test_no_statistics_of_the_batch():
    encoder = ResNetEncoder((3, 16, 16), tokens=4, dim=4)
    batch_norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)
    assert not any(isinstance(module, batch_norms) for module in encoder.modules())
    assert not list(encoder.buffers())


@pytest.mark.parametrize("training", [False, True])
def test_images_do_not_see_each_other(training):
    encoder = ResNetEncoder((3, 16, 16), tokens=4, dim=4, width=8, dropout=0.0).double().train(training)
    images = torch.rand(6, 3, 16, 16, dtype=torch.float64)
    together = encoder(images)
    for i in (0, 3, 5):
        torch.testing.assert_close(encoder(images[i : i + 1])[0], together[i])
    images.requires_grad_()
    (gradient,) = torch.autograd.grad(encoder(images)[2].square().sum(), images)
    assert bool(gradient[2].abs().sum() > 0)
    assert not gradient[[0, 1, 3, 4, 5]].any()


def test_dropout_acts_in_training_only():
    encoder = ResNetEncoder((3, 8, 8), tokens=2, dim=4, width=8, dropout=0.5)
    images = torch.rand(2, 3, 8, 8)
    assert not torch.equal(encoder(images), encoder(images))
    encoder.eval()
    assert torch.equal(encoder(images), encoder(images))


@pytest.mark.parametrize("width", [0, -4, 2, 6])
def test_widths_that_groups_do_not_divide(width):
    with pytest.raises(ValueError, match=f"width must be a positive multiple of 4.*got {width}"):
        ResNetEncoder((3, 8, 8), tokens=2, dim=4, width=width)


def test_it_learns_digits_in_colours():
    """Real digits, each in a colour that says nothing of the digit."""
    pixels, labels = load_digits(return_X_y=True)
    tint = 0.3 + 0.7 * torch.rand(600, 3, 1, 1)
    images = torch.from_numpy(pixels[:600]).float().reshape(-1, 1, 8, 8) / 16 * tint
    labels = torch.from_numpy(labels[:600])
    network = nn.Sequential(ResNetEncoder((3, 8, 8), 4, 8, width=8), nn.Flatten(), nn.Linear(32, 10))
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for step in range(80):
        batch = slice(50 * (step % 10), 50 * (step % 10 + 1))
        loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 2
    assert sum(losses[-5:]) / 5 < 0.4
    network.eval()
    assert float((network(images[500:]).argmax(-1) == labels[500:]).double().mean()) > 0.7


@pytest.mark.parametrize(
    ("shape", "encoder", "expected"),
    [
        ((3, 8, 8), "auto", "residual"),
        ((1, 8, 8), "auto", "convolution"),
        ((4, 8, 8), "auto", "convolution"),
        ((3, 8, 8), "convolution", "convolution"),
        ((1, 8, 8), "residual", "residual"),
    ],
)
def test_which_encoder(shape, encoder, expected, tmp_path):
    """The kind is in the specification, and a checkpoint brings it back."""
    model = build_model(shape, 3, LINK, encoder=encoder).eval()
    assert type(model.encoder) is {"residual": ResNetEncoder, "convolution": Encoder}[expected]
    assert model.spec["encoder"] == expected
    save_checkpoint(tmp_path / "model.pt", model, {})
    again = load_checkpoint(tmp_path / "model.pt").model
    assert type(again.encoder) is type(model.encoder)
    images = torch.rand(4, *shape)
    draw = model.link.draw(4, 8.0, torch.Generator().manual_seed(0))
    assert torch.equal(again(images, draw).logits, model(images, draw).logits)


def test_the_encoder_of_earlier_checkpoints(tmp_path):
    """They hold no kind, and all were convolutional, those for colour images too."""
    model = build_model((3, 8, 8), 3, LINK, encoder="convolution")
    del model.spec["encoder"]
    save_checkpoint(tmp_path / "model.pt", model, {})
    assert type(load_checkpoint(tmp_path / "model.pt").model.encoder) is Encoder


@pytest.mark.parametrize("encoder", ["resnet", "", None, 3])
def test_an_unknown_encoder(encoder, tmp_path):
    with pytest.raises(ValueError, match="encoder must be one of auto, convolution, residual"):
        build_model((3, 8, 8), 3, LINK, encoder=encoder)
    model = build_model((3, 8, 8), 3, LINK)
    model.spec["encoder"] = encoder
    save_checkpoint(tmp_path / "model.pt", model, {})
    with pytest.raises(ValueError, match="encoder must be one of"):
        load_checkpoint(tmp_path / "model.pt")


def test_same_seed_same_weights():
    first, again, other = (build_model((3, 8, 8), 3, LINK, seed).encoder.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_it_learns_over_a_link():
    """Latents of different images must not collapse into one codeword before they are told apart."""
    pixels, labels = load_digits(return_X_y=True)
    tint = 0.3 + 0.7 * torch.rand(900, 3, 1, 1)
    images = torch.from_numpy(pixels[:900]).float().reshape(-1, 1, 8, 8) / 16 * tint
    labels = torch.from_numpy(labels[:900])
    model = build_model((3, 8, 8), 10, LinkConfig(tokens=8, codebook_size=32, embedding_dim=16))
    train = list(zip(images[:800].split(32), labels[:800].split(32), strict=True))
    config = TrainConfig(epochs=4, alignment_start_epoch=5, device="cpu")
    history = fit(model, train, [(images[800:], labels[800:])], config, snr_db=10.0)
    assert history.rows[-1]["val"]["soft_accuracy"] > 0.3
