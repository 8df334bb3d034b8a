"""Wrong actions and arguments: each is refused by name, and a refused action is no step."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.error import InvalidAction, ResetNeeded
from helpers.environments import (
    ADAPTATION,
    RATE,
    TRANSMIT,
    assert_same,
    make,
    make_vector,
    routed_task,
    task,
)

from linksim_envs import (
    LinkAdaptationEnv,
    LinkAdaptationVectorEnv,
    Mcs,
    SemanticRateEnv,
    SemanticRateVectorEnv,
    TransmitEnv,
    TransmitVectorEnv,
)

WRONG_ALWAYS = {
    "None": None,
    "text": "0101",
    "a dictionary": {"action": 1},
    "an object": object(),
    "NaN": np.nan,
    "ragged": [[0, 1], [0]],
    "huge": 10**30,
    "too many dimensions": np.zeros((2, 4, 1), dtype=np.int64),
    "empty": [],
}
FOUR = np.zeros(4, dtype=np.int64)
WRONG = {
    "bits": {
        "too short": FOUR[:3],
        "batched": FOUR[None],
        "a two": [0, 1, 2, 0],
        "a half": [0, 0.5, 1, 0],
        "minus one": [0, -1, 0, 0],
        "complex": np.ones(4, dtype=complex),
        "texts": ["0", "1", "0", "1"],
        "objects": [None, 0, 1, 0],
        "a tensor with gradient": torch.zeros(4, requires_grad=True),
        "a tensor in half precision": torch.zeros(4, dtype=torch.bfloat16),
    },
    "indices": {
        "floats": np.zeros(3),
        "five": [0, 5, 0],
        "minus one": [0, 0, -1],
        "too long": FOUR,
        "an unsigned wrap": np.full(3, 2**64 - 1, dtype=np.uint64),
    },
    "modes": {"three": 3, "minus one": -1, "a float": 1.0, "an array of one": [0]},
    "two schemes": {"two": 2, "minus one": -1, "a float": 1.0, "an array of one": [0]},
}
WRONG_SINGLES = [
    (name, what, action) for name, own in WRONG.items() for what, action in {**WRONG_ALWAYS, **own}.items()
]


def right_action(envs):
    return np.zeros_like(envs.action_space.sample())


def assert_refused(envs, action, before):
    """InvalidAction that is a ValueError, and the next step is as if nothing had been tried."""
    envs.reset(seed=1)
    with pytest.raises(InvalidAction, match=r"^action must be an? (array|integer)") as refused:
        envs.step(action)
    assert isinstance(refused.value, ValueError)
    assert len(str(refused.value)) < 700
    assert "\n" not in str(refused.value)
    assert_same(envs.step(right_action(envs)), before)


@pytest.mark.parametrize(("name", "what", "action"), WRONG_SINGLES, ids=lambda one: str(one)[:20])
def test_wrong_actions(name, what, action):
    env = make(name)
    env.reset(seed=1)
    assert_refused(env, action, env.step(right_action(env)))


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_wrong_actions_of_many(name, mode):
    """Wrong as a whole, or in one row of three: no row acts."""
    envs = make_vector(name, 3, autoreset_mode=mode)
    envs.reset(seed=1)
    before = envs.step(right_action(envs))
    right = right_action(envs)
    for action in (*WRONG_ALWAYS.values(), right[:2], right[0], right + 0.5, torch.zeros(3, 9)):
        assert_refused(envs, action, before)
    for wrong in (-1, 99):
        actions = right.astype(np.int64)
        actions[2, ...] = wrong
        assert_refused(envs, actions, before)
        assert_refused(envs, torch.from_numpy(actions), before)
        assert_refused(envs, actions.tolist(), before)


def test_right_actions_of_other_types():
    """Bits may come as floats that are 0 and 1 too; indices and schemes as any integers or booleans."""
    for name, forms in {
        "bits": ([0, 0, 0, 0], np.zeros(4), np.zeros(4, dtype=bool), torch.zeros(4), (0.0, 0, False, 0)),
        "indices": ([0, 0, 0], np.zeros(3, np.uint8), torch.zeros(3, dtype=torch.int32), [False] * 3),
        "two schemes": (0, np.int8(0), np.array(0), torch.tensor(0), False),
        "modes": (0, np.int8(0), np.array(0), torch.tensor(0), False),
    }.items():
        env = make(name)
        results = []
        for action in forms:
            env.reset(seed=2)
            results.append(env.step(action))
        for other in results[1:]:
            assert_same(results[0], other)


def test_an_action_is_judged_before_the_episode():
    env = make("bits", episode_length=1)
    with pytest.raises(InvalidAction):
        env.step(3)
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        env.step([0, 0, 0, 0])


COMMON = [
    ({"snr_db": "high"}, TypeError, "snr_db must be a number"),
    ({"snr_db": None}, TypeError, "snr_db must be a number"),
    ({"snr_db": (1.0,)}, ValueError, r"snr_db must be a number or a pair \(low, high\)"),
    ({"snr_db": (5.0, 1.0)}, ValueError, "snr_db must be a pair .* low at most high"),
    ({"snr_db": (0.0, float("inf"))}, ValueError, "snr_db must be a finite number"),
    ({"snr_db": 100.5}, ValueError, "snr_db must be at most 100"),
    ({"episode_length": 0}, ValueError, "episode_length must be at least 1"),
    ({"episode_length": True}, TypeError, "episode_length must be a whole number"),
    ({"render_mode": "ansi"}, ValueError, "render_mode must be None or one of human, rgb_array, got 'ansi'"),
]
OF_VECTORS = [
    ({"num_envs": 0}, ValueError, "num_envs must be at least 1, got 0"),
    ({"num_envs": 2.0}, TypeError, "num_envs must be a whole number"),
    ({"autoreset_mode": "next"}, ValueError, "autoreset_mode must be one of NextStep, SameStep, Disabled"),
    ({"autoreset_mode": None}, ValueError, "autoreset_mode must be one of"),
    ({"tensors": 1}, TypeError, "tensors must be a bool"),
]
OF_TRANSMIT = [
    ({"link": "awgn"}, TypeError, "link must be a linksim.Link or None, got str"),
    ({"actions": "symbols"}, ValueError, "actions must be one of bits, indices, got 'symbols'"),
    ({"actions": None}, ValueError, "actions must be one of bits, indices"),
]
OF_ADAPTATION = [
    ({"coded": 1}, TypeError, "coded must be a bool"),
    ({"coded": 1, "schemes": (Mcs(1), Mcs(2))}, TypeError, "coded must be a bool"),
    ({"schemes": 3}, TypeError, "schemes must be a list of Mcs or None, got 3"),
    ({"schemes": [Mcs(2)]}, ValueError, "schemes must be two or more Mcs"),
    ({"schemes": [2, 4]}, ValueError, "schemes must be two or more Mcs"),
    ({"schemes": [Mcs(2), Mcs(2, 0.99)]}, ValueError, "code_rate must be from 1/5 to"),
    ({"symbols": 0}, ValueError, "symbols must be from 1 to 1024"),
    ({"symbols": 1025}, ValueError, "symbols must be from 1 to 1024"),
    ({"symbols": "many"}, TypeError, "symbols must be a whole number"),
    ({"symbols": 16, "coded": False}, ValueError, "symbols=16 leave no room for information .* BPSK"),
    ({"correlation": 1.01}, ValueError, "correlation must be at most 1"),
    ({"correlation": -0.1}, ValueError, "correlation must be at least 0"),
    ({"correlation": "high"}, TypeError, "correlation must be a number"),
    ({"report_delay": -1}, ValueError, "report_delay must be from 0 to 100"),
    ({"report_delay": 1.0}, TypeError, "report_delay must be a whole number"),
    ({"report_noise_db": -1}, ValueError, "report_noise_db must be at least 0"),
    ({"report_noise_db": None}, TypeError, "report_noise_db must be a number"),
    ({"report_bias_db": float("nan")}, ValueError, "report_bias_db must be a finite number"),
    ({"report_bias_db": 101}, ValueError, "report_bias_db must be at most 100"),
    ({"history": 0}, ValueError, "history must be from 1 to 1000"),
    ({"history": [8]}, TypeError, "history must be a whole number"),
    ({"bp_iterations": 0}, ValueError, "bp_iterations must be from 1 to 1000"),
    ({"bp_iterations": 2.5}, TypeError, "bp_iterations must be a whole number"),
]
OF_RATE = [
    ({"symbol_price": -0.1}, ValueError, "symbol_price must be at least 0"),
    ({"symbol_price": "cheap"}, TypeError, "symbol_price must be a number"),
    ({"symbol_price": float("nan")}, ValueError, "symbol_price must be a finite number"),
    ({"tell_outcomes": 1}, TypeError, "tell_outcomes must be a bool"),
    ({"checkpoint": "/no/such/file.pt"}, FileNotFoundError, "no such checkpoint: /no/such/file.pt"),
    ({"checkpoint": 3}, TypeError, "checkpoint must be the path of a file, got int"),
    ({"checkpoint": __file__}, ValueError, "is not a readable checkpoint"),
    ({"checkpoint": "a.pt", "model": object()}, TypeError, "give a model or a checkpoint, not both"),
]
ARGUMENTS = [
    *((TransmitEnv, *one) for one in COMMON + OF_TRANSMIT),
    *((TransmitVectorEnv, *one) for one in COMMON + OF_TRANSMIT + OF_VECTORS),
    *((LinkAdaptationEnv, *one) for one in COMMON + OF_ADAPTATION),
    *((LinkAdaptationVectorEnv, *one) for one in COMMON + OF_ADAPTATION + OF_VECTORS),
    *((SemanticRateEnv, *one) for one in COMMON + OF_RATE),
    *((SemanticRateVectorEnv, *one) for one in COMMON + OF_RATE + OF_VECTORS),
]


@pytest.mark.parametrize(("kind", "arguments", "error", "message"), ARGUMENTS)
def test_wrong_arguments(kind, arguments, error, message):
    with pytest.raises(error, match=message):
        kind(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"bits_per_symbol": 3}, ValueError, "bits_per_symbol must be even"),
        ({"bits_per_symbol": "a"}, TypeError, "bits_per_symbol must be a whole number"),
        ({"bits_per_symbol": 2, "code_rate": 1.5}, ValueError, "code_rate must be at most 1"),
        ({"bits_per_symbol": 2, "code_rate": 0}, ValueError, "code_rate must be greater than 0"),
        ({"bits_per_symbol": 2, "code_rate": "half"}, TypeError, "code_rate must be a number"),
    ],
)
def test_wrong_schemes(arguments, error, message):
    with pytest.raises(error, match=message):
        Mcs(**arguments)


@pytest.mark.parametrize(("identifier", "own"), [(TRANSMIT, task()), (RATE, routed_task())])
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"labels": None}, TypeError, "model, images and labels belong together"),
        ({"images": None, "labels": None}, TypeError, "model, images and labels belong together"),
        ({"model": torch.nn.Identity()}, TypeError, "model must have encoder, .* Identity has no encoder"),
        ({"labels": [1, 2]}, ValueError, "labels must be one for each image"),
        ({"labels": np.zeros((60, 1), dtype=int)}, ValueError, "labels must be one for each image"),
        ({"labels": np.zeros(60)}, TypeError, "labels must hold integers, got dtype float64"),
        ({"labels": ["a"] * 60}, TypeError, "labels must hold integers"),
        ({"images": torch.zeros(0, 1, 8, 8), "labels": np.zeros(0, int)}, ValueError, "at least one"),
    ],
)
def test_wrong_tasks(identifier, own, changes, error, message):
    for form in (gymnasium.make, gymnasium.make_vec):
        with pytest.raises(error, match=message):
            form(identifier, **{**own, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model": None}, TypeError, "model, images and labels belong together"),
        ({"link": TransmitEnv().link}, ValueError, r"latents of shape \(1, 4\)"),
    ],
)
def test_wrong_tasks_of_transmit(changes, error, message):
    with pytest.raises(error, match=message):
        gymnasium.make(TRANSMIT, **{**task(), **changes})


@pytest.mark.parametrize("identifier", [TRANSMIT, ADAPTATION, RATE])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"reset_mask": [True, False]}, TypeError, "reset_mask.*NumPy array of booleans, got list"),
        ({"reset_mask": np.array([0, 1])}, TypeError, "reset_mask.*NumPy array of booleans"),
        ({"reset_mask": np.zeros(2, dtype=bool)}, ValueError, "reset_mask.*a True in it"),
        ({"reset_mask": np.ones(3, dtype=bool)}, ValueError, r"reset_mask.*shape \(2,\)"),
        ({"snr": 1}, ValueError, "options must be one of snr_db, got 'snr'"),
        ({"snr_db": [1, 2, 3]}, ValueError, "snr_db must be a number or a pair"),
        ({"snr_db": "low"}, TypeError, "snr_db must be a number"),
    ],
)
def test_wrong_options(identifier, options, error, message):
    envs = gymnasium.make_vec(identifier, num_envs=2)
    envs.reset(seed=1)
    given = dict(options)
    with pytest.raises(error, match=message):
        envs.reset(options=given)
    assert set(given) == set(options)
    envs.step(envs.action_space.sample())
