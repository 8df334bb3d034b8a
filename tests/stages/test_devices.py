"""Stages compute where their input lies: on PyTorch's meta device, which stands for an accelerator."""

import sys
from types import SimpleNamespace

import torch

from linksim import Link, LinkConfig, Modem
from linksim.stages.channel import AwgnChannel

ELSEWHERE = torch.device("meta")


def test_noise_variance_lies_where_the_noise_is_drawn(monkeypatch):
    noise = torch.empty(2, 3, dtype=torch.complex64, device=ELSEWHERE)
    monkeypatch.setattr(sys.modules[AwgnChannel.__module__], "unit_noise", lambda *_: noise)
    draw = AwgnChannel().draw(2, 3, torch.zeros(2), SimpleNamespace(device=ELSEWHERE))
    assert draw["noise_variance"].device == ELSEWHERE
    assert draw["noise_variance"].shape == (2, 1)


def test_points_are_asked_for_where_the_assignment_lies():
    class Points(Modem):
        def constellation(self, dtype=torch.float32, device="cpu"):
            assert torch.device(device).type == ELSEWHERE.type
            return super().constellation(dtype).to(device)

    stage = Link(LinkConfig(tokens=3, codebook_size=5, bits_per_symbol=4)).map.to(ELSEWHERE)
    stage.modem = Points(bits_per_symbol=4)
    for tensor in stage.soft(torch.empty(2, 3, 5, device=ELSEWHERE), 0.7):
        assert tensor.device.type == ELSEWHERE.type
