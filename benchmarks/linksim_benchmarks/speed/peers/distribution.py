"""Whether a simulator of the Python package index is installed."""

from importlib.metadata import PackageNotFoundError, version

from linksim_benchmarks.speed.subject import Unavailable


def require(distribution: str) -> None:
    """Look for a distribution.

    Raises:
        Unavailable: if it is not installed.
    """
    try:
        version(distribution)
    except PackageNotFoundError:
        raise Unavailable(f"not installed: pip install {distribution}") from None
