"""The chunks of a bit error rate sweep that the compiled loops count from end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from linksim.channel_options import CHANNEL_KINDS
from linksim.fused.count import count_errors, count_random_errors, packed_bits
from linksim.stages.channel import make_channel

if TYPE_CHECKING:
    from linksim_benchmarks.ber import Point


def is_plain(point: Point) -> bool:
    """Whether nothing but square QAM, a channel known to the receiver and a demapper is between the bits."""
    return (
        point.ideal
        and point.backend == "fused"
        and point.modulation == "qam"
        and CHANNEL_KINDS[point.channel].gain_and_noise
        and point.coding.crc == "none"
        and point.paths == ("hard",)
        and point.frame_bits % point.bits_per_symbol == 0
    )


@torch.inference_mode()
def count_frames(point: Point, frames: int, generator: torch.Generator) -> Tensor:
    """[frames] wrong bits, on the random numbers that the link would draw.

    Args:
        point: one for which `is_plain` holds.
        frames: how many.
        generator: of bits and channel.
    """
    m, snr_db = point.bits_per_symbol, point.snr_db
    if point.channel == "awgn":
        return count_random_errors(frames, point.frame_bits, m, point.demapper, snr_db, generator)
    bits = packed_bits(frames, point.frame_bits, generator)
    channel = make_channel(point.config())
    drawn = channel.draw(frames, point.frame_bits // m, torch.full((frames,), snr_db), generator)
    gain, noise = drawn["gain"], drawn["noise"]
    power = gain.abs().square()
    variance = drawn["noise_variance"]
    weight = variance.sqrt() * gain.conj() / power
    return count_errors(bits, (noise.real, noise.imag), weight, variance / power, m, point.demapper)
