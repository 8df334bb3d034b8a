"""Attribution: what each of the places where the two paths differ adds to accuracy and cross-entropy.

The paths differ in three places: the vector quantizer assigns softly or picks the nearest codeword, the map
sends mean symbols or real ones, and the receiver decides softly or hard. A mixture takes each place from one
of the paths, on the same draw; a hard map after a soft quantizer sends indices drawn from the assignment with
the draw's uniforms. Let w(S) be what is measured where the places S are soft. The share of a place is its
Shapley value (Shapley, Contributions to the Theory of Games II, 1953, p. 307),

    φ(place) = mean over the orders of the places of w(those before it, and it) - w(those before it),

so that the shares add up to soft minus hard. That takes a surrogate whose stages run one by one: the link's
own, without defects. A surrogate that differs from it adds what its own signals change when they take the
place of the exact ones, one place after the other along the chain. A fault in one place thus shows there.
"""

from collections.abc import Iterator
from itertools import pairwise, permutations
from typing import Any, cast

import torch
from torch import Tensor

from linksim.auditing.bootstrap import frame_bootstrap, widened
from linksim.auditing.faulty_stages import PLACE_OF, FaultyStages, Strengths
from linksim.auditing.figures import frame_cross_entropy
from linksim.auditing.finding import AGREES, relative_error
from linksim.link import Link
from linksim.signals import Draw, Trace

PLACES = ("VQ", "symbol", "receiver")
"""The places where the paths differ, in the order of the chain."""

MEASURES = ("accuracy", "cross_entropy")
"""What is attributed: the share of frames classified correctly, and nats per frame."""

SUBSETS = [frozenset(place for i, place in enumerate(PLACES) if code >> i & 1) for code in range(8)]
"""Mixtures: the places that are soft."""


def measure_mixtures(
    model: Any, exact: Link, labels: Tensor, hard: Trace, soft: Trace, drawn: Trace
) -> Tensor:
    """Correct decisions and cross-entropies of every mixture of the link's own two paths.

    By the mirror law a soft map of hard indices is the hard map, so that mixture is not sent again; nor is
    one that differs in the decision alone.

    Args:
        model: its head classifies.
        exact: link without defects.
        labels: [B] classes.
        hard: trace of the hard path.
        soft: of the soft path.
        drawn: of the hard map after the soft quantizer; all on the same draw.

    Returns:
        [B, 8, 2] in the order of `SUBSETS` and `MEASURES`.
    """
    sent = {
        frozenset(): hard,
        frozenset({"symbol"}): hard,
        frozenset({"VQ"}): drawn,
        frozenset({"VQ", "symbol"}): soft,
    }
    known: dict[tuple[int, bool], Tensor] = {}
    values = []
    for places in SUBSETS:
        trace = sent[places - {"receiver"}]
        softly = "receiver" in places or exact.config.decision != "map"
        key = id(trace), softly
        if key not in known:
            assert trace.information_llr is not None
            decide = exact.decide.soft if softly else exact.decide.hard
            embedding = decide(trace.information_llr, exact.codebook).embedding
            known[key] = measured(model, embedding, labels)
        values.append(known[key])
    return torch.stack(values, 1)


def measure_splices(
    model: Any,
    exact: Link,
    labels: Tensor,
    draw: Draw,
    soft: Trace,
    audited: Trace,
    defects: Strengths,
) -> Tensor:
    """Correct decisions and cross-entropies with more and more of the audited surrogate in the exact one.

    Signals that the surrogate does not give count with the next place that is known.

    Args:
        model, exact, labels: as for `measure_mixtures`.
        draw: of the batch.
        soft: trace of the exact soft path.
        audited: of the audited surrogate.
        defects: found in it; those of its map also have a part in its demapper.

    Returns:
        [B, 4, 2]: the exact surrogate, then with the audited one's assignment, received signal, embedding.
    """
    stages = FaultyStages(exact, draw)
    assert soft.embedding is not None
    embeddings = [soft.embedding]
    of_the_map = {name: strength for name, strength in defects.items() if PLACE_OF[name] == "symbol"}
    for signal, strengths in (("assignment", {}), ("received", of_the_map)):
        mine: Tensor | None = getattr(audited, signal)
        if mine is None or (signal == "received" and audited.symbols is None):
            embeddings.append(embeddings[-1])
        elif not strengths and relative_error(mine, cast("Tensor", getattr(soft, signal))) <= AGREES:
            embeddings.append(soft.embedding)
        else:
            embeddings.append(stages.follow(audited, signal, "embedding", strengths))
    assert audited.embedding is not None
    embeddings.append(audited.embedding)
    known_values: dict[int, Tensor] = {}
    for embedding in embeddings:
        if id(embedding) not in known_values:
            known_values[id(embedding)] = measured(model, embedding, labels)
    return torch.stack([known_values[id(embedding)] for embedding in embeddings], 1)


def measured(model: Any, embedding: Tensor, labels: Tensor) -> Tensor:
    """[B, 2] whether the class is right, and cross-entropy in nats."""
    logits = model.head(embedding)[0]
    return torch.stack([(logits.argmax(-1) == labels).double(), frame_cross_entropy(logits, labels)], 1)


def shapley_values(mixtures: Tensor) -> Tensor:
    """Shapley values of the places, frame by frame.

    Args:
        mixtures: [..., 8, F] figures of the mixtures, in the order of `SUBSETS`.

    Returns:
        [..., 3, F] in the order of `PLACES`; they add up to the last mixture minus the first.

    >>> alone = torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0]])
    >>> shapley_values(alone).flatten().tolist()
    [1.0, 2.0, 4.0]
    """
    values = torch.zeros_like(mixtures[..., : len(PLACES), :])
    orders = list(permutations(range(len(PLACES))))
    for order in orders:
        before = 0
        for place in order:
            after = before | 1 << place
            values[..., place, :] += mixtures[..., after, :] - mixtures[..., before, :]
            before = after
    return values / len(orders)


def attribution_rows(mixtures: Tensor, splices: Tensor | None) -> Iterator[dict[str, Any]]:
    """Rows of one SNR: surrogate, measure, place, value, low, high; intervals by a bootstrap over images.

    An audited surrogate with a fault has rows for itself ("audited"), for the exact one in its place
    ("exact"), and for the difference ("fault").

    Args:
        mixtures: [draws, images, 8, 2] as `measure_mixtures` gives them.
        splices: [draws, images, 4, 2] as `measure_splices` gives them; None if the audited surrogate is the
            exact one.
    """
    exact = shapley_values(mixtures.mean(0))
    surrogates = {"audited": exact}
    if splices is not None:
        own = splices.mean(0)
        faults = torch.stack([own[:, after] - own[:, before] for before, after in pairwise(range(4))], 1)
        surrogates = {"audited": exact + faults, "exact": exact, "fault": faults}
    for name, shares in surrogates.items():
        figures = torch.cat([shares, shares.sum(1, keepdim=True)], 1).numpy()
        found = frame_bootstrap(figures.reshape(len(figures), -1))
        for number, measure in enumerate(MEASURES):
            for position, place in enumerate((*PLACES, "total")):
                figure = found[position * len(MEASURES) + number]
                # A place that leaves every cross-entropy as it is changes nothing, which is certain.
                if measure == "accuracy" and figures[:, position].any():
                    figure = widened(figure, figures[:, position, number])
                value, low, high = figure
                yield {
                    "surrogate": name,
                    "measure": measure,
                    "place": place,
                    "value": value,
                    "low": low,
                    "high": high,
                }
