"""Defects of a surrogate are found, by name, and put down to the place that they are in.

The faults are planted by `helpers.planted_faults`, a second surrogate that shares no code with linksim, at
strengths that are none of the finder's own.
"""

from itertools import combinations

import pytest
import torch
from helpers.planted_faults import CONTRADICTIONS, KNOWN, STRENGTHS, UNKNOWN, surrogate

from linksim import LinkConfig, Trace, audit
from linksim.auditing.faulty_stages import PLACE_OF, FaultyStages
from linksim.auditing.finding import DefectFinder
from linksim_training import TrainConfig, build_model, fit, load_data

torch.set_num_threads(1)
SNRS = [0.0, 8.0]
# Information bits per frame that no symbol boundary divides: 30 and 42 bits in 16-QAM, 20 in 64-QAM
LAYOUTS = (
    {"tokens": 5, "codebook_size": 64, "bits_per_symbol": 4},
    {"tokens": 7, "codebook_size": 48, "bits_per_symbol": 4},
    {"tokens": 5, "codebook_size": 16, "bits_per_symbol": 6},
)
SEEDS = range(3)
PAIRS = [pair for pair in combinations(KNOWN, 2) if frozenset(pair) not in CONTRADICTIONS]


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module", params=SEEDS)
def case(request, digits):
    """Seed, and a model that has learnt something, at the temperature of the recommended settings."""
    seed = request.param
    config = LinkConfig(embedding_dim=8, **LAYOUTS[seed])
    assert config.layout.pad_bits
    model = build_model(digits.image_shape, digits.classes, config, seed=seed)
    training = TrainConfig(epochs=4, alignment_start_epoch=3, lambda_marginal=0.3, device="cpu", seed=seed)
    train = list(zip(digits.x_train.split(20), digits.y_train.split(20), strict=True))
    fit(model, train, [(digits.x_validation, digits.y_validation)], training, snr_db=8.0)
    model.eval()
    model.link.vq_temp = model.link.symbol_temp = 0.1
    return seed, model


def faults_of(names, seed):
    return {name: STRENGTHS[name][seed] for name in names}


def find(model, digits, audited, seed):
    data = digits.x_test[:96], digits.y_test[:96]
    generator = torch.Generator().manual_seed(seed)
    return audit(model, data, snr_db=SNRS, generator=generator, surrogate=audited, parts=("attribution",))


def test_no_fault(case, digits):
    seed, model = case
    finding = find(model, digits, surrogate(model.link, {}), seed).finding
    assert finding.verdict == "none"
    assert finding.defects == ()
    assert max(finding.agreement.values()) < 1e-6


def test_known_faults_one_at_a_time_and_in_pairs(case, digits):
    """At least 90 % right is asked for; all are."""
    seed, model = case
    wrong = []
    for names in [*((name,) for name in KNOWN), *PAIRS]:
        planted = faults_of(names, seed)
        latents = model.encoder(digits.x_test[:64]).detach()
        draw = model.link.draw(64, torch.linspace(-5, 15, 64), torch.Generator().manual_seed(seed))
        with torch.no_grad():
            trace = surrogate(model.link, planted)(latents, draw)
            finding = DefectFinder(FaultyStages(model.link, draw), trace).find()
        if set(finding.defects) != set(names):
            wrong.append((names, finding.verdict, finding.defects))
            continue
        assert finding.verdict == "explained"
        for name, strength in planted.items():
            assert finding.strengths[name] == (
                None if strength is None else pytest.approx(strength, rel=0.01)
            )
    assert wrong == []


@pytest.mark.parametrize("name", UNKNOWN)
def test_faults_without_a_name_are_unexplained(case, digits, name):
    seed, model = case
    report = find(model, digits, surrogate(model.link, faults_of([name], seed)), seed)
    assert report.finding.verdict == "unexplained"
    assert report.finding.defects == ()
    first = next(stage for stage, error in report.finding.agreement.items() if error > 1e-6)
    assert first in {"VQ": ("quantize",), "symbol": ("map",), "receiver": ("demap", "decide")}[UNKNOWN[name]]
    in_place(report, UNKNOWN[name])


@pytest.mark.parametrize("name", KNOWN)
def test_a_fault_is_put_down_to_its_place(case, digits, name):
    seed, model = case
    report = find(model, digits, surrogate(model.link, faults_of([name], seed)), seed)
    assert report.finding.defects == (name,)
    assert PLACE_OF[name] == KNOWN[name]
    in_place(report, KNOWN[name])


def in_place(report, place, least=0.99):
    """The place has most of what the fault does to the cross-entropy, and the figures add up."""
    shares = {}
    for row in report.attribution:
        if row["measure"] == "cross_entropy":
            key = row["surrogate"], row["place"]
            shares[key] = shares.get(key, 0.0) + row["value"] / len(SNRS)
    of_fault = {name: shares["fault", name] for name in ("VQ", "symbol", "receiver")}
    assert abs(of_fault[place]) >= least * sum(map(abs, of_fault.values()))
    assert abs(of_fault[place]) > 1e-5
    for name in (*of_fault, "total"):
        assert shares["audited", name] == pytest.approx(shares["exact", name] + shares["fault", name])
    soft, hard = (
        sum(report.value(snr, f"{path}_cross_entropy") for snr in SNRS) / len(SNRS)
        for path in ("soft", "hard")
    )
    assert shares["audited", "total"] == pytest.approx(soft - hard, abs=1e-6)


@pytest.mark.parametrize("name", ["per-bit-grouping", "batch-padding", "llr-scale", "radius-1"])
def test_defects_of_the_link_itself(case, digits, name):
    """As a model trained with them has them, with the exact surrogate beside it."""
    seed, model = case
    defective = model.link.with_defects((name,))
    report = find(model, digits, defective.soft, seed)
    assert report.finding.defects == (name,)
    assert report.finding.strengths == {
        name: {
            "per-bit-grouping": pytest.approx(1.0, abs=0.01),
            "llr-scale": pytest.approx(2.0, rel=0.01),
        }.get(name)
    }


@pytest.mark.parametrize("case", [0], indirect=True)  # it takes long
@pytest.mark.parametrize("kept", [("llr", "embedding"), ("assignment", "llr", "embedding")])
def test_signals_that_are_not_given_are_bridged(case, digits, kept):
    seed, model = case
    for names in (("distance-softmax",), ("per-bit-grouping", "llr-scale")):
        whole = surrogate(model.link, faults_of(names, seed))

        def audited(latents, draw, whole=whole):
            trace = whole(latents, draw)
            return Trace(**{name: getattr(trace, name) for name in kept})

        finding = find(model, digits, audited, seed).finding
        assert set(finding.defects) == set(names)
        assert "map" not in finding.agreement  # bridged: told as part of what leads to the LLRs


def test_a_defect_without_effect_is_no_candidate(digits):
    """Frames of whole symbols are not padded, so batch padding changes nothing."""
    config = LinkConfig(tokens=4, codebook_size=16, embedding_dim=8, bits_per_symbol=4)
    model = build_model(digits.image_shape, digits.classes, config).eval()
    report = find(model, digits, surrogate(model.link, {"llr-scale": 3.3}), 0)
    names = {name for candidate in report.finding.candidates for name in candidate["defects"]}
    assert "batch-padding" not in names
    assert report.finding.defects == ("llr-scale",)


@pytest.mark.parametrize("case", [0], indirect=True)
@pytest.mark.parametrize(("low", "high"), [(-20.0, -4.0), (-4.0, 50.0)])
def test_a_fault_at_some_snrs_only_is_neither_overlooked_nor_taken_for_one_at_all(case, digits, low, high):
    """LLRs at high SNR have most of the energy of a batch, but do not decide alone."""
    _, model = case
    link = model.link

    def sometimes(latents, draw):
        soft = link.soft(latents, draw)
        faulty = ((low <= draw.snr_db) & (draw.snr_db < high)).unsqueeze(1)
        llr = torch.where(faulty, 2 * soft.llr, soft.llr)
        return soft.replace(llr=llr, embedding=link.decide.soft(llr, link.codebook).embedding)

    data = digits.x_test[:70], digits.y_test[:70]
    snrs = [-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 30.0]
    generator = torch.Generator().manual_seed(1)
    report = audit(model, data, snr_db=snrs, generator=generator, surrogate=sometimes, parts=("attribution",))
    assert report.finding.verdict == "unexplained"
    assert report.finding.agreement["demap"] > 0.01


@pytest.mark.parametrize("case", [0], indirect=True)
def test_three_faults_are_not_all_explained_by_two(case, digits):
    seed, model = case
    names = ("per-bit-grouping", "llr-scale", "radius-1")
    finding = find(model, digits, surrogate(model.link, faults_of(names, seed)), seed).finding
    assert finding.verdict == "unexplained" or "the rest is unexplained" in finding.sentence()
