"""Indices sampled from an assignment: inverse of its cumulative sum, whatever its entries add up to."""

import pytest
import torch

from linksim.stages.quantize import Quantize

LARGEST = {torch.float32: 1 - 2**-24, torch.float64: 1 - 2**-53}
"""The largest uniform below one."""


@pytest.mark.parametrize("dtype", LARGEST)
def test_only_ratios_of_the_assignment_count(dtype):
    generator = torch.Generator().manual_seed(0)
    assignment = torch.rand(20, 5, 7, dtype=dtype, generator=generator)
    uniforms = torch.rand(20, 5, dtype=dtype, generator=generator)
    expected = Quantize().sample(assignment, uniforms)
    assert len(expected.unique()) == 7
    # powers of two scale without rounding
    for factor in (0.25, 4.0):
        assert torch.equal(Quantize().sample(factor * assignment, uniforms), expected)


@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize("missing", [0.0, 2.0**-20])
def test_a_codeword_of_probability_zero_is_never_drawn(dtype, missing):
    """Also not at the ends of the range of uniforms, nor when rounding took something from the sum."""
    assignment = torch.tensor([[[0.0, 0.5, 0.0, 0.5 - missing, 0.0]]], dtype=dtype)
    for uniform, expected in ((0.0, 1), (0.49, 1), (0.51, 3), (LARGEST[dtype], 3)):
        index = Quantize().sample(assignment, torch.tensor([[uniform]], dtype=dtype))
        assert index.tolist() == [[expected]]


@pytest.mark.parametrize("size", [2, 3, 300])
def test_a_uniform_that_rounding_made_one_gives_the_last_index(size):
    """A float64 draw converted to float32 may hold ones."""
    assignment = torch.full((1, 1, size), 1 / size)
    uniforms = torch.tensor([[LARGEST[torch.float64]]], dtype=torch.float64).float()
    assert uniforms.item() == 1
    assert Quantize().sample(assignment, uniforms).tolist() == [[size - 1]]
