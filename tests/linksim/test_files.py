"""Files and folders that are written whole or not at all."""

import pytest

from linksim.files import whole_folder


def test_a_folder_appears_at_the_end(tmp_path):
    target = tmp_path / "a" / "b"
    with whole_folder(target) as aside:
        (aside / "file").write_text("content")
        assert not target.exists()
    assert (target / "file").read_text() == "content"
    assert [path.name for path in target.parent.iterdir()] == ["b"]


def test_nothing_is_left_of_a_failure(tmp_path):
    def fail():
        with whole_folder(tmp_path / "target") as aside:
            (aside / "file").write_text("content")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("replace", [False, True])
def test_what_stands_there(tmp_path, replace):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_text("old")

    def write():
        with whole_folder(target, replace=replace) as aside:
            (aside / "new").write_text("new")

    if replace:
        write()
    else:
        with pytest.raises(FileExistsError):
            write()
    assert [path.name for path in target.iterdir()] == ["new" if replace else "old"]
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_link_leads_to_the_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with whole_folder(tmp_path / "link") as aside:
        (aside / "file").write_text("content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").exists()


def test_not_the_folder_one_works_in(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    for path in (".", "..", tmp_path):
        with pytest.raises(OSError, match="current folder"), whole_folder(path, replace=True):
            pass


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "target").write_text("mine")
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "target", replace=True):
        pass
    assert (tmp_path / "target").read_text() == "mine"
