"""Lists of numbers as words and ranges."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.arguments import numbers

reproducible = settings(max_examples=300, deadline=None, derandomize=True, database=None)
steps = st.integers(1, 400).map(lambda n: n / 4)
ends = st.integers(-200, 200).map(lambda n: n / 4)


@reproducible
@given(start=ends, step=steps, count=st.integers(0, 300), down=st.booleans())
def test_a_range_that_divides_contains_its_end(start, step, count, down):
    step = -step if down else step
    end = start + count * step
    values = numbers("--snr-db", [f"{start}:{end}:{step}"])
    assert values == [start + i * step for i in range(count + 1)]


@reproducible
@given(start=ends, length=st.integers(0, 4000).map(lambda n: n / 8), step=steps)
def test_a_range_stays_within_its_ends(start, length, step):
    values = numbers("--snr-db", [f"{start}:{start + length}:{step}"])
    assert values[0] == start
    assert start + length - step < values[-1] <= start + length
    assert all(b - a == step for a, b in itertools.pairwise(values))


@reproducible
@given(tenths=st.integers(1, 60), count=st.integers(1, 100))
def test_decimal_steps_do_not_lose_the_end(tenths, count):
    """0.1 has no exact binary form, and still 0:1:0.1 has eleven numbers and ends at 1."""
    values = numbers("--snr-db", [f"0:{tenths * count / 10}:{tenths / 10}"])
    assert len(values) == count + 1
    assert values[-1] == tenths * count / 10


@reproducible
@given(start=ends, length=steps, step=steps, down=st.booleans())
def test_a_step_away_from_the_end_is_refused(start, length, step, down):
    length, step = (-length, step) if down else (length, -step)
    with pytest.raises(ValueError, match="--snr-db"):
        numbers("--snr-db", [f"{start}:{start + length}:{step}"])


@reproducible
@given(st.lists(ends, min_size=1, max_size=8))
def test_plain_numbers_keep_their_order(values):
    assert numbers("--snr-db", [repr(value) for value in values]) == values


def test_words_and_ranges_may_be_mixed():
    assert numbers("--snr-db", ["3", "-6:0:2", "1e1", "5:5:1"]) == [3, -6, -4, -2, 0, 10, 5]


MALFORMED = (
    *("", "a", "nan", "inf", "-inf", "1e999", "1,2", "1:2", "1:2:3:4", "0:4:", "::", "0 4 1"),
    *("0:4:0", "0:4:-1", "4:0:1", "0:nan:1", "0:inf:1", "0:1e9:1e-3", "0:1:1e-300", "-1e308:1e308:1"),
)


@pytest.mark.parametrize("word", MALFORMED)
def test_malformed_words_are_named(word):
    with pytest.raises(ValueError, match="--ebno-db") as caught:
        numbers("--ebno-db", ["1", word])
    assert repr(word) in str(caught.value)


def test_none_at_all():
    with pytest.raises(ValueError, match="--ebno-db"):
        numbers("--ebno-db", [])


def test_results_are_finite():
    assert all(map(math.isfinite, numbers("--snr-db", ["-1e300:1e300:1e300"])))
