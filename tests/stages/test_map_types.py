"""The map's precision, where its tensors lie, and where sharpening takes a probability for zero."""

import pytest
import torch

from linksim import Link, LinkConfig, Modem
from linksim.stages.map import sharpen


def make_link():
    return Link(LinkConfig(tokens=3, codebook_size=5, bits_per_symbol=4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("given", [torch.bool, torch.uint8, torch.int64, torch.float32, torch.float64])
def test_bits_are_sent_in_the_precision_of_the_map(dtype, given):
    """Bits of every dtype become real ones, so the precision of the symbols does not depend on them."""
    link = make_link().to(dtype)
    layout = link.layout
    bits, symbols = link.map.hard_bits(torch.ones(2, layout.information_bits).to(given))
    assert bits.dtype == dtype
    assert symbols.dtype == dtype.to_complex()
    assert bits.shape == (2, layout.information_bits + layout.pad_bits)


def test_points_are_asked_for_where_the_assignment_lies():
    """On PyTorch's meta device, which stands for an accelerator and holds no values."""

    class Points(Modem):
        def constellation(self, dtype=torch.float32, device="cpu"):
            assert torch.device(device).type == "meta"
            return super().constellation(dtype).to(device)

    stage = make_link().map.to("meta")
    stage.modem = Points(bits_per_symbol=4)
    for tensor in stage.soft(torch.empty(2, 3, 5, device="meta"), 0.7):
        assert tensor.device.type == "meta"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_smallest_normal_number_is_the_least_possible_probability(dtype):
    tiny = torch.finfo(dtype).tiny
    sharpened = sharpen(torch.tensor([1.0, tiny, tiny / 2, 0.0], dtype=dtype), 2.0)
    assert sharpened[1].item() == pytest.approx(tiny**0.5, rel=1e-4, abs=0)
    assert sharpened[2:].tolist() == [0, 0]
