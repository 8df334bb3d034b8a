"""Dask clusters as workers, local ones and those of an address. Needs the extra `cluster`."""

import importlib.util
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import cast

from linksim_benchmarks.montecarlo.chunk import difference, versions
from linksim_benchmarks.montecarlo.workers import Workers, available_cores

CONNECT_S = 15


@contextmanager
def cluster_workers(address: str, count: int | None) -> Iterator[Workers]:
    """The workers of a Dask cluster.

    Workers that are lost are made up for by the scheduler, workers that join are used. All must have the
    versions of this process: those there at the start are asked, and every chunk asks again.

    Args:
        address: of the scheduler, such as tcp://node:8786, or "local" for a cluster on this machine.
        count: processes of a local cluster; all cores if None.

    Raises:
        ValueError: if Dask is missing, or a worker has other versions.
        OSError: if there is no scheduler, or it has no workers.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ValueError("--cluster needs Dask: pip install 'linksim[cluster]', or use --workers")
    import distributed
    from distributed import Client, LocalCluster

    if address == "local":
        processes = available_cores() if count is None else count
        cluster = LocalCluster(
            n_workers=processes, threads_per_worker=1, processes=True, dashboard_address=":0"
        )
    elif address.startswith(("tcp://", "tls://", "ucx://", "ws://", "wss://")):
        cluster = address
    else:
        raise ValueError(
            f"--cluster must be local or the address of a scheduler, as tcp://node:8786, got {address!r}"
        )
    try:
        client = Client(cluster, timeout=CONNECT_S, name="linksim")
    except (OSError, TimeoutError) as error:
        raise OSError(f"no Dask scheduler answers at {address}: start one with dask scheduler") from error
    with client:
        try:
            theirs = cast(dict[str, dict[str, str]], client.run(versions))
            if not theirs:
                raise OSError(
                    f"the cluster at {address} has no workers: start some with dask worker {address}"
                )
            ours = versions()
            for worker, found in theirs.items():
                differs = difference(found, ours)
                if differs:
                    raise ValueError(f"the worker {worker} has {differs}: install the same on both sides")
            yield Workers(
                client.get_executor(),
                lambda: max(1, sum(cast(dict[str, int], client.nthreads()).values())),
                lost=(distributed.KilledWorker, CancelledError),
                name=f"Dask cluster {address}",
            )
        finally:
            if isinstance(cluster, LocalCluster):
                cluster.close()
