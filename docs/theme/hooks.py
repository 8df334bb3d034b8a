"""Hooks of MkDocs: files outside docs/ that pages link to become pages of the site.

On a git host a link such as ../CHANGELOG.md or ../linksim/link.py leads to the file itself. The site gets a
page repository/CHANGELOG.md or repository/linksim/link.py.md with the same content, and the link is turned to
it.
"""

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
FOLDER = "repository"
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?^\1`*\s*$", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml", ".cff": "yaml", ".json": "json", "": "make"}


def on_files(files, config):
    """Add a page for every file outside docs/ that pages, or those pages, link to."""
    waiting = [(f"docs/{file.src_uri}", file.content_string) for file in files.documentation_pages()]
    done = set()
    while waiting:
        for path in _outside(*waiting.pop()):
            if path not in done:
                done.add(path)
                content = (ROOT / path).read_text(encoding="utf-8")
                if path.endswith(".md"):
                    waiting.append((path, content))
                    content = _turned(content, path, _uri(path))
                else:
                    content = _listing(path, content)
                files.append(File.generated(config, _uri(path), content=content))
    return files


def on_page_markdown(markdown, page, **_):
    """Turn the links of a page in docs/ to the pages of the files outside."""
    uri = page.file.src_uri
    return markdown if uri.startswith(f"{FOLDER}/") else _turned(markdown, f"docs/{uri}", uri)


def _turned(markdown, path, uri):
    """The text of the file at `path`, its relative links those of the page at `uri`."""

    def turn(match):
        target = _target(path, match[2])
        if target is None:
            return match[0]
        relative = os.path.relpath(_uri(target), PurePosixPath(uri).parent)
        return f"{match[1]}{relative}{match[3] or ''}{match[4]}"

    return _apart_from_code(markdown, lambda text: LINK.sub(turn, text))


def _outside(path, markdown):
    """Files outside docs/ that a text links to."""
    text = FENCE.sub("", markdown)
    targets = {_target(path, match[2]) for match in LINK.finditer(text)} - {None}
    return sorted(target for target in targets if not target.startswith("docs/"))


def _target(path, link):
    """What a relative link in the file at `path` leads to, below the root of the repository; else None."""
    if re.match(r"[a-z]+:", link):
        return None
    target = os.path.normpath(PurePosixPath(path).parent / link)
    return target if (ROOT / target).is_file() else None


def _uri(path):
    """The page, below docs/, that shows a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{FOLDER}/{path}" if path.endswith(".md") else f"{FOLDER}/{path}.md"


def _listing(path, content):
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    language = LANGUAGES.get(PurePosixPath(path).suffix, "text")
    return (
        f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n{fence}{language}\n{content.rstrip()}\n{fence}\n"
    )


def _apart_from_code(markdown, change):
    """The text with everything changed but its fenced blocks."""
    parts, end = [], 0
    for match in FENCE.finditer(markdown):
        parts += [change(markdown[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(markdown[end:])])
