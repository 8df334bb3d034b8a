"""The mapping is that of 3GPP TS 38.211, section 5.1, bit for bit."""

import numpy as np
import pytest
import torch
from helpers.oracles import check_modulation
from helpers.qam import WIDTHS, label_bits, qam_points
from py3gpp import nrSymbolModulate

from linksim import Modem

NAMES = {2: "QPSK", 4: "16QAM", 6: "64QAM", 8: "256QAM"}


def all_labels(width):
    return torch.tensor([label_bits(label, width) for label in range(2**width)]).flatten()


@pytest.mark.parametrize("width", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_symbols_equal_py3gpp(width, dtype):
    generator = torch.Generator().manual_seed(width)
    random_bits = torch.randint(2, (300 * width,), generator=generator)
    bits = torch.cat([all_labels(width), random_bits])
    symbols = Modem(bits_per_symbol=width).modulate(bits.to(dtype)).numpy()
    expected = nrSymbolModulate(bits.numpy(), NAMES[width])
    assert symbols.dtype == (np.complex128 if dtype == torch.float64 else np.complex64)
    np.testing.assert_allclose(symbols, expected, rtol=0, atol=1e-6 if dtype == torch.float32 else 1e-12)
    # the nearest of py3gpp's points is the very label that was sent
    points = nrSymbolModulate(all_labels(width).numpy(), NAMES[width])
    labels = bits.reshape(-1, width).numpy() @ (1 << np.arange(width)[::-1])
    np.testing.assert_array_equal(np.abs(symbols[:, None] - points).argmin(1), labels)


@pytest.mark.parametrize("width", NAMES)
def test_own_formula_equals_py3gpp(width):
    expected = nrSymbolModulate(all_labels(width).numpy(), NAMES[width])
    np.testing.assert_allclose(qam_points(width), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("width", WIDTHS)
def test_symbols_equal_the_formula(width):
    generator = torch.Generator().manual_seed(width)
    random_bits = torch.randint(2, (200 * width,), generator=generator)
    check_modulation(Modem(bits_per_symbol=width), torch.cat([all_labels(width), random_bits]))


@pytest.mark.parametrize("width", WIDTHS)
def test_constellation_lists_the_points_by_label(width):
    modem = Modem(bits_per_symbol=width)
    points = modem.constellation(torch.float64)
    np.testing.assert_allclose(points.numpy(), qam_points(width), rtol=0, atol=1e-12)
    assert points.abs().square().mean().item() == pytest.approx(1, abs=1e-12)
    mapped = modem.modulate(all_labels(width).double())
    np.testing.assert_allclose(points.numpy(), mapped.numpy(), rtol=0, atol=1e-15)


@pytest.mark.parametrize("width", WIDTHS)
def test_neighbours_differ_in_one_bit(width):
    points = Modem(bits_per_symbol=width).constellation(torch.float64)
    distance = (points[:, None] - points).abs()
    smallest = distance[distance > 1e-9].min()
    first, second = torch.nonzero((distance - smallest).abs() < 1e-9, as_tuple=True)
    assert len(first) > 0
    assert all(int(a ^ b).bit_count() == 1 for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float32])
def test_every_dtype_of_bits_maps_alike(dtype):
    bits = all_labels(4)
    modem = Modem(bits_per_symbol=4)
    assert torch.equal(modem.modulate(bits.to(dtype)), modem.modulate(bits))


def test_leading_dimensions_are_kept():
    modem = Modem(bits_per_symbol=4)
    bits = torch.randint(2, (2, 3, 20), generator=torch.Generator().manual_seed(0))
    symbols = modem.modulate(bits)
    assert symbols.shape == (2, 3, 5)
    assert torch.equal(symbols[1, 2], modem.modulate(bits[1, 2]))
    assert modem.demodulate(symbols, 0.1).shape == (2, 3, 20)
