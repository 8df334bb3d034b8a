"""Own encoders, heads, quantizers and data: what docs/own-parts.md shows does what it says."""

import re
from pathlib import Path

import pytest
import torch
from helpers.laws import (
    check_frame_independence,
    check_gradients_finite,
    check_hard_ignores_temperature,
    check_quantize_law,
    check_soft_frame_independence,
    check_whole_link_law,
)
from torch import nn
from torch.nn.functional import normalize

from linksim import Link, LinkConfig
from linksim_training import SemanticModel, TrainConfig, fit, load_checkpoint
from linksim_training.checkpoints import save_checkpoint

PAGE = Path(__file__).parents[2] / "docs" / "own-parts.md"
CONFIG = LinkConfig(tokens=4, codebook_size=16, embedding_dim=8)


def run_block(heading):
    """What the Python block below a heading of the page leaves."""
    _, _, section = PAGE.read_text(encoding="utf-8").partition(f" {heading}\n")
    source = re.search(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[1]
    names = {"__name__": "__main__"}
    with torch.random.fork_rng(devices=[]):
        exec(compile(source, f"{PAGE}, {heading}", "exec"), names)
    return names


@pytest.fixture(scope="module")
def text():
    return run_block("Text: a token encoder")


def test_text_is_understood_over_the_air(text):
    """Better than chance by more than four standard deviations, on sentences that training has not seen."""
    chance, frames = text["most_frequent"], text["held_out"]
    assert frames > 140
    last = text["history"].rows[-1]
    assert last["phase"] == "ALIGNMENT"
    assert last["val"]["hard_accuracy"] > chance + 4 * (chance * (1 - chance) / frames) ** 0.5


def test_text_is_real_and_none_of_it_is_in_both_parts(text):
    kept, held = (
        {words for words, _ in part}
        for part in (text["examples"][text["held_out"] :], text["examples"][: text["held_out"]])
    )
    assert not kept & held
    assert any("cholesky" in words for words in kept | held)


def test_sentences_are_whole_numbers_all_the_way(text):
    """Neither training nor evaluation makes real numbers of them, and what follows a sentence is ignored."""
    inputs, encoder = text["inputs"], text["model"].encoder
    assert inputs.dtype == torch.long
    with torch.no_grad():
        latents = encoder(inputs[:9])
        assert latents.shape == (9, text["TOKENS"], text["DIM"])
        torch.testing.assert_close(encoder(inputs[3:4])[0], latents[3])
        lengths = (inputs[:9] > 0).sum(1)
        shortest = inputs[:9][lengths.argmin(), : lengths.min()]
        padded = torch.zeros_like(inputs[0])
        padded[: len(shortest)] = shortest
        torch.testing.assert_close(encoder(padded[None])[0], latents[lengths.argmin()])


def test_a_model_of_own_networks_is_saved_and_loaded(text, tmp_path):
    model, inputs = text["model"].eval(), text["inputs"][:20]
    save_checkpoint(tmp_path / "text.pt", model, {"vocabulary": list(text["vocabulary"])})
    content = torch.load(tmp_path / "text.pt", weights_only=True)
    words = len(content["metadata"]["vocabulary"]) + 2
    tokens, dim = text["TOKENS"], text["DIM"]
    fresh = SemanticModel(
        text["TextEncoder"](words, tokens, dim), Link(model.link.config), text["Head"](tokens, dim, 4)
    ).eval()
    draw = model.link.draw(20, 6.0, torch.Generator().manual_seed(0))
    assert not torch.equal(fresh(inputs, draw).logits, model(inputs, draw).logits)
    fresh.load_state_dict(content["model_state_dict"])
    assert torch.equal(fresh(inputs, draw).logits, model(inputs, draw).logits)
    with pytest.raises(ValueError, match="networks of one's own"):
        load_checkpoint(tmp_path / "text.pt")


def test_own_images_in_colour():
    photos = run_block("Images in an .npz")
    assert photos["model"].spec["encoder"] == "residual"
    assert photos["history"].rows[-1]["val"]["hard_accuracy"] > 0.65


class Cosine:
    """Compares directions; no part of it comes from linksim."""

    def normalise(self, latents):
        return normalize(latents, dim=-1) * latents.shape[-1] ** 0.5

    def cosines(self, latents, codebook):
        return normalize(latents.double(), dim=-1) @ normalize(codebook.double(), dim=-1).mT

    def hard(self, latents, codebook):
        return self.cosines(latents, codebook).argmax(-1)

    def soft(self, latents, codebook, temperature):
        return (5 * self.cosines(latents, codebook) / temperature).softmax(-1).to(latents.dtype)

    def sample(self, assignment, uniforms):
        cumulative = assignment.double().cumsum(-1)
        return (cumulative <= uniforms.double().unsqueeze(-1)).sum(-1).clamp_max(assignment.shape[-1] - 1)


class Scaled(Cosine, nn.Module):
    """The same with a learnt sharpness."""

    def __init__(self):
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(5.0))

    def soft(self, latents, codebook, temperature):
        logits = self.sharpness * self.cosines(latents, codebook) / temperature
        return logits.softmax(-1).to(latents.dtype)


def of_the_page():
    return run_block("A quantizer")["Cosine"]()


@pytest.mark.parametrize("make", [Cosine, Scaled, of_the_page])
@pytest.mark.parametrize("temperature", [0.05, 0.7, 20.0])
@pytest.mark.parametrize("decision", ["mean", "map"])
def test_the_laws_hold_with_an_own_quantizer(make, temperature, decision):
    link = Link(LinkConfig(**{**CONFIG.as_dict(), "decision": decision}), quantizer=make())
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn(12, 4, 8, generator=generator)
    index = torch.randint(16, (12, 4), generator=generator)
    draw = link.draw(12, 5.0, generator)
    check_quantize_law(link, latents, temperature)
    check_whole_link_law(link, index, draw, temperature, 0.7)
    check_frame_independence(link, latents, draw)
    check_soft_frame_independence(link, latents, draw, temperature, 0.7)
    check_hard_ignores_temperature(link, latents, draw)
    check_gradients_finite(link, latents, draw, temperature, 0.7)
    expected = (latents / latents.norm(dim=-1, keepdim=True)) @ normalize(link.codebook, dim=-1).mT
    assert torch.equal(link.hard(latents, draw).index, expected.argmax(-1))


def test_certain_tokens_are_sampled_as_they_are():
    certain = torch.eye(16).expand(5, 16, 16)
    for uniform in (0.0, 0.5, 1 - 2**-24):
        for quantizer in (Cosine(), of_the_page()):
            drawn = quantizer.sample(certain, torch.full((5, 16), uniform))
            assert torch.equal(drawn, torch.arange(16).expand(5, 16))


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(32, 64), nn.ReLU())
        self.logits = nn.Linear(64, 10)

    def forward(self, embedding):
        features = self.hidden(embedding)
        return self.logits(features), features


@pytest.mark.parametrize("make", [Cosine, Scaled])
def test_training_with_an_own_quantizer(digits, make):
    """Both phases, on real digits; parameters of the quantizer are trained and saved with the model."""

    def batches(part, size):
        images, labels = digits.part(part)
        return list(zip(images[:600].split(size), labels[:600].split(size), strict=True))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
        model = SemanticModel(encoder.append(nn.Unflatten(1, (4, 8))), Link(CONFIG, quantizer=make()), Head())
    config = TrainConfig(epochs=6, alignment_start_epoch=5, lr=5e-3, device="cpu")
    history = fit(model, batches("train", 30), batches("validation", 180), config, snr_db=12.0)
    assert history.rows[-1]["val"]["hard_accuracy"] > 0.4
    state = model.state_dict()
    assert ("transceiver_dig.quantize.sharpness" in state) == (make is Scaled)
    if make is Scaled:
        assert state["transceiver_dig.quantize.sharpness"] != 5
