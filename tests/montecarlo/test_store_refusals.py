"""A store that cannot be used is refused in one line that says what to do, and left as it was."""

import json
import os
import random
import shutil
import sqlite3
import stat

import pytest

from linksim.cli import main
from linksim_benchmarks.montecarlo import store as module
from linksim_benchmarks.montecarlo.store import Store

WORDS = ["ber", "--bits-per-symbol", "2", "--channel", "awgn", "--ebno-db", "0", "2", "--workers", "1"]
WORDS += ["--max-bits", "3e4", "--quiet"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    assert main([*WORDS, "--out", str(folder)]) == 0
    return folder / "ber.sqlite"


@pytest.fixture
def store(original, tmp_path):
    """A copy in a folder of its own."""
    (tmp_path / "out").mkdir()
    return shutil.copy(original, tmp_path / "out" / "ber.sqlite")


def stock(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir()}


@pytest.fixture
def refuses(capsys):
    """Runs the sweep, which must be refused and leave everything as it was; returns what is said."""

    def check(store, *more):
        before = stock(store.parent)
        capsys.readouterr()
        assert main([*WORDS, "--out", str(store.parent), *more]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1, said
        assert said.startswith("linksim ber: ")
        assert str(store.parent) in said
        assert stock(store.parent) == before
        return said

    return check


def change(store, *statements):
    connection = sqlite3.connect(store, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_the_same_command_goes_on(original, store):
    """So that what follows is refused for its own reason."""
    (store.parent / "ber.json").unlink(missing_ok=True)
    assert main([*WORDS, "--out", str(store.parent)]) == 0
    rows = [json.loads((path.parent / "ber.json").read_text())["rows"] for path in (original, store)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 2


@pytest.mark.parametrize(
    "content",
    [b"not a database\n" * 50, bytes(4096), b"SQLite format 3\0", b"\x89PNG" * 100, b"x"],
    ids=["text", "zeros", "header", "picture", "byte"],
)
def test_files_that_are_no_store(store, refuses, content):
    store.write_bytes(content)
    for more in ((), ("--overwrite",)):
        said = refuses(store, *more)
        assert "is not the store of a sweep, or damaged; it was left as it is" in said
        assert "--out" in said


def test_an_empty_file_is_no_store_yet(store):
    store.write_bytes(b"")
    assert main([*WORDS, "--out", str(store.parent)]) == 0


def test_a_database_of_another_program(store, refuses):
    store.unlink()
    change(store, "CREATE TABLE chunks (a, b)", "INSERT INTO chunks VALUES (1, 2)")
    for more in ((), ("--overwrite",)):
        assert "database of another program" in refuses(store, *more)


def test_a_folder_in_its_place(store, refuses, capsys):
    store.unlink()
    store.mkdir()
    assert main([*WORDS, "--out", str(store.parent)]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated(store, refuses, share):
    content = store.read_bytes()
    store.write_bytes(content[: max(100, int(share * len(content)))])
    said = refuses(store)
    assert "damaged" in said
    assert "delete it to start anew" in said


def test_zeros_from_the_middle_on(store, refuses):
    """As after a power failure: the length is right, the content is not."""
    content = store.read_bytes()
    for share in (0.1, 0.3, 0.6):
        start = int(share * len(content))
        store.write_bytes(content[:start] + bytes(len(content) - start))
        assert "damaged" in refuses(store)


def test_flipped_bits_are_found_or_do_not_matter(original, tmp_path):
    """Anywhere in the file: what is accepted has the same counts, and what is refused is left as it was."""
    whole, path = original.read_bytes(), tmp_path / "ber.sqlite"
    with Store.read(original) as store:
        configuration, expected = store.configuration(), list(store.rows())
    generator = random.Random(6)
    reasons = []
    places = [generator.randrange(len(whole)) for _ in range(300)]
    used = [place for place in range(len(whole)) if whole[place]]
    places += generator.sample(used, 300)
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1 << generator.randrange(8)
        path.write_bytes(content)
        for opening in (Store.read, lambda path: Store.resume(path, configuration)):
            try:
                with opening(path) as store:
                    assert list(store.rows()) == expected
                    assert store.configuration() == configuration
                    json.dumps([store.note("rule"), store.note("interval")])
            except (ValueError, OSError) as error:
                reasons.append(str(error))
            assert path.read_bytes() == content
            assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert len(reasons) > 300
    assert all(str(path) in reason and "\n" not in reason for reason in reasons)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE chunks SET counts = replace(counts, '1', '2')", "does not have its checksum"),
        ("UPDATE chunks SET frames = frames + 1", "does not have its checksum"),
        ("UPDATE chunks SET chunk = chunk + 1", "does not have its checksum"),
        ("UPDATE chunks SET seconds = 'long'", "does not have its checksum"),
        ("UPDATE settings SET value = '[1]' WHERE name = 'configuration'", "not a table of names and values"),
        ("UPDATE settings SET value = '{' WHERE name = 'configuration'", "damaged"),
        ("UPDATE settings SET value = '{}' WHERE name = 'configuration'", "does not have its checksum"),
        ("UPDATE settings SET value = '{}' WHERE name = 'rule'", "does not have its checksum"),
        ("DELETE FROM settings", "damaged"),
        ("DROP TABLE settings", "cannot use the store"),
        ("PRAGMA user_version = 2", "has format 2, this version of linksim knows 1"),
        ("PRAGMA application_id = 1", "another program"),
    ],
)
def test_tampered(store, refuses, statement, said):
    change(store, statement)
    assert said in refuses(store)


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_in_use(store, refuses, monkeypatch, begin):
    monkeypatch.setattr(module, "READ_TIMEOUT_S", 0.1)
    other = sqlite3.connect(store, isolation_level=None)
    other.execute(begin)
    for more in ((), ("--overwrite",)):
        assert "is in use by another process: wait for it, or give another --out" in refuses(store, *more)
    if begin == "BEGIN EXCLUSIVE":
        with pytest.raises(BlockingIOError, match="in use by another process"):
            Store.read(store)
    else:
        Store.read(store).close()
    other.close()
    Store.check_replaceable(store)


def test_a_read_only_folder_gets_no_store(tmp_path, capsys):
    folder = tmp_path / "out"
    folder.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert main([*WORDS, "--out", str(folder)]) == 2
        said = capsys.readouterr().err
        assert list(folder.iterdir()) == []
    finally:
        folder.chmod(0o755)
    assert "read-only" in said or "permission" in said


@pytest.mark.parametrize("name", ["ber.sqlite", "ber.csv", "ber.png"])
def test_json_in_the_place_of_a_result(store, refuses, name):
    assert "--json" in refuses(store, "--json", str(store.parent / ".." / store.parent.name / name))


def test_plot_does_not_replace_what_it_reads(store, capsys):
    content = store.read_bytes()
    assert main(["plot", str(store), "--out", str(store.parent), "--json", str(store)]) == 2
    assert "--json" in capsys.readouterr().err
    assert store.read_bytes() == content


def test_read_only_file(store, refuses):
    store.chmod(stat.S_IRUSR | stat.S_IRGRP)
    for more in ((), ("--overwrite",)):
        assert f"{store} is read-only: make it writable, or give another --out" in refuses(store, *more)
    Store.read(store).close()


def test_read_only_folder(store, refuses):
    store.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        said = refuses(store)
    finally:
        store.parent.chmod(0o755)
    assert "read-only" in said if os.geteuid() == 0 else "permission" in said or "read-only" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--seed", "1"), "seed is 0 there, 1 here"),
        (("--ebno-db", "0", "3"), "points, number 2: snr_db is"),
        (("--ebno-db", "0"), "the number of points is 2 there, 1 here"),
        (("--demapper", "maxlog"), "points, number 1: demapper is app there, maxlog here"),
        (("--paths", "hard", "soft"), "paths is ['hard'] there, ['hard', 'soft'] here"),
        (("--modulation", "psk"), "modulation is qam there, psk here"),
    ],
)
def test_another_configuration(store, refuses, more, said):
    found = refuses(store, *more)
    assert "holds another sweep" in found
    assert said in found
    assert "give another --out, or --overwrite it" in found


def reconfigured(store, **changes):
    with Store.read(store) as opened:
        configuration = {**opened.configuration(), **changes}
    store.unlink()
    Store.create(store, configuration).close()


def test_other_versions(store, refuses):
    with Store.read(store) as opened:
        versions = opened.configuration()["versions"]
    reconfigured(store, versions={**versions, "torch": "1.0"})
    assert f"versions: torch is 1.0 there, {versions['torch']} here" in refuses(store)


def test_another_kind(store, refuses):
    """A store of `linksim accuracy` under the name of one of `linksim ber`."""
    reconfigured(store, kind="accuracy", block=1000, images=64)
    assert "kind is accuracy there, ber here" in refuses(store)


def test_overwriting_starts_anew(store):
    change(store, "PRAGMA user_version = 2")
    assert main([*WORDS, "--out", str(store.parent), "--seed", "5", "--overwrite"]) == 0
    with Store.read(store) as opened:
        assert opened.configuration()["seed"] == 5
        assert {chunk for _, chunk, *_ in opened.rows()} == {0}
