"""Mean of a table whose rows and columns are both drawn at random, such as trainings by test images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special


@dataclass(frozen=True)
class CrossedMean:
    """A mean with what is known of it.

    Attributes:
        value: the mean.
        error: its standard error.
        freedom: degrees of freedom of that error.
        level: of the interval.
    """

    value: float
    error: float
    freedom: float
    level: float

    @property
    def half_width(self) -> float:
        """Of the interval."""
        return float(special.stdtrit(self.freedom, (1 + self.level) / 2)) * self.error

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.value + self.half_width

    @property
    def p_value(self) -> float:
        """Two-sided, of a true mean of 0."""
        if self.error == 0:
            return float(self.value == 0)
        return 2 * float(special.stdtr(self.freedom, -abs(self.value) / self.error))


def crossed_mean(values: ArrayLike, level: float = 0.95) -> CrossedMean:
    """Mean of a table, with an interval for other rows and other columns than these.

    The model is value = mean + row + column + rest, all three independent and random. With mean squares MS
    of rows, columns and rest over r rows and c columns, the variance of the mean is estimated by
    (MS_row + MS_column − MS_rest)/(r·c) (Searle, Casella and McCulloch, Variance Components, 1992, section
    4.3), its degrees of freedom by Satterthwaite's formula (Biometrics Bulletin 2:110, 1946). It is not taken
    for less than what rows alone or columns alone say; their degrees of freedom are then those.

    Args:
        values: [rows, columns] finite numbers, at least two of each; for instance the difference between two
            methods, by seed of the training and test image.
        level: confidence level between 0 and 1, both excluded.

    Raises:
        ValueError: if there are fewer, one is not finite, or the level is out of range.

    >>> one = crossed_mean([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
    >>> one.value, round(one.half_width, 2)
    (2.5, 2.49)
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError(
            f"values must be finite numbers, at least two rows by two columns, got shape {table.shape}"
        )
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1, for instance 0.95")
    rows, columns = table.shape
    mean = table.mean()
    of_rows, of_columns = table.mean(1) - mean, table.mean(0) - mean
    rest = table - mean - of_rows[:, None] - of_columns
    by_row = float(of_rows @ of_rows) / (rows - 1) / rows
    by_column = float(of_columns @ of_columns) / (columns - 1) / columns
    by_rest = float((rest * rest).sum()) / ((rows - 1) * (columns - 1)) / (rows * columns)
    candidates = [
        (by_row, rows - 1.0),
        (by_column, columns - 1.0),
        _joint(by_row, by_column, by_rest, rows, columns),
    ]
    variance, freedom = max(candidates)
    return CrossedMean(float(mean), variance**0.5, freedom, level)


def _joint(by_row: float, by_column: float, by_rest: float, rows: int, columns: int) -> tuple[float, float]:
    """Variance of the mean from all three mean squares, and its degrees of freedom."""
    variance = by_row + by_column - by_rest
    spread = by_row**2 / (rows - 1) + by_column**2 / (columns - 1) + by_rest**2 / ((rows - 1) * (columns - 1))
    return variance, variance * variance / spread if variance > 0 and spread > 0 else 1.0


def holm(p_values: ArrayLike) -> np.ndarray:
    """P values that hold for all comparisons together (Holm, Scandinavian J. Statistics 6:65, 1979).

    Args:
        p_values: [n] of the comparisons, each by itself.

    Returns:
        [n], in the same order, at most 1.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    numbers = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(numbers, kind="stable")
    stepped = numbers[order] * (len(numbers) - np.arange(len(numbers)))
    adjusted = np.empty_like(numbers)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
