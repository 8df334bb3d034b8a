"""The transmit environment: rewards against independent computation, randomness, episodes, wrong input."""

import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence

from linksim import Link, LinkConfig
from linksim_envs import TransmitEnv


def custom_link(**changes) -> Link:
    config = {
        "tokens": 3,
        "codebook_size": 48,
        "embedding_dim": 5,
        "bits_per_symbol": 6,
        "channel": "rayleigh",
        **changes,
    }
    return Link(LinkConfig(**config))


def bits_of(index, width: int) -> np.ndarray:
    """Labels by string formatting, independent of linksim.bits."""
    return np.array([int(bit) for one in index for bit in format(int(one), f"0{width}b")], dtype=np.int8)


def play(env: TransmitEnv, policy, seed: int | None, options=None) -> list:
    """One episode; everything that the environment returned."""
    seen: list = [env.reset(seed=seed, options=options)]
    truncated = False
    while not truncated:
        observation, info = seen[-1][0], seen[-1][-1]
        seen.append(env.step(policy(observation, info)))
        truncated = seen[-1][3]
    return seen


def own_label(env: TransmitEnv):
    return lambda observation, info: env.label_action(info["next_index"])


def distortions(seen: list) -> np.ndarray:
    return np.array([step[4]["distortion"] for step in seen[1:]])


def test_same_seed_same_trajectory():
    def trajectory(env, seed):
        rng = np.random.default_rng(5)
        length = env.action_space.n
        return play(env, lambda observation, info: rng.integers(0, 2, length, dtype=np.int8), seed)

    env = TransmitEnv(custom_link(), episode_length=8)
    first, other = trajectory(env, 1), trajectory(env, 2)
    assert data_equivalence(first, trajectory(env, 1), exact=True)
    assert data_equivalence(first, trajectory(TransmitEnv(custom_link(), episode_length=8), 1), exact=True)
    assert not data_equivalence(first, other)
    # Without a seed the next episode differs, and is determined by the seed before it.
    trajectory(env, 1)
    second = trajectory(env, None)
    assert not data_equivalence(first, second)
    trajectory(env, 1)
    assert data_equivalence(second, trajectory(env, None), exact=True)


def test_policies_and_snrs_meet_the_same_frames():
    env = TransmitEnv(episode_length=8)
    runs = [
        play(env, own_label(env), 3),
        play(env, lambda *_: np.zeros(4, np.int8), 3),
        play(env, own_label(env), 3, {"snr_db": -5}),
    ]
    for run in runs[1:]:
        for mine, theirs in zip(run, runs[0], strict=True):
            np.testing.assert_array_equal(mine[-1]["next_index"], theirs[-1]["next_index"])
    for mine, theirs in zip(runs[1], runs[0], strict=True):
        np.testing.assert_array_equal(mine[0]["snr_db"], theirs[0]["snr_db"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("decision", ["mean", "map"])
def test_reward_follows_from_the_llrs(dtype, decision):
    """The posterior over the 48 labels, its mean and the squared error, in NumPy from the public parts."""
    env = TransmitEnv(custom_link(decision=decision).to(dtype), snr_db=(-5.0, 15.0), episode_length=20)
    codebook = env.link.codebook.double().numpy()
    labels = bits_of(range(48), 6).reshape(48, 6)
    env.action_space.seed(0)
    observation, info = env.reset(seed=4)
    for _ in range(20):
        np.testing.assert_array_equal(
            observation["codewords"], codebook[info["next_index"]].astype("f").ravel()
        )
        wanted = info["next_index"]
        action = env.action_space.sample()
        observation, reward, terminated, _, info = env.step(action)
        np.testing.assert_array_equal(info["index"], wanted)
        assert not terminated
        assert info["llr"].dtype == np.float32
        assert info["index"].dtype == info["decoded_index"].dtype == np.int64
        logits = info["llr"].astype(float).reshape(3, 6) @ labels.T
        posterior = np.exp(logits - logits.max(1, keepdims=True))
        posterior /= posterior.sum(1, keepdims=True)
        np.testing.assert_array_equal(info["decoded_index"], posterior.argmax(1))
        embedding = codebook[posterior.argmax(1)] if decision == "map" else posterior @ codebook
        assert info["distortion"] == pytest.approx(((embedding - codebook[wanted]) ** 2).mean(), rel=1e-4)
        assert reward == -info["distortion"]
        assert info["bit_errors"] == sum(
            (llr > 0) != bit for llr, bit in zip(info["llr"], action, strict=True)
        )


@pytest.mark.parametrize("link", [None, custom_link(channel="awgn")], ids=["default", "custom"])
def test_exact_at_very_high_snr(link):
    """Own labels arrive without distortion; another codeword's labels cost its squared distance over D."""
    env = TransmitEnv(link, snr_db=60.0)
    size, width = env.link.config.codebook_size, env.link.layout.bits_per_token
    codebook = env.link.codebook.double().numpy()
    rng = np.random.default_rng(6)
    _, info = env.reset(seed=6)
    for step in range(32):
        wanted = info["next_index"]
        sent = wanted if step % 2 else rng.integers(size, size=wanted.shape)
        action = bits_of(sent, width)
        np.testing.assert_array_equal(action, env.label_action(sent))
        _, reward, _, _, info = env.step(action)
        assert info["bit_errors"] == 0
        np.testing.assert_array_equal(info["decoded_index"], sent)
        assert -reward == pytest.approx(
            ((codebook[sent] - codebook[wanted]) ** 2).mean(), rel=1e-6, abs=1e-12
        )


def test_labels_beat_random_bits():
    env = TransmitEnv(snr_db=10.0, episode_length=400)
    env.action_space.seed(0)
    label = distortions(play(env, own_label(env), 7)).mean()
    random = distortions(play(env, lambda *_: env.action_space.sample(), 7)).mean()
    assert label < 0.45  # 0.295 in a long run
    assert random > 1.4  # 1.83 in a long run


def test_at_low_snr_other_bits_beat_labels():
    env = TransmitEnv(snr_db=0.0, episode_length=500)
    actions = bits_of(range(16), 4).reshape(16, 4)
    frames = 2000
    with torch.no_grad():
        draw = env.link.draw(frames, 0.0, torch.Generator().manual_seed(8))
        sent = [env.link.hard(bits=torch.tensor(a).repeat(frames, 1), draw=draw).embedding for a in actions]
        received = torch.stack(sent)[:, :, 0]
        cost = (received[:, :, None] - env.link.codebook).square().mean((1, 3))
    best = actions[cost.argmin(0).numpy()]
    table = distortions(play(env, lambda _, info: best[info["next_index"][0]], 9))
    label = distortions(play(env, own_label(env), 9))
    gain = label - table
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))


def test_truncation_and_reset():
    env = TransmitEnv(episode_length=3)
    action = np.zeros(4, np.int8)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\): no episode has begun"):
        env.step(action)
    for _ in range(2):
        env.reset(seed=1)
        assert [env.step(action)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]
        with pytest.raises(ResetNeeded, match="the episode is over"):
            env.step(action)


@pytest.mark.parametrize(
    ("action", "given"),
    [
        (np.zeros(5, np.int8), r"of shape \(5,\)"),
        (np.zeros((1, 4), np.int8), r"of shape \(1, 4\)"),
        (np.array([0, 1, 2, 0]), r"\[0 1 2 0\]"),
        (np.array([0, 0, 0.5, 1]), r"0\.5"),
        (np.full(4, np.nan), "nan"),
        (3, r"int of shape \(\)"),
        (None, "NoneType of shape"),
    ],
)
def test_wrong_actions(action, given):
    env = TransmitEnv()
    env.reset(seed=1)
    with pytest.raises(ValueError, match=rf"action must be an array of shape \(4,\).*{given}"):
        env.step(action)
    # A refused action is no step: what comes next is as if it had not been tried.
    after = env.step([0, 1, 0, 1])
    env.reset(seed=1)
    assert data_equivalence(after, env.step(np.array([0.0, 1.0, 0.0, 1.0])), exact=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"link": "awgn"}, TypeError, "link must be a linksim.Link or None, got str"),
        ({"snr_db": "high"}, TypeError, "snr_db must be a number"),
        ({"snr_db": (1.0, 2.0, 3.0)}, ValueError, r"snr_db must be a number or a pair \(low, high\)"),
        ({"snr_db": (5.0, 1.0)}, ValueError, "low at most high"),
        ({"snr_db": 101}, ValueError, "snr_db must be at most 100"),
        ({"snr_db": (-101.0, 0.0)}, ValueError, "snr_db must be at least -100"),
        ({"snr_db": float("nan")}, ValueError, "snr_db must be a finite number"),
        ({"episode_length": 0}, ValueError, "episode_length must be at least 1"),
        ({"episode_length": 2.5}, TypeError, "episode_length must be a whole number"),
        ({"render_mode": "ansi"}, ValueError, "render_mode must be None or one of human, rgb_array"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        TransmitEnv(**arguments)


def test_wrong_codebook_and_index():
    link = custom_link()
    with torch.no_grad():
        link.codebook[0, 0] = torch.nan
    with pytest.raises(ValueError, match="link must have a codebook of finite"):
        TransmitEnv(link)
    env = TransmitEnv(custom_link())
    for index, error, message in [
        ([0, 1, 48], ValueError, "from 0 to 47"),
        ([0, -1, 0], ValueError, "from 0 to 47"),
        ([0, 1], ValueError, r"shape \(3,\)"),
        ([0.0, 1.0, 2.0], TypeError, "integers"),
    ]:
        with pytest.raises(error, match=f"index must .*{message}"):
            env.label_action(index)


@pytest.mark.parametrize("snr_db", [(-100.0, 100.0), 100.0, -100.0, 0.1])
def test_observations_lie_in_the_space(snr_db):
    env = TransmitEnv(custom_link(), snr_db=snr_db, episode_length=200)
    env.action_space.seed(1)
    for step in play(env, lambda *_: env.action_space.sample(), 11):
        assert env.observation_space.contains(step[0])
        assert np.isfinite(step[-1].get("distortion", 0))


def test_reset_options():
    env = TransmitEnv(snr_db=(0.0, 20.0), episode_length=20)

    def snrs(options):
        return np.array([step[0]["snr_db"][0] for step in play(env, own_label(env), None, options)])

    env.reset(seed=1)
    assert set(snrs({"snr_db": -3.5})) == {-3.5}
    pair = snrs({"snr_db": (30, 31)})
    assert pair.min() >= 30
    assert pair.max() <= 31
    own = snrs(None)
    assert own.min() >= 0
    assert own.max() <= 20
    assert len(set(own)) == len(own)
    with pytest.raises(ValueError, match="options must be one of snr_db, got 'snr'"):
        env.reset(options={"snr": 3})
    with pytest.raises(ValueError, match="snr_db must be at most 100"):
        env.reset(options={"snr_db": 200})


def test_the_given_link_is_left_alone():
    link = custom_link().train()
    codebook = link.codebook.detach().clone()
    env = TransmitEnv(link, episode_length=4)
    play(env, own_label(env), 12)
    assert link.training
    assert link.codebook.requires_grad
    assert not env.link.training
    assert torch.equal(link.codebook, codebook)
    with torch.no_grad():
        link.codebook.zero_()  # Training goes on; the environment keeps what it was made with.
    assert torch.equal(env.link.codebook, codebook)


def test_a_coded_link():
    """Actions and LLRs are those of the information bits, whatever is sent for them."""
    config = LinkConfig(tokens=4, codebook_size=16, embedding_dim=3, code="ldpc", crc="CRC16", llr_bits=5)
    env = TransmitEnv(link=Link(config), snr_db=12.0)
    _, info = env.reset(seed=1)
    action = env.label_action(info["index"])
    assert action.shape == (16,)
    _, reward, _, _, step = env.step(action)
    assert step["llr"].shape == (16,)
    assert step["bit_errors"] == 0
    assert np.array_equal(step["decoded_index"], info["index"])
    assert reward == pytest.approx(0, abs=1e-3)
