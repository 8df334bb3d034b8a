"""Puts the tables of `make study` into docs/study.md, from the JSON beside this file.

python docs/study/tables.py RESULTS   copies JSON and pictures from the folder of make study, then the same.
python docs/study/tables.py           fills the page.

A table stands behind a line such as <!-- mnist5k: accuracy -->.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from linksim_benchmarks.study.tables import markdown, methods_table

HOME = Path(__file__).parent
PAGE = HOME.parent / "study.md"
IMAGES = HOME.parent / "images"
PARTS = ("mnist5k", "digits", "collapse", "variations")
PLACE = re.compile(r"(<!-- (\w+): ([^>]+) -->\n)\n?(?:\|.*\n)*")


def tables() -> dict[tuple[str, str], str]:
    """Every table by study and name."""
    found = {}
    for part in PARTS:
        file = HOME / f"{part}.json"
        if file.exists():
            content = json.loads(file.read_text(encoding="utf-8"))
            own = markdown(content["means"], content["pairs"], content["tuning"])
            own["methods"] = methods_table(list(content["tuned"]))
            found |= {(part, name): table for name, table in own.items()}
    return found


def filled(text: str) -> str:
    """A page with its tables.

    Raises:
        LookupError: if a table that it asks for is not there.
    """
    known = tables()
    return PLACE.sub(lambda match: f"{match[1]}\n{known[match[2], match[3]]}\n", text)


def take(results: Path) -> None:
    """Copy what the page shows from the folder of `make study`."""
    for part in PARTS:
        source = results / part / "study.json"
        if source.exists():
            content = json.loads(source.read_text(encoding="utf-8"))
            del content["curves"]  # by far the most of it, and shown as a picture
            text = json.dumps(content, indent=None, separators=(",", ":"), ensure_ascii=False)
            (HOME / f"{part}.json").write_text(text + "\n", encoding="utf-8")
            for figure in (results / part).glob("study-*.png"):
                shutil.copy(figure, IMAGES / f"{part}-{figure.name}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        take(Path(sys.argv[1]))
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
