"""A number that is not finite stops a training: with epoch, batch and stage, and what is left to use."""

import re

import pytest
import torch

from linksim.cli import main
from linksim_training import load_checkpoint
from linksim_training.nonfinite import Diverged

WORDS = [
    *("train", "--dataset", "digits", "--epochs", "4", "--alignment-start-epoch", "1"),
    *("--batch-size", "2000", "--lr-schedule", "constant"),
    *("--tokens", "2", "--codebook-size", "8", "--embedding-dim", "4", "--device", "cpu"),
    *("--skip-noiseless", "--quiet"),
]
BATCHES = 8
"""Of the few digits that the fixture `train` trains on."""


class Spoilt(torch.nn.Module):
    """A module whose output has one value of another kind, in one training step."""

    def __init__(self, module, value, step):
        super().__init__()
        self.module, self.value, self.step, self.steps = module, value, step, 0

    def forward(self, signal):
        output = self.module(signal)
        self.steps += self.training
        if self.training and self.steps == self.step:
            first = output[0] if isinstance(output, tuple) else output
            spoil = torch.zeros_like(first)
            spoil.view(-1)[3] = self.value
            first = first + spoil
            output = (first, *output[1:]) if isinstance(output, tuple) else first
        return output


class _NanBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, signal):
        return signal.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.nan


class SpoiltGradient(torch.nn.Module):
    """The identity, whose backward pass gives NaN in one training step."""

    def __init__(self, step):
        super().__init__()
        self.step, self.steps = step, 0

    def forward(self, signal):
        self.steps += self.training
        return _NanBackward.apply(signal) if self.training and self.steps == self.step else signal


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize(("epoch", "batch"), [(1, 1), (1, 3), (2, 8)])
def test_latents(train, make_model, value, epoch, batch):
    model = make_model()
    model.encoder = Spoilt(model.encoder, value, (epoch - 1) * BATCHES + batch)
    with pytest.raises(
        Diverged, match=f"epoch {epoch}, batch {batch}: .*not finite at the encoder's latents"
    ):
        train(model=model)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits(train, make_model, value):
    model = make_model()
    model.head = Spoilt(model.head, value, 5)
    with pytest.raises(Diverged, match="epoch 1, batch 5: the loss is not finite at the head's logits"):
        train(model=model, alignment_start_epoch=9)


@pytest.mark.parametrize("phase", ["LEARNING", "ALIGNMENT"])
@pytest.mark.parametrize("place", ["encoder", "head"])
def test_gradients(train, make_model, place, phase):
    """Forward all is well; the weights stay as they were before the step."""
    model = make_model()
    steps = 4 if phase == "LEARNING" or place == "encoder" else 8  # in phase 2 both paths go through the head
    if place == "encoder":
        model.encoder = torch.nn.Sequential(model.encoder, SpoiltGradient(steps))
    else:
        model.head.hidden.append(SpoiltGradient(steps))
    seen = []
    model.register_forward_hook(lambda *_: seen.append(weights(model)))
    stage = "the encoder's gradient" if place == "encoder" else "the head's gradient"
    start = 9 if phase == "LEARNING" else 1
    with pytest.raises(Diverged, match=f"epoch 1, batch 4: the gradient is not finite at {stage}"):
        train(model=model, alignment_start_epoch=start)
    assert all(torch.equal(seen[-1][name], one) for name, one in weights(model).items())
    assert all(bool(torch.isfinite(one).all()) for one in weights(model).values())


def test_weights_that_grow_without_bound(train):
    """The first step makes them huge; the second batch, or the validation, shows it."""
    with pytest.raises(Diverged, match=r"epoch 1, batch 2: .* not finite at .*; lower --lr"):
        train(lr=1e38)


def test_validation_alone(train, make_model):
    """All training steps are well, and only the validation overflows."""

    class Head(torch.nn.Module):
        def __init__(self, head):
            super().__init__()
            self.head = head

        def forward(self, embedding):
            logits, features = self.head(embedding)
            return (logits if self.training else logits * torch.inf), features

    model = make_model()
    model.head = Head(model.head)
    with pytest.raises(Diverged, match=r"epoch 1, batch 8: the epoch's figures are not finite at \w+"):
        train(model=model)


def test_the_last_step_of_an_epoch(train, few):
    """Its weights meet no training batch of the epoch; they are looked at before they are validated."""
    with pytest.raises(Diverged, match="epoch 1, batch 1: after the step, numbers are not finite at the "):
        train(train_loader=few[0][:1], lr=1e38)


def test_other_errors_keep_their_names(train, few):
    """What is wrong with the data is not blamed on the training."""
    wrong = [(images, labels + 100) for images, labels in few[0]]
    with pytest.raises((ValueError, IndexError)) as raised:
        train(train_loader=wrong)
    assert not isinstance(raised.value, Diverged)


def test_the_command_names_the_last_good_epoch(tmp_path, capsys):
    """One batch per epoch. The first step has a learning rate of 0, the second one of 10^37."""
    words = [*WORDS, "--lr", "2e37", "--lr-warmup-epochs", "2", "--run-dir", str(tmp_path)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert re.match(r"linksim train: training diverged in epoch 2, batch 1: .* not finite at ", error)
    last = tmp_path / "checkpoints" / "last_model.pt"
    assert f"{last} holds the last good epoch" in error
    for name in ("last", "best", "best_hard"):
        checkpoint = load_checkpoint(last.with_name(f"{name}_model.pt"))
        assert checkpoint.metadata["epoch"] == 1
        assert all(bool(torch.isfinite(one).all()) for one in checkpoint.model.state_dict().values())
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 1
    assert not (tmp_path / "summary.json").exists()


def test_an_earlier_run_is_left_alone(tmp_path, capsys):
    """It diverges in its first step, so nothing is overwritten, and nothing of it is called good."""
    words = [*WORDS, "--epochs", "1", "--run-dir", str(tmp_path)]
    assert main(words) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    capsys.readouterr()
    assert main([*words, "--lambda-vec", "1e300", "--overwrite"]) == 2  # which overflows at once
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert "diverged in epoch 1, batch 1" in error
    assert "last good epoch" not in error
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
