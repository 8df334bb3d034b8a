"""Error vector magnitude against its definition."""

import numpy as np
import pytest
import torch

from linksim.metrics.evm import error_vector


def random(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.complex128)


def test_least_squares_by_numpy():
    signal, reference = random((3, 20), 1), random((3, 20), 2)
    error, scale = error_vector(signal, reference)
    for frame in range(3):
        s, r = signal[frame].numpy(), reference[frame].numpy()
        gain, residual, *_ = np.linalg.lstsq(r[:, None], s, rcond=None)
        assert float(error[frame]) == pytest.approx(residual[0], rel=1e-9)
        assert float(scale[frame]) == pytest.approx(abs(gain[0]) ** 2 * (np.abs(r) ** 2).sum(), rel=1e-9)


@pytest.mark.parametrize("gain", [0.3, -2.0, 1j, 0.7 - 0.2j])
def test_a_common_gain_is_no_error(gain):
    reference = random((2, 8), 3)
    error, scale = error_vector(gain * reference, reference)
    assert (error / scale).max() < 1e-28


def test_known_noise():
    """An error orthogonal to the reference counts in full: energy 8·0.01 against 8."""
    reference = torch.ones(1, 8, dtype=torch.complex128)
    noise = 0.1 * torch.tensor([1, -1] * 4, dtype=torch.complex128)
    error, scale = error_vector(reference + noise, reference)
    assert float(error) == pytest.approx(0.08)
    assert float(scale) == pytest.approx(8)


def test_frames_are_measured_alone():
    signal, reference = random((4, 6), 5), random((4, 6), 6)
    together = error_vector(signal, reference)
    for frame in range(4):
        alone = error_vector(signal[frame : frame + 1], reference[frame : frame + 1])
        assert torch.allclose(alone[0], together[0][frame])
        assert torch.allclose(alone[1], together[1][frame])


def test_silence():
    error, scale = error_vector(torch.ones(1, 3) + 0j, torch.zeros(1, 3) + 0j)
    assert (float(error), float(scale)) == (3, 0)
