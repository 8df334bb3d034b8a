"""How many of the errors that `mutmut run` planted the tests noticed, and which ones they did not.

An endless loop, which ends at the time limit, counts as noticed. The exit status is 1 if the share is
below the least one, or if some mutants have not been tried.
"""

import argparse
import subprocess
import sys
from collections import Counter
from pathlib import Path

NOTICED = ("killed", "timeout")
UNTRIED = ("not checked", "check was interrupted by user")


def mutmut(*arguments):
    """Output of the mutmut that is installed beside this Python."""
    command = [Path(sys.executable).with_name("mutmut"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def changed_lines(name):
    """The lines of a mutant's diff that start with − or +, without the names of files."""
    lines = mutmut("show", name).splitlines()
    return [line for line in lines if line[:1] in "-+" and line[:3] not in ("---", "+++")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--least", type=float, default=85.0, help="least share of noticed mutants in percent")
    least = parser.parse_args().least

    statuses = dict(line.strip().rsplit(": ", 1) for line in mutmut("results", "--all", "true").splitlines())
    counts = Counter(statuses.values())
    for name, status in statuses.items():
        if status not in (*NOTICED, *UNTRIED):
            print(f"{status}: {name}", *changed_lines(name), sep="\n    ")
    noticed, total = sum(counts[status] for status in NOTICED), len(statuses)
    share = 100 * noticed / total if total else 0.0
    print(", ".join(f"{status} {count}" for status, count in counts.most_common()))
    print(f"{noticed} of {total} mutants noticed: {share:.1f} %, at least {least:g} % demanded")
    untried = sum(counts[status] for status in UNTRIED)
    if untried:
        sys.exit(f"{untried} mutants have not been tried: the same command goes on where it stopped")
    if share < least:
        sys.exit("too few: the mutants above are errors that no test notices")


if __name__ == "__main__":
    main()
