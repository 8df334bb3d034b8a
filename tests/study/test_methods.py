"""The methods are what their names say, and all are tuned alike."""

import pytest

from linksim import LinkConfig
from linksim.config import DEFECTS
from linksim_benchmarks.study.methods import COLDEST, COMPARED, METHODS, SUSPECTS
from linksim_benchmarks.study.plan import Plan
from linksim_benchmarks.study.tuning import CANDIDATES, candidates, choice
from linksim_training.presets import PRESETS

EPOCHS = 30


def training(method, candidate=None, epochs=EPOCHS):
    plan = Plan(
        dataset="digits",
        images="",
        link={},
        methods=[method],
        snr_db=[8.0],
        seeds=[0],
        tuning_snr_db=[],
        tuning_seeds=[],
        epochs=epochs,
        batch_size=64,
        draws=1,
    )
    return next(iter(plan.trainings({method: candidate or {}}).values()))


@pytest.mark.parametrize("epochs", [1, 2, 10, 30, 100])
def test_annealing_ends_at_the_coldest_temperature(epochs):
    config = training("soft-annealed", epochs=epochs).config
    expected = COLDEST if epochs > 1 else 1.0
    assert config.vq_temp(1) == config.symbol_temp(1) == 1.0
    assert config.vq_temp(epochs) == pytest.approx(expected)
    assert config.symbol_temp(epochs) == pytest.approx(expected)


def test_the_schedules_of_the_note_end_where_they_end():
    assert training("soft-0.97").config.vq_temp(EPOCHS) == pytest.approx(0.97**29)
    assert training("soft-floor-0.5").config.vq_temp(EPOCHS) == 0.5
    assert training("legacy").config.vq_temp(EPOCHS) == pytest.approx(0.97**29)


@pytest.mark.parametrize("method", METHODS)
def test_soft_methods_never_transmit_hard_and_hard_ones_always_do(method):
    config = training(method).config
    phases = {config.phase(epoch) for epoch in range(1, EPOCHS + 1)}
    if method.startswith("soft-") or method in SUSPECTS:
        assert phases == {"LEARNING"}
    elif method == "note":
        assert phases == {"LEARNING", "ALIGNMENT"}
    else:
        assert phases == {"ALIGNMENT"}


def test_each_suspect_has_one_defect_and_all_else_of_legacy():
    whole = training("legacy")
    assert whole.link.defects == tuple(PRESETS["legacy"]["defects"])
    assert training("exact-surrogate").link.defects == ()
    for name in DEFECTS:
        alone = training(name)
        assert alone.link.defects == (name,)
        assert alone.config == whole.config
    assert set(SUSPECTS) == {"legacy", "exact-surrogate", *DEFECTS}


def test_methods_differ():
    keys = {training(method).key for method in METHODS}
    assert len(keys) == len(METHODS)
    assert len(COMPARED) >= 10
    assert "recommended" in COMPARED


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_the_same_budget(method):
    changes = candidates(METHODS[method])
    assert len(changes) == CANDIDATES
    assert changes[0] == {}
    assert len({training(method, change).key for change in changes}) == CANDIDATES
    before = training(method).config
    assert changes[1] == {"lr": 2 * before.lr}
    assert (changes[2]["lambda_marginal"] > 0) != (before.lambda_marginal > 0)


@pytest.mark.parametrize("method", METHODS)
def test_cooler_is_half_as_warm(method):
    """In the first epoch: the temperatures that gradients come from."""
    found = []
    for change in ({}, METHODS[method].cooler):
        config = training(method, change).config
        backward, forward = config.backward_temperatures, (config.vq_temp(1), config.symbol_temp(1))
        found.append([own or other for own, other in zip(backward, forward, strict=True)])
    assert found[1] == [one / 2 for one in found[0]]
    assert training("soft-annealed", METHODS["soft-annealed"].cooler).config.vq_temp(EPOCHS) == pytest.approx(
        COLDEST
    )


def test_the_key_knows_what_counts():
    one = training("recommended")
    other = training("recommended", {"lr": 0.5})
    assert one.key != other.key
    assert one.link == LinkConfig()
    assert training("recommended").key == one.key


def test_the_first_of_equals_is_taken():
    assert choice([[0.5, 0.6], [0.6, 0.7], [0.7, 0.6]]) == 1
