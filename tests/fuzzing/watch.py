"""What a process takes and leaves behind."""

import os
from pathlib import Path

Snapshot = dict[str, tuple[int, int, int, int]]


def snapshot(*folders: Path) -> Snapshot:
    """Kind, size, time of change and inode of everything below some folders; links are not followed."""
    found: Snapshot = {}
    for folder in folders:
        for place, inner, names in os.walk(folder):
            for name in (*inner, *names):
                path = os.path.join(place, name)
                seen = os.lstat(path)
                found[path] = (seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ino)
    return found


def difference(before: Snapshot, after: Snapshot) -> list[str]:
    """Paths that are new, gone or changed."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def reset_peak() -> bool:
    """Let the peak of this process's memory start anew; False where the system does not allow it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_bytes() -> int:
    """Largest resident memory since the last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not tell the peak of a process's memory")
