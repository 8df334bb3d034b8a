"""Builds the release, installs it into bare environments, and runs what README.md promises there.

`make release-check` runs it. It says what it does, and ends with an error at the first thing that fails.
"""

import argparse
import hashlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from contents import faults_of_wheel, missing, names_in_sdist, names_in_wheel, strays

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REPETITIONS = 7
LIMITS = {"import linksim": 3.0, "linksim --help": 1.0}
"""Seconds, each with a Python started for it."""


def run(*command, cwd=None):
    """A command, whose words are printed before it runs; its output only if it fails."""
    words = [str(word) for word in command]
    print("$", " ".join(word if len(word) < 200 else "…" for word in words), flush=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    begun = time.perf_counter()
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nfailed: {words[0]} with exit code {done.returncode}")
    return done.stdout, time.perf_counter() - begun


def require(holds, message):
    if not holds:
        sys.exit(f"failed: {message}")
    print("  ", message)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build(folder):
    """A wheel and a source archive of the working tree in `folder`, looked into and compared."""
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    faults = faults_of_wheel(names_in_wheel(wheel))
    require(not faults, f"{wheel.name}: licence and py.typed are there, tests are not {' '.join(faults)}")
    names, tracked = names_in_sdist(sdist), under_version_control()
    stray = strays(names, tracked)
    require(not stray, f"{sdist.name}: {len(names)} files, no stray ones {' '.join(sorted(stray))}")
    lost = missing(names, tracked) if tracked is not None else set()
    require(not lost, f"{sdist.name}: nothing is missing {' '.join(sorted(lost))}")
    with tempfile.TemporaryDirectory() as unpacked:
        with tarfile.open(sdist) as archive:
            archive.extractall(unpacked, filter="data")
        (source,) = Path(unpacked).iterdir()
        again = Path(unpacked) / "dist"
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", again, cwd=source)
        same = digest(again / wheel.name) == digest(wheel)
        require(same, "the wheel built from the source archive is the same, byte by byte")
    return wheel, sdist


def under_version_control():
    """Files that git tracks, None where there is no git checkout."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return None
    return set(run("git", "ls-files", cwd=ROOT)[0].splitlines())


def environment_with(archive, folder, python):
    """A bare environment into which one command installs the archive; the path of its programs."""
    run(python, "-m", "venv", "--clear", folder)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = (programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _, seconds = run(*pip, "-c", ROOT / "constraints.txt", archive)
    print(f"   installed in {seconds:.0f} s")
    return programs


def try_out(programs, folder):
    """The Python examples of README.md and a short training, in a folder without sources."""
    for number, block in enumerate(BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8")), start=1):
        script = folder / f"readme_{number}.py"
        script.write_text(block, encoding="utf-8")
        printed, seconds = run(programs / "python", "-I", script, cwd=folder)
        print(f"   {seconds:.1f} s: {printed.strip()[:300]}")
    options = ("--dataset", "digits", "--epochs", "3", "--run-dir", folder / "run")
    _, seconds = run(programs / "linksim", "train", *options, cwd=folder)
    require((folder / "run" / "summary.json").is_file(), f"trained in {seconds:.1f} s")


def startup(programs):
    """Medians of the seconds that importing and the help take."""
    python = programs / "python"
    commands = {
        "Python alone": (python, "-I", "-c", "pass"),
        "import linksim": (python, "-I", "-c", "import linksim"),
        "linksim --help": (programs / "linksim", "--help"),
    }
    for name, command in commands.items():
        seconds = []
        for _ in range(REPETITIONS):
            begun = time.perf_counter()
            subprocess.run(list(map(str, command)), check=True, capture_output=True)
            seconds.append(time.perf_counter() - begun)
        median = statistics.median(seconds)
        print(f"   {name}: {median:.3f} s, median of {REPETITIONS}")
        limit = LIMITS.get(name)
        require(limit is None or median < limit, f"{name} takes less than {limit} s" if limit else "started")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "release", help="folder of the archives")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the bare environments")
    given = parser.parse_args()
    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    wheel, sdist = build(given.out.resolve())
    with tempfile.TemporaryDirectory() as folder:
        for archive in (wheel, sdist):
            programs = environment_with(archive, Path(folder) / "venv", given.python)
            place = Path(folder) / archive.suffix.strip(".")
            place.mkdir()
            try_out(programs, place)
        startup(programs)
    print(f"Ready: {wheel} and {sdist}")


if __name__ == "__main__":
    main()
