"""The codebook: its start, its moving averages, and codewords that nobody uses."""

import numpy as np
import pytest
import torch

from linksim_training import TrainConfig, fit
from linksim_training.codebook import (
    MovingAverages,
    initialise_codebook,
    latents_of,
    restart_dead_codes,
)
from linksim_training.networks import FrameDropout
from linksim_training.step import TrainingStep

K = 16


def without_dropout(model):
    """The model with latents that depend on its weights and inputs alone."""
    for layer in model.modules():
        if isinstance(layer, FrameDropout):
            layer.probability = 0.0
    return model


def test_codebook_starts_at_cluster_centres(make_model, digits):
    """Every codeword is the mean of the latents nearest to it, and the mean distance shrinks."""
    model = make_model().eval()
    images = digits.x_train[:300]
    with torch.no_grad():
        latents = model.link.quantize.normalise(model.encoder(images)).flatten(0, 1).double()

        def nearest():
            return torch.cdist(latents, model.link.codebook.double()).min(1)

        before = nearest().values.square().mean()
        initialise_codebook(model, images, seed=1)
        distances, index = nearest()
        centres = torch.stack([latents[index == k].mean(0) for k in range(K)])
    assert distances.square().mean() < 0.5 * before
    torch.testing.assert_close(model.link.codebook.double(), centres, rtol=1e-3, atol=1e-3)


def test_too_few_latents_for_clusters(make_model):
    """One image four tokens wide has no sixteen clusters; the codebook stays as it was."""
    model = make_model()
    before = model.link.codebook.clone()
    initialise_codebook(model, torch.zeros(3, 1, 8, 8), seed=1)
    assert torch.equal(model.link.codebook, before)


def test_a_random_codebook_stays_where_it_is_until_training_moves_it(train, make_model):
    """With a learning rate of next to nothing it ends where it began; k-means centres do not."""
    before = make_model().link.codebook
    still = {"epochs": 1, "lr": 1e-30}
    random, _ = train(random_codebook=True, **still)
    clustered, _ = train(random_codebook=False, **still)
    assert torch.equal(random.link.codebook, before)
    assert (clustered.link.codebook - before).abs().max() > 0.1


def test_moving_averages_against_a_loop():
    """Appendix A.1 of van den Oord et al. over three steps, codeword by codeword."""
    random = np.random.default_rng(0)
    codebook = torch.from_numpy(random.normal(size=(4, 3)))
    averages = MovingAverages(codebook, decay=0.9)
    number, total = [1.0] * 4, [codebook[k].numpy().copy() for k in range(4)]
    for step in range(3):
        latents, index = random.normal(size=(20, 3)), random.integers(0, 4, 20)
        index[index == step] = 3  # a codeword that nobody uses in this step
        counts = np.array([(index == k).sum() for k in range(4)])
        sums = np.array([latents[index == k].sum(0) for k in range(4)])
        averages.update(torch.from_numpy(counts), torch.from_numpy(sums))
        for k in range(4):
            number[k] = 0.9 * number[k] + 0.1 * sum(1 for i in index if i == k)
            nearest = [z for z, i in zip(latents, index, strict=True) if i == k]
            total[k] = 0.9 * total[k] + 0.1 * sum(nearest, np.zeros(3))
        everything = sum(number)
        for k in range(4):
            smoothed = (number[k] + 1e-5) / (everything + 4 * 1e-5) * everything
            np.testing.assert_allclose(codebook[k].numpy(), total[k] / smoothed, rtol=1e-12)
    averages.restart(torch.tensor([2]))
    assert averages.counts[2] == 1
    assert torch.equal(averages.totals[2], codebook[2])
    np.testing.assert_allclose(averages.counts[[0, 1, 3]], np.array(number)[[0, 1, 3]])


def test_the_average_of_latents_that_stand_still_is_their_mean():
    codebook = torch.full((2, 2), 5.0)
    averages = MovingAverages(codebook, decay=0.5)
    for _ in range(60):
        averages.update(torch.tensor([3.0, 2.0]), torch.tensor([[3.0, 6.0], [-8.0, 2.0]]))
    torch.testing.assert_close(codebook, torch.tensor([[1.0, 2.0], [-4.0, 1.0]]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("epoch", [1, 2])
def test_training_hands_over_the_latents_nearest_to_each_codeword(train, few, make_model, monkeypatch, epoch):
    """One step of training against the formula, in phase 1 and in phase 2."""
    settings = {"codebook_update": "ema", "ema_decay": 0.75, "random_codebook": True, "lr": 1e-30}
    images, labels = few[0][0]
    seen = []
    forward = TrainingStep.forward

    def looked_at(self, images, *words):
        link = self.model.link
        seen.append((self.model.encoder(images).detach(), link.codebook.detach().clone()))
        return forward(self, images, *words)

    monkeypatch.setattr(TrainingStep, "forward", looked_at)
    start = 2 if epoch == 1 else 1
    model = without_dropout(make_model())
    train(model=model, train_loader=[(images, labels)], epochs=1, alignment_start_epoch=start, **settings)
    raw, codebook = (one.double().numpy() for one in seen[0])
    z = (raw - raw.mean(-1, keepdims=True)) / np.sqrt(raw.var(-1, keepdims=True) + 1e-5)
    z = z.reshape(-1, z.shape[-1])
    nearest = ((z[:, None] - codebook) ** 2).sum(-1).argmin(1)
    counts = np.array([0.75 + 0.25 * (nearest == k).sum() for k in range(K)])
    totals = np.stack([0.75 * codebook[k] + 0.25 * z[nearest == k].sum(0) for k in range(K)])
    smoothed = (counts + 1e-5) / (counts.sum() + K * 1e-5) * counts.sum()
    expected = totals / smoothed[:, None]
    assert len(set(nearest)) > 4
    np.testing.assert_allclose(model.link.codebook.detach().double(), expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("learns", [True, False])
def test_moving_averages_need_no_gradient_and_give_the_codebook_back(few, make_model, learns):
    """Its gradient is off while it follows averages, and afterwards as it was; also after a failure."""
    model, seen = make_model(), []
    model.link.codebook.requires_grad_(learns)
    config = TrainConfig(epochs=1, alignment_start_epoch=1, codebook_update="ema", device="cpu")

    def look():
        seen.append((model.link.codebook.requires_grad, model.link.codebook.grad))

    history = fit(model, few[0][:2], few[1][:1], config, on_batch=look)
    assert seen == [(False, None)] * 2
    assert model.link.codebook.requires_grad is learns
    assert history.rows[0]["train"]["gradient_norm_codebook"] == 0
    assert history.rows[0]["train"]["gradient_norm_encoder"] > 0
    broken = [(torch.full_like(images, torch.nan), labels) for images, labels in few[0][:1]]
    with pytest.raises(ValueError, match="epoch 1"):
        fit(model, broken, few[1][:1], config)
    assert model.link.codebook.requires_grad is learns


def dead_scene():
    """A codebook, its optimiser after two steps, latents to choose from, and a usage with three dead ones."""
    generator = torch.Generator().manual_seed(0)
    codebook = torch.nn.Parameter(torch.randn(8, 3, generator=generator))
    optimiser = torch.optim.AdamW([codebook], lr=0.01)
    for _ in range(2):
        optimiser.zero_grad()
        (codebook**2).sum().backward()
        optimiser.step()
    latents = 100 + torch.randn(50, 3, generator=generator)
    usage = torch.tensor([0.3, 0.0, 0.2, 0.0124, 0.0126, 0.25, 0.2125, 0.0125], dtype=torch.float64)
    return codebook, optimiser, latents, usage / usage.sum()


def test_only_codewords_below_the_share_move_and_all_to_latents():
    """A tenth of the fair share 1/8 is 0.0125, which itself is enough."""
    codebook, optimiser, latents, usage = dead_scene()
    before = codebook.detach().clone()
    usage = usage.clone()
    usage[7] = 0.0125
    dead = restart_dead_codes(codebook, usage, 0.1, latents, torch.Generator().manual_seed(1), optimiser)
    assert dead.tolist() == [1, 3]
    kept = [0, 2, 4, 5, 6, 7]
    assert torch.equal(codebook.detach()[kept], before[kept])
    for place in codebook.detach()[dead]:
        assert bool((latents == place).all(1).any())
    state = optimiser.state[codebook]
    for moment in ("exp_avg", "exp_avg_sq"):
        assert bool((state[moment][dead] == 0).all())
        assert bool((state[moment][kept] != 0).all())


def test_the_choice_of_latents_is_random_and_comes_from_the_generator():
    places = []
    for seed in (1, 1, 2):
        codebook, optimiser, latents, _ = dead_scene()
        usage = torch.zeros(8, dtype=torch.float64)
        restart_dead_codes(codebook, usage, 0.1, latents, torch.Generator().manual_seed(seed), optimiser)
        places.append(codebook.detach().clone())
    assert torch.equal(places[0], places[1])
    assert not torch.equal(places[0], places[2])
    assert len(torch.unique(places[0], dim=0)) > 4


def test_an_optimiser_without_moments_is_no_obstacle():
    codebook = torch.nn.Parameter(torch.zeros(4, 2))
    optimiser = torch.optim.AdamW([codebook])
    usage = torch.full((4,), 0.25, dtype=torch.float64)
    moved = restart_dead_codes(codebook, usage, 1.0, torch.ones(3, 2), torch.Generator(), optimiser)
    assert moved.tolist() == []
    moved = restart_dead_codes(codebook, 0 * usage, 1.0, torch.ones(3, 2), torch.Generator(), optimiser)
    assert moved.tolist() == [0, 1, 2, 3]
    assert bool((codebook == 1).all())


def equal(codebook):
    codebook.zero_()


def far_away(codebook):
    codebook[2:] += 50.0


@pytest.mark.parametrize(("collapse", "update"), [(equal, "ema"), (far_away, "ema"), (far_away, "gradient")])
def test_a_collapsed_codebook_revives_by_restarts(train, make_model, collapse, update):
    """Without restarts it stays at one codeword, although nothing else differs."""
    rows = {}
    for share in (0.0, 0.2):
        model = make_model()
        with torch.no_grad():
            collapse(model.link.codebook)
        settings = {"lambda_marginal": 0.0, "random_codebook": True, "codebook_update": update}
        rows[share] = train(
            model=model, epochs=4, alignment_start_epoch=4, restart_dead_codes=share, **settings
        )[1].rows
        assert rows[share][0]["train"]["perplexity"] < 2
    assert [row["codebook"]["restarted"] for row in rows[0.0]] == [0] * 4
    assert rows[0.0][3]["train"]["perplexity"] < 1.5
    assert rows[0.2][0]["codebook"]["restarted"] == 14
    assert rows[0.2][3]["codebook"]["restarted"] == 0, "the last epoch moves nothing"
    assert rows[0.2][3]["train"]["perplexity"] > 8


def test_moved_codewords_are_where_the_latents_are(make_model, few):
    """After the epoch, before the next: every codeword that moved is one of the latents."""
    model, states = without_dropout(make_model()), []
    with torch.no_grad():
        model.link.codebook[1:] += 50
    config = TrainConfig(epochs=2, random_codebook=True, restart_dead_codes=0.5, device="cpu", lr=1e-30)
    fit(model, *few, config, on_epoch=lambda trained, _: states.append(trained.link.codebook.clone()))
    latents = latents_of(model, torch.cat([images for images, _ in few[0]])).double()
    assert bool((torch.cdist(states[0][1:].double(), latents).min(1).values < 1e-5).all())


def test_what_is_validated_is_what_is_kept(make_model, few):
    """The model that an epoch hands over is the one of its row, also where codewords have just moved."""
    model, seen = make_model(), []
    with torch.no_grad():
        model.link.codebook[1:] += 50
    settings = {"random_codebook": True, "restart_dead_codes": 0.5, "lr": 1e-30, "vq_temp_decay": 1.0}
    config = TrainConfig(epochs=2, symbol_temp_decay=1.0, alignment_start_epoch=3, device="cpu", **settings)
    history = fit(model, *few, config, on_epoch=lambda _, row: seen.append(row["val"]["marginal_entropy"]))
    assert history.rows[0]["codebook"]["restarted"] == K - 1
    # Weights stand still and nothing moves after the last epoch, so both epochs validate the same model.
    assert seen[0] == pytest.approx(seen[1], abs=1e-9)


def test_the_histogram_of_codewords_gives_their_number_and_perplexity(short_run):
    for row in short_run[1].rows:
        usage = np.array(row["codebook"]["usage"])
        assert len(usage) == 64
        assert usage.sum() == pytest.approx(1, abs=1e-5)
        assert row["codebook"]["used"] == (usage > 0).sum()
        used = usage[usage > 0]
        assert np.exp(-(used * np.log(used)).sum()) == pytest.approx(row["train"]["perplexity"], rel=1e-4)


def test_the_histogram_counts_nearest_codewords(train, few, make_model):
    """One epoch with weights that stand still, counted by hand."""
    model = without_dropout(make_model())
    _, history = train(model=model, epochs=1, lr=1e-30, random_codebook=True)
    latents = latents_of(model, torch.cat([images for images, _ in few[0]]))
    nearest = torch.cdist(latents.double(), model.link.codebook.detach().double()).argmin(1)
    counts = np.bincount(nearest.numpy(), minlength=K) / len(nearest)
    np.testing.assert_allclose(history.rows[0]["codebook"]["usage"], counts, atol=2e-3)
