"""The audit of a link with converters, an amplifier and a code."""

import pytest
import torch

from linksim import Link, LinkConfig, audit
from linksim.metrics.evm import error_vector
from linksim_training import SemanticModel


def with_link(model, **options):
    """The trained networks around another link with the same codebook."""
    config = {**model.link.config.as_dict(), **options}
    link = Link(LinkConfig(**config))
    link.load_state_dict(model.link.state_dict())
    return SemanticModel(model.encoder, link, model.head).eval()


def report_of(model, images, labels):
    return audit(model, (images, labels), snr_db=[10.0], generator=torch.Generator().manual_seed(0))


def test_error_vector_of_both_paths(model, images, labels):
    limited = with_link(model, pa_backoff_db=1.0, adc_bits=6)
    report = report_of(limited, images, labels)
    link = limited.link
    with torch.no_grad():
        latents = model.encoder(images)
        draw = link.draw(len(images), 10.0, torch.Generator().manual_seed(0))
        for path in ("hard", "soft"):
            trace = getattr(link, path)(latents, draw)
            error, reference = error_vector(trace.transmitted, trace.symbols)
            expected = float((error.sum() / reference.sum()).sqrt())
            assert report.value(10.0, f"{path}_evm") == pytest.approx(expected, rel=1e-6)
            row = next(row for row in report.rows if row["metric"] == f"{path}_evm")
            assert row["stage"] == "front end"
            assert row["low"] < row["value"] < row["high"]
    assert report.value(10.0, "hard_evm") > 0.03


def test_an_ideal_transmitter_has_no_error_vector(model, images, labels):
    metrics = {row["metric"] for row in report_of(model, images, labels).rows}
    assert not metrics & {"hard_evm", "soft_evm", "information_llr_sign_disagreement"}


def test_decoder(model, images, labels):
    coded = with_link(model, code="ldpc", crc="CRC16", bp_iterations=20)
    report = report_of(coded, images[:20], labels[:20])
    assert report.value(10.0, "hard_frame_errors_detected") == 0
    assert report.value(10.0, "information_llr_sign_disagreement") == 0  # straight-through sends the same
    assert {row["stage"] for row in report.rows} >= {"decode", "demap", "decide"}


def test_failed_checks_are_counted(model, images, labels):
    checked = with_link(model, crc="CRC16")
    report = report_of(checked, images, labels)
    draw = checked.link.draw(len(images), 10.0, torch.Generator().manual_seed(0))
    with torch.no_grad():
        trace = checked.link.hard(model.encoder(images), draw)
    share = float((~trace.crc_ok).double().mean())
    assert report.value(10.0, "hard_frame_errors_detected") == pytest.approx(share)
    assert 0 < share < 1
