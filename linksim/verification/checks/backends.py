"""What computes mapping and LLRs."""

import itertools

import torch

from linksim.config import BACKENDS, DEMAPPERS, LinkConfig
from linksim.link import Link
from linksim.modem import Modem
from linksim.seeds import stream
from linksim.verification.broken import during, near, same, signal
from linksim.verification.checks.llrs import transmission
from linksim.verification.formulas import WIDTHS, llr, points_of
from linksim.verification.random_inputs import random_index


def backends(seed: int) -> str:
    """Symbols and LLRs of every backend against float64, and of the backends against each other."""
    share, generator = 0.0, stream(seed, "verify", "backends")
    for demapper, width in itertools.product(DEMAPPERS, WIDTHS):
        _, received, variance = transmission("qam", width, 12.0, 50, generator)
        bits = torch.randint(2, (50 * width,), generator=generator)
        points, found = points_of("qam", width), {}
        for name in BACKENDS:
            modem = Modem(width, demapper, name)
            found[name] = modem.modulate(bits), modem.demodulate(received.to(torch.complex64), variance)
            with during(f"{2**width}-QAM, {demapper}, {name} against float64"):
                expected = llr(received.numpy(), variance, points, demapper).ravel()
                share = max(share, near("LLR", found[name][1], expected, 1e-3, 1e-3))
        for one, other in itertools.combinations(BACKENDS, 2):
            with during(f"{2**width}-QAM, {demapper}, {one} against {other}"):
                near("symbols", found[one][0], found[other][0].numpy(), absolute=1e-6)
                near("LLR", found[one][1], found[other][1].numpy(), 1e-4, 1e-4)
    _check_links(seed)
    return f"{', '.join(BACKENDS)}: LLRs off by at most {share:.2%} of the allowed 1e-3 (1 + |LLR|)"


def _check_links(seed: int) -> None:
    traces = []
    for name in BACKENDS:
        link = Link(LinkConfig(backend=name))  # type: ignore[arg-type]
        generator = stream(seed, "verify", "backends", "link")
        index = random_index(link, 20, generator)
        trace = link.hard(index=index, draw=link.draw(20, 60.0, generator))
        with during(name):
            same("index at 60 dB", signal(trace, "decoded_index"), index)
        traces.append(trace)
    for trace in traces[1:]:
        near(
            "embedding",
            signal(trace, "embedding"),
            signal(traces[0], "embedding").detach().numpy(),
            1e-4,
            1e-4,
        )
