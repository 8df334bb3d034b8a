"""Networks and models: shapes, seeds, names, and what each path depends on."""

import pytest
import torch

from linksim import Link, LinkConfig
from linksim_training import SemanticModel, build_model

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 2, 2), (1, 1, 1), (2, 1, 9), (1, 40, 7), (4, 9, 17)]


def images_for(model, count, seed=0):
    shape = model.spec["image_shape"]
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


def draw_for(model, count, seed=0, snr_db=6.0):
    return model.link.draw(count, snr_db, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_any_image_size(shape):
    link = LinkConfig(tokens=3, codebook_size=5, embedding_dim=4)
    model = build_model(shape, 7, link)
    for path in ("hard", "soft"):
        output = model(images_for(model, 2), draw_for(model, 2), path=path)
        assert output.logits.shape == (2, 7)
        assert output.features.shape[0] == 2
        assert output.trace.embedding.shape == (2, 3, 4)
    output.logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("tokens", [1, 16])
@pytest.mark.parametrize("dim", [1, 16])
def test_any_link_size(tokens, dim):
    model = build_model((1, 8, 8), 2, LinkConfig(tokens=tokens, embedding_dim=dim, codebook_size=3))
    assert model.encoder(images_for(model, 3)).shape == (3, tokens, dim)


def test_same_seed_same_weights(make_model):
    first, again, other = (make_model(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    different = [name for name in first if not torch.equal(first[name], other[name])]
    assert set(different) == set(first)


def test_building_leaves_the_global_generator_alone(make_model):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    weights = make_model(seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    again = make_model(seed=1).state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_names_of_the_note(make_model, tmp_path):
    """model.transceiver_dig is the link; what a checkpoint holds loads into a fresh model."""
    from linksim_training.checkpoints import save_checkpoint

    model = make_model(seed=5)
    assert isinstance(model.transceiver_dig, Link)
    assert model.link is model.transceiver_dig
    save_checkpoint(tmp_path / "model.pt", model, {})
    fresh = make_model(seed=6)
    fresh.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True)["model_state_dict"])
    images, draw = images_for(model, 4), draw_for(model, 4)
    for path in ("hard", "soft"):
        assert torch.equal(
            model.eval()(images, draw, path=path).logits, fresh.eval()(images, draw, path=path).logits
        )


def test_temperatures_act_on_the_soft_path_only(make_model):
    model = make_model().eval()
    images, draw = images_for(model, 6), draw_for(model, 6)

    def logits(path, vq_temp, symbol_temp):
        model.transceiver_dig.vq_temp, model.transceiver_dig.symbol_temp = vq_temp, symbol_temp
        return model(images, draw, path=path).logits

    temperatures = [(0.7, 0.7), (0.2, 0.7), (0.7, 0.2), (1e-3, 1e-3), (50.0, 50.0)]
    hard = [logits("hard", *pair) for pair in temperatures]
    soft = [logits("soft", *pair) for pair in temperatures]
    assert all(torch.equal(one, hard[0]) for one in hard)
    assert all(not torch.allclose(one, soft[0]) for one in soft[1:])


@pytest.mark.parametrize("decision", ["mean", "map"])
@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize("path", ["hard", "soft"])
def test_a_sample_gets_the_same_logits_alone_and_in_a_batch(make_model, digits, channel, decision, path):
    model = make_model(channel=channel, decision=decision).eval()
    images = digits.x_test[:9]
    draw = draw_for(model, 9)
    together = model(images, draw, path=path).logits
    for i in (0, 4, 8):
        alone = model(images[i : i + 1], draw[i], path=path).logits
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-4)
    reversed_order = torch.arange(8, -1, -1)
    backwards = model(images[reversed_order], draw[reversed_order], path=path).logits
    torch.testing.assert_close(backwards[reversed_order], together, rtol=1e-4, atol=1e-4)


def test_hard_forward_has_the_values_of_the_hard_path(make_model):
    model = make_model().eval()
    images, draw = images_for(model, 5), draw_for(model, 5)
    deployed, soft = model(images, draw), model(images, draw, path="soft")
    for backward in ("surrogate", "straight-through", {"surrogate": 0.3, "straight-through": 0.7}):
        output = model(images, draw, path="hard", backward=backward)
        torch.testing.assert_close(output.logits, deployed.logits)
        torch.testing.assert_close(output.surrogate_features, soft.features)
        model.zero_grad()
        output.logits.square().sum().backward()
        for part in (model.encoder, model.transceiver_dig, model.head):
            assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters()), backward
    model.zero_grad()
    deployed.logits.square().sum().backward()
    assert all(p.grad is None for p in model.encoder.parameters())


def test_own_networks():
    class Head(torch.nn.Linear):
        def forward(self, embedding):
            features = embedding.flatten(1)
            return super().forward(features), features

    link = Link(LinkConfig(tokens=2, codebook_size=8, embedding_dim=3))
    encoder = torch.nn.Sequential(torch.nn.Linear(10, 6), torch.nn.Unflatten(1, (2, 3)))
    model = SemanticModel(encoder, link, Head(6, 4))
    output = model(torch.rand(5, 10), draw_for(model, 5), path="soft")
    assert output.logits.shape == (5, 4)
    assert model.spec is None
