"""Dask clusters as workers, local ones and those of an address. Needs the extra `cluster`."""

import importlib.util
import logging
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from linksim import checks
from linksim_benchmarks.montecarlo.chunk import difference, versions
from linksim_benchmarks.montecarlo.workers import Workers, available_cores

if TYPE_CHECKING:
    from distributed import Client

CONNECT_S = 15
ASK_S = 1.0
"""How old the number of workers may be."""
ANSWER_S = 5.0
LEAVE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Run by local workers at their start: a terminal sends Ctrl-C to them too, and they answer at length."""
SCHEMES = ("tcp", "tls", "ucx", "ws", "wss")


@contextmanager
def cluster_workers(address: str, count: int | None) -> Iterator[Workers]:
    """The workers of a Dask cluster.

    Workers that are lost are made up for by the scheduler, workers that join are used. All must have the
    versions of this process: those there at the start are asked, and every chunk asks again. Dask's own
    messages on losses are not printed meanwhile.

    Args:
        address: of the scheduler, such as tcp://node:8786, or "local" for a cluster on this machine.
        count: processes of a local cluster; all cores if None.

    Raises:
        ValueError: if Dask is missing, the address is none, or a worker has other versions or none.
        OSError: if there is no scheduler, or it has no workers; later, if it is gone.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ValueError("--cluster needs Dask: pip install 'linksim[cluster]', or use --workers")
    if address != "local":
        _check_address(address)
    import distributed
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        stack.enter_context(_silent("distributed", "tornado", "asyncio"))
        cluster = address
        if address == "local":
            processes = available_cores() if count is None else count
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=processes,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=":0",
                    silence_logs=logging.CRITICAL,
                    preload=[LEAVE_CTRL_C],
                )
            )
        try:
            client = Client(cluster, timeout=CONNECT_S, name="linksim")
        except (OSError, TimeoutError) as error:
            raise OSError(
                f"--cluster: no Dask scheduler answers at {address}: start one with dask scheduler"
            ) from error
        except (TypeError, ValueError) as error:  # no certificates, or no package for the protocol
            raise ValueError(f"--cluster: cannot connect to {address}: {checks.one_line(error)}") from error
        stack.callback(_close, client)
        _check_versions(client, address)
        asked = _Asked(client, address)
        yield Workers(
            client.get_executor(),
            asked.count,
            lost=(distributed.KilledWorker, CancelledError),
            check=asked.check,
            name=f"Dask cluster {address}",
        )


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in SCHEMES and parts.hostname and parts.port
    except ValueError:  # a port that is no number, or too large
        usable = False
    if not usable:
        raise ValueError(
            f"--cluster must be local or the address of a scheduler, as tcp://node:8786, got {address!r}"
        )


def _check_versions(client: "Client", address: str) -> None:
    """Ask all workers that are there, and whether the scheduler can tell what it is given."""
    answers = cast(dict[str, Any], client.run(versions, on_error="return"))
    if not answers:
        raise OSError(f"the cluster at {address} has no workers: start some with dask worker {address}")
    try:  # it unpickles points
        client.run_on_scheduler(versions)
    except Exception as error:
        raise _unable("scheduler", address, error) from error
    ours = versions()
    for worker, found in answers.items():
        if isinstance(found, OSError):
            continue  # lost meanwhile; if it comes back, its chunks ask again
        if isinstance(found, BaseException):
            raise _unable("worker", worker, found) from found
        differs = difference(found, ours)
        if differs:
            raise ValueError(f"the worker {worker} has {differs}: install the same on both sides")


def _unable(who: str, address: str, error: BaseException) -> ValueError:
    said = repr(error)  # what importing raises may arrive as text in another exception
    verb = "import" if "ImportError" in said or "ModuleNotFoundError" in said else "run"
    return ValueError(
        f"the {who} {address} cannot {verb} linksim: install it there ({checks.one_line(str(error))})"
    )


class _Asked:
    """What the scheduler says of its workers, asked now and then."""

    def __init__(self, client: "Client", address: str) -> None:
        self._client, self._address = client, address
        self._count, self._at = 0, float("-inf")

    def check(self) -> None:
        """Raise an OSError if the connection to the scheduler is lost: with it, all futures are."""
        if self._client.status != "running":
            raise OSError(
                f"the scheduler at {self._address} is gone: start it anew; the same command goes on"
            )

    def count(self) -> int:
        """Threads of all workers, as they were a second ago at most."""
        if time.monotonic() - self._at > ASK_S:
            with suppress(OSError, TimeoutError):  # gone, which `check` notices, or busy
                threads = cast(dict[str, int], self._client.nthreads(callback_timeout=ANSWER_S))
                self._count = sum(threads.values())
            self._at = time.monotonic()
        return self._count


def _close(client: "Client") -> None:
    # A scheduler that is gone would be waited for.
    with suppress(OSError, TimeoutError):
        client.close(timeout=10 if client.status == "running" else 1)


@contextmanager
def _silent(*roots: str) -> Iterator[None]:
    """Keep packages from printing what they log; what matters of it is raised."""
    names = [*roots, *(name for name in logging.root.manager.loggerDict if name.split(".")[0] in roots)]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
