"""Squared distances are those of the definition, for every token by itself."""

import numpy as np
import pytest
import torch

from linksim.stages.quantize import squared_distances


@pytest.mark.parametrize("shape", [(6,), (4, 6), (3, 4, 6), (3, 4, 1)])
def test_distances_equal_the_definition(shape):
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(shape, generator=generator)
    codebook = torch.randn(11, shape[-1], generator=generator)
    distances = squared_distances(latents, codebook)
    assert distances.dtype == torch.float64
    difference = latents.double().numpy()[..., None, :] - codebook.double().numpy()
    np.testing.assert_allclose(distances.numpy(), (difference**2).sum(-1), rtol=0, atol=1e-12)


def test_distances_do_not_depend_on_other_tokens():
    generator = torch.Generator().manual_seed(1)
    latents, codebook = torch.randn(2, 3, 6, generator=generator), torch.randn(5, 6, generator=generator)
    before = squared_distances(latents, codebook)
    latents[1, 2] *= 1e6
    after = squared_distances(latents, codebook)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1, :2], after[1, :2])
