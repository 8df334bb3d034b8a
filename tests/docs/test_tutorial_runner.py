"""What runs the tutorials notices a block that fails, prints something else or comes from nowhere."""

import sys
from pathlib import Path

import pytest
from helpers.tutorials import TutorialError, blocks_of, difference, environment_of, run_page

PROGRAMS = Path(sys.executable).parent


def run(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    folder = tmp_path / "folder"
    folder.mkdir()
    run_page(page, folder, PROGRAMS)
    return folder


GOOD = """# A page

```python
from pathlib import Path

number = 6
```

```bash
echo one > file.txt
cat file.txt
```

```text
one
```

```python
# mine.py
def twice(x):
    return 2 * x
```

```python
from mine import twice

print(twice(number), Path("file.txt").read_text())
print(0.7312)
```

```text
12 one

0.74
```

```console
$ this is not run
```
"""


def test_blocks_share_a_folder_and_a_session(tmp_path):
    folder = run(tmp_path, GOOD)
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == ["file.txt", "mine.py"]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("cat file.txt", "cat no-such-file", 10, "no-such-file"),
        ("echo one > file.txt", "false", 10, "exit code 1"),
        ("cat file.txt", "echo $no_such_variable", 10, "unbound"),
        ("number = 6", "number = six", 4, "line 6"),
        ("twice(number)", "twice(7)", 25, "not printed here: '12 one'"),
        ("0.7312", "0.8312", 25, "not printed here: '0.74'"),
        ("print(0.7312)", "print(0.7312); print('more')", 25, "also printed: 'more'"),
        ("number = 6", "exit(0)", 4, "an error"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, old, new, line, says):
    assert old in GOOD
    with pytest.raises(TutorialError) as error:
        run(tmp_path, GOOD.replace(old, new))
    assert f"page.md:{line}" in str(error.value)
    assert says in str(error.value)


def test_a_block_that_never_ends_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.tutorials.SECONDS", 1)
    for text in ("```bash\nsleep 60\n```\n", "```python\nimport time\n\ntime.sleep(60)\n```\n"):
        folder = tmp_path / text[3:7]
        folder.mkdir()
        with pytest.raises(TutorialError, match=r"page\.md:2"):
            run(folder, text)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n...\nz", "a\nb\nc\nz", True),
        ("a\n...\nz", "a\nz", True),
        ("a\n...", "a\nb", True),
        ("a\nz", "a\nb\nz", False),
        ("a\n...\nz", "a\nb", False),
        ("3 of 4", "2 of 4", False),
        ("0.90 and 100.0", "0.94 and 104.0", True),
        ("0.90", "0.96", False),
        ("100.0", "106.0", False),
        ("a ... d", "a b c d", True),
        ("a ... d", "a b c", False),
        ("a  b", "  a b ", True),
        ("1.5", "x", False),
    ],
)
def test_output_is_compared(shown, printed, same):
    assert (difference(shown, printed) == "") is same


def test_output_belongs_to_the_block_right_before_it():
    blocks = blocks_of(
        "```bash\na\n```\n\nwords\n\n```text\nfree\n```\n\n```python\nb\n```\n\n```text\nout\n```\n"
    )
    assert [(block.language, block.line, block.output) for block in blocks] == [
        ("bash", 2, None),
        ("python", 12, "out\n"),
    ]


def test_environments():
    assert environment_of("# A page") == "default"
    assert environment_of("# A page\n\n<!-- environment: tensorflow -->") == "tensorflow"
