"""Errors of a point frame by frame, chunk after chunk as a sweep counts them."""

import numpy as np

from linksim.provenance import configuration_hash
from linksim.seeds import stream
from linksim_benchmarks.ber import transmit


def frame_errors(point, bits, seed):
    key, chunk, errors = configuration_hash(point.content()), 0, []
    while frames := point.size(chunk, bits):
        generator = stream(seed, "sweep", key, chunk)
        errors.append(transmit(point, frames, generator)["hard"].bit_errors)
        chunk += 1
    return np.concatenate(errors)
