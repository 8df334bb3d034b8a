"""The bootstrap over frames: against known distributions, and what is resampled together."""

import numpy as np
import pytest
from scipy import stats

from linksim.auditing.bootstrap import frame_bootstrap, mean_difference

# Each end is a quantile of 2,000 resamples at 2.5 %: the share of resamples beyond it has a standard
# deviation of √(0.025·0.975/2000) = 0.0035, and the end one of 0.0035/φ(1.96) = 0.06 standard errors.
FAR = 4


@pytest.fixture
def rng():
    return np.random.default_rng(31)


def ends(interval):
    return np.array(interval[1:])


def test_a_large_sample_has_the_normal_interval(rng):
    columns = np.stack([rng.exponential(3.0, 5000), rng.random(5000) < 0.3, rng.normal(-7, 0.1, 5000)], 1)
    for found, column in zip(frame_bootstrap(columns), columns.T, strict=True):
        assert found[0] == pytest.approx(column.mean(), rel=1e-12)
        distance = (ends(found) - column.mean()) / stats.sem(column)
        assert distance == pytest.approx([-1.96, 1.96], abs=FAR * 0.06)


@pytest.mark.parametrize(("successes", "frames"), [(9, 30), (50, 100), (3, 400)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_proportion_has_the_quantiles_of_the_binomial_distribution(successes, frames, level):
    """The resampled number of successes is binomial, whatever the size of the sample."""
    resampled = stats.binom(frames, successes / frames)
    _, low, high = frame_bootstrap([[1.0]] * successes + [[0.0]] * (frames - successes), level)[0]
    tail = (1 - level) / 2
    near = FAR * (tail * (1 - tail) / 2000) ** 0.5
    for end, share in ((low, tail), (high, 1 - tail)):
        count = round(end * frames)
        assert resampled.cdf(count - 1) - near <= share <= resampled.cdf(count) + near


def test_the_figures_of_a_frame_stay_together(rng):
    first = rng.normal(0, 1, 200)
    second = first + rng.normal(0, 0.1, 200)
    found = frame_bootstrap(np.stack([first, second, first - second, 1 - first], 1))
    assert found[2] == pytest.approx(frame_bootstrap((first - second).reshape(-1, 1))[0], abs=1e-12)
    assert found[3] == pytest.approx((1 - found[0][0], 1 - found[0][2], 1 - found[0][1]), abs=1e-12)
    # Resampled apart, the difference would have the spread of both.
    assert np.diff(ends(found[2])) < 0.2 * np.diff(ends(found[0]))
    total = frame_bootstrap(np.stack([first + (1 - first)], 1))[0]
    assert np.diff(ends(total)) == pytest.approx(0, abs=1e-12)


def test_every_frame_is_drawn_alike():
    """The share of one frame among twenty draws is binomial: at most three twentieths in 98.4 % of cases."""
    for value, low, high in frame_bootstrap(np.eye(20)):
        assert value == pytest.approx(1 / 20)
        assert low == 0
        assert high == pytest.approx(3 / 20)


def test_scale_and_shift(rng):
    values = rng.exponential(1.0, (300, 1))
    plain, changed = frame_bootstrap(values)[0], frame_bootstrap(5 - 2 * values)[0]
    assert changed == pytest.approx((5 - 2 * plain[0], 5 - 2 * plain[2], 5 - 2 * plain[1]), rel=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e6 / 3])
def test_a_constant_has_an_interval_of_no_width(constant):
    value, low, high = frame_bootstrap(np.full((37, 1), constant))[0]
    assert low <= value <= high
    assert value == pytest.approx(constant, rel=1e-14)
    assert high - low <= 1e-14 * abs(constant)


def test_intervals_contain_their_values(rng):
    """Also where there are few resamples, or one frame decides."""
    for resamples in (1, 7, 250):
        values = np.zeros((20, 3))
        values[0] = 1e6, -1e6, 1
        for value, low, high in frame_bootstrap(values + rng.random((20, 3)), resamples=resamples):
            assert low <= value <= high


def test_more_confidence_is_wider_and_more_frames_are_narrower(rng):
    values = rng.normal(0, 1, (400, 1))
    widths = [np.diff(ends(frame_bootstrap(values, level)[0])) for level in (0.5, 0.9, 0.95, 0.99)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    fewer = np.diff(ends(frame_bootstrap(values[:100])[0]))
    assert fewer / widths[2] == pytest.approx(2, rel=0.3)


def test_repetition_and_global_state(rng):
    values = rng.normal(0, 1, (50, 2))
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    first = frame_bootstrap(values)
    after = np.random.get_state()  # noqa: NPY002
    np.random.seed(6)  # noqa: NPY002
    assert frame_bootstrap(values) == first == frame_bootstrap(values.tolist())
    assert before[0] == after[0]
    assert np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_the_sample_is_left_alone(rng):
    values = rng.normal(0, 1, (50, 2))
    kept = values.copy()
    frame_bootstrap(values)
    assert np.array_equal(values, kept)


@pytest.mark.parametrize(
    ("frames", "level", "message"),
    [
        ([], 0.95, r"at least one frame, got \(0,\)"),
        (np.zeros((0, 2)), 0.95, r"at least one frame, got \(0, 2\)"),
        ([1.0, 2.0], 0.95, r"\[frames, figures\] .*got \(2,\)"),
        (np.zeros((2, 2, 2)), 0.95, r"got \(2, 2, 2\)"),
        ([[1.0], [np.nan]], 0.95, "not finite"),
        ([[1.0], [-np.inf]], 0.95, "not finite"),
        ([[1.0], [2.0]], 0, "level=0 must"),
        ([[1.0], [2.0]], 1, "level=1 must"),
        ([[1.0], [2.0]], 95, "level=95 must"),
        ([[1.0], [2.0]], float("nan"), "level=nan must"),
    ],
)
def test_refusals(frames, level, message):
    with pytest.raises(ValueError, match=message):
        frame_bootstrap(frames, level)


@pytest.mark.parametrize(
    ("frames", "share"), [(100, 0.003), (100, 0.02), (300, 0.003), (300, 0.01), (1000, 0.003)]
)
def test_rare_differences_are_covered(rng, frames, share):
    """The bootstrap alone covers as little as a quarter of the time."""
    differences = (rng.random((200, frames)) < share).astype(float)
    found = np.array([ends((0, *mean_difference(row)[1:])) for row in differences])
    assert ((found[:, 0] <= share) & (share <= found[:, 1])).mean() >= 0.9


def test_frequent_differences_are_left_to_the_bootstrap(rng):
    differences = rng.choice([-1.0, 0.0, 1.0], 200)
    assert mean_difference(differences) == frame_bootstrap(differences.reshape(-1, 1))[0]
