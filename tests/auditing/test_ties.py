"""Tokens between two codewords: which count as tied, and what leaving their images out does."""

import math
from types import SimpleNamespace

import pytest
import torch

from linksim import Link, LinkConfig, audit
from linksim.auditing.ties import TIED, tied_tokens
from linksim.stages.quantize import Quantize

NUDGES = (0.0, 0.5, 0.98, 1.02, 3.0, 100.0)
"""Differences of the two squared distances over √D, in units of the limit."""


def link_of(codebook, tokens=1, **parts):
    codebook = torch.as_tensor(codebook)
    size, dimension = codebook.shape
    config = LinkConfig(tokens=tokens, codebook_size=size, embedding_dim=dimension, bits_per_symbol=2)
    link = Link(config, **parts).to(codebook.dtype)
    link.codebook.data = codebook
    return link


@pytest.mark.parametrize("side", [-1, 1])
def test_one_dimension(side):
    """Latents of one dimension are not normalised: x between -1 and 1 differs by 4|x| in squared distance."""
    link = link_of(torch.tensor([[-1.0], [1.0], [9.0]], dtype=torch.float64), tokens=len(NUDGES))
    latents = side * torch.tensor(NUDGES, dtype=torch.float64) * TIED / 4
    assert tied_tokens(link, latents.reshape(1, -1, 1)).tolist() == [[True] * 3 + [False] * 3]


@pytest.mark.parametrize("dimension", [3, 4, 16])
def test_codewords_that_are_each_others_mirror_image(dimension):
    """Two codewords that exchange their first two coordinates p and q are equally far from every latent whose
    first two are equal; z differs by 2(p - q)(z₀ - z₁) in squared distance."""
    generator = torch.Generator().manual_seed(dimension)
    latents = torch.randn(1, len(NUDGES), dimension, dtype=torch.float64, generator=generator)
    latents[..., 1] = latents[..., 0]
    between = torch.nn.functional.layer_norm(latents, (dimension,))
    # The codewords stand around the first latent, and so far along their own axis that no other is near.
    first, second = between[0, 0].clone(), between[0, 0].clone()
    first[0] += 0.3
    second[1] += 0.3
    link = link_of(torch.stack([first, second]), tokens=len(NUDGES))
    assert tied_tokens(link, latents).all()
    # Normalising scales the nudge by the latent's own standard deviation, up to second order.
    spread = latents.var(-1, correction=0).add(1e-5).sqrt()
    nudges = torch.tensor(NUDGES, dtype=torch.float64) * TIED * math.sqrt(dimension) / (2 * 0.3) * spread
    latents[..., 0] += nudges / 2
    latents[..., 1] -= nudges / 2
    assert tied_tokens(link, latents).tolist() == [[True] * 3 + [False] * 3]


def test_only_the_two_nearest_count():
    link = link_of([[0.0], [3.0], [-3.0], [3.0]], tokens=3)
    # Between the two or three farther ones; on two equal codewords; between the nearest and these.
    assert tied_tokens(link, torch.tensor([[[0.0], [3.0], [1.5]]])).tolist() == [[False, True, True]]


def test_what_the_limit_means():
    """At a temperature of 1e-4 the farther codeword of a tied token has at least e⁻¹⁰ of the nearer one."""
    generator = torch.Generator().manual_seed(4)
    codebook = torch.randn(1, 6, dtype=torch.float64, generator=generator)
    link = link_of(torch.cat([codebook, codebook[:, [1, 0, 2, 3, 4, 5]]]), tokens=2000)
    latents = torch.randn(1, 2000, 6, dtype=torch.float64, generator=generator)
    # Nearly as far from both codewords, which exchange their first two coordinates.
    latents[..., 1] = latents[..., 0] + 0.01 * latents[..., 1]
    assignment = link.quantize.soft(link.quantize.normalise(latents), link.codebook, 1e-4)
    less, more = assignment.detach().sort(-1).values.unbind(-1)
    expected = less >= math.exp(-10) * more
    assert torch.equal(tied_tokens(link, latents), expected)
    assert 20 < expected.sum() < 1980


class Doubled(Quantize):
    """A quantizer of one's own."""


def test_a_quantizer_of_ones_own():
    codebook = [[-1.0], [1.0]]
    latents = torch.zeros(4, 3, 1)
    assert tied_tokens(link_of(codebook, tokens=3), latents).all()
    assert tied_tokens(link_of(codebook, tokens=3, quantizer=Doubled()), latents) is None


def model_with(quantizer=None):
    """Codewords at -3, -1, 1 and 3; the class is the sign of the sum."""
    link = link_of([[-3.0], [-1.0], [1.0], [3.0]], tokens=2, quantizer=quantizer)

    def head(embedding):
        total = embedding.sum((1, 2), keepdim=True).squeeze(-1)
        return torch.cat([-total, total], 1), embedding.flatten(1)

    return SimpleNamespace(encoder=lambda latents: latents, transceiver_dig=link, head=head)


def images(tied):
    """Random latents; those of the images and tokens in `tied` lie between two codewords."""
    generator = torch.Generator().manual_seed(11)
    latents = 2 * torch.randn(40, 2, 1, generator=generator)
    near = (latents - 2 * (latents / 2).round()).abs() < 0.01
    latents[near] += 0.1
    for image, token in tied:
        latents[image, token] = 2.0 * (image % 3 - 1)
    return latents, (latents.sum((1, 2)) > 0).long()


def run(model, data, **arguments):
    generator = torch.Generator().manual_seed(12)
    return audit(model, data, snr_db=[1.0], generator=generator, parts=("calibration",), **arguments)


TIES = [(0, 0), (7, 0), (7, 1), (8, 1), (25, 0), (39, 1)]
KEPT = [image for image in range(40) if image not in {image for image, _ in TIES}]


def test_ties_are_counted_and_left_out():
    model = model_with()
    latents, labels = images(TIES)
    whole = run(model, (latents, labels))
    assert (whole.tied, whole.left_out, whole.frames) == (6, 0, 40)
    without = run(model, (latents, labels), leave_out_ties=True)
    assert (without.tied, without.left_out, without.frames) == (6, 5, 35)
    expected = run(model, (latents[KEPT], labels[KEPT]))
    assert (expected.tied, expected.left_out, expected.frames) == (0, 0, 35)
    assert without.rows == expected.rows != whole.rows
    assert without.information == expected.information


def test_no_ties_to_leave_out():
    model, data = model_with(), images([])
    assert run(model, data).tied == 0
    assert run(model, data, leave_out_ties=True).rows == run(model, data).rows


def test_batches_of_nothing_but_ties():
    latents, labels = images([(0, 0), (1, 0), (2, 1), *TIES])
    batches = [(latents[:3], labels[:3]), (latents[3:20], labels[3:20]), (latents[20:], labels[20:])]
    report = run(model_with(), batches, leave_out_ties=True)
    assert (report.tied, report.left_out, report.frames) == (8, 7, 33)


def test_no_ties_with_a_quantizer_of_ones_own():
    report = run(model_with(Doubled()), images(TIES), leave_out_ties=True)
    assert (report.tied, report.left_out, report.frames) == (None, 0, 40)


@pytest.mark.parametrize("left", [0, 1])
def test_too_few_images_are_left(left):
    data = images([(image, 0) for image in range(40 - left)])
    assert run(model_with(), data).frames == 40
    with pytest.raises(ValueError, match="fewer than two images without tokens between two codewords"):
        run(model_with(), data, leave_out_ties=True)
