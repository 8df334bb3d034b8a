"""A process of `linksim_benchmarks.speed.processes` for a simulator that is used from Python."""

import os
import sys
from importlib import import_module

from linksim_benchmarks.speed.subject import Case


def main() -> None:
    """Serve the chain that the arguments name: module, m, demapper, Es/N0 in dB, threads, seed."""
    module, width, demapper, snr_db, threads, seed = sys.argv[1:]
    # What libraries print on import or later must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    peer = import_module(f"linksim_benchmarks.speed.peers.{module}")
    case = Case(int(width), demapper, float(snr_db))
    version, batch = peer.counter(case, int(threads), int(seed))
    print("ready", version, file=answers, flush=True)
    for line in sys.stdin:
        bits, batches = map(int, line.split())
        print(sum(batch(bits) for _ in range(batches)), file=answers, flush=True)


if __name__ == "__main__":
    main()
