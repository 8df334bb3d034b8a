"""The page and the picture of an audit: whole, safe, the same each time."""

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from helpers.audit_result import SNRS, TEMPS, audit_result, hostile_result

from linksim_benchmarks.audit.page import audit_page
from linksim_benchmarks.audit.picture import audit_png
from linksim_benchmarks.audit.tables import METRICS, interval, number

LISTS = ("rows", "attribution", "findings", "switched", "calibration", "information", "constellations")
BY_SNR = ("attribution", "constellations", "calibration", "temperatures", "figures")
AT_ALL = ("mismatch", "defects", "history")
VOID = {"meta", "link", "img", "input", "source", "br"}


class Page(HTMLParser):
    """The elements of a page, with what contains them."""

    def __init__(self, path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.elements, self.open, self.inside, self.unmatched = [], [], {"script": "", "style": ""}, []
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        self.elements.append((tag, names, [*self.open]))
        if tag not in VOID:
            self.open.append((tag, names))

    def handle_endtag(self, tag):
        if self.open and self.open[-1][0] == tag:
            self.open.pop()
        else:
            self.unmatched.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1][0] in self.inside:
            self.inside[self.open[-1][0]] += data

    def all(self, tag):
        return [names for each, names, _ in self.elements if each == tag]

    def sections(self):
        return [names["id"] for names in self.all("section") if "id" in names]

    def parts(self, section):
        """(SNR, checkpoint) of every card of a section."""
        found = set()
        for tag, names, around in self.elements:
            if tag == "article" and ("section", section) in [(each, have.get("id")) for each, have in around]:
                snr = next((have["data-snr"] for _, have in around if "data-snr" in have), None)
                found.add((snr, names.get("data-checkpoint")))
        return found

    def policy(self):
        (content,) = (
            names["content"]
            for names in self.all("meta")
            if names.get("http-equiv") == "Content-Security-Policy"
        )
        return dict(part.split(" ", 1) for part in content.split("; "))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pages by the result that they were made from."""

    def make(result):
        return Page(audit_page(result, tmp_path_factory.mktemp("page") / "sub" / "audit.html"))

    return make


@pytest.fixture(scope="module")
def full(made):
    return made(audit_result(temps=TEMPS[:2]))


@pytest.fixture(scope="module")
def hostile(made):
    return made(hostile_result())


def test_it_is_well_formed(full):
    assert full.text.startswith("<!DOCTYPE html>")
    assert full.unmatched == []
    assert full.open == []


def test_it_refers_to_nothing_outside(full):
    for _, names, _ in full.elements:
        for name, value in names.items():
            assert name != "style"
            assert not name.startswith("on")
            if name in ("src", "srcset", "href", "action", "data", "poster"):
                assert value.startswith("data:")
    assert "http:" not in full.text
    assert "https:" not in full.text
    assert "@import" not in full.text
    assert "url(" not in full.text


def test_the_policy_allows_only_what_is_in_it(full):
    policy = full.policy()
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    assert len(full.all("script")) == len(full.all("style")) == 1
    for tag in ("script", "style"):
        digest = b64encode(sha256(full.inside[tag].encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"


def test_images_are_svg_and_say_what_they_show(full):
    images = full.all("img")
    assert images
    for names in [*images, *full.all("source")]:
        data = names.get("src") or names["srcset"]
        content = b64decode(data.removeprefix("data:image/svg+xml;base64,"), validate=True)
        assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"mathdefault" not in content
    assert all(len(names["alt"]) > 20 for names in images)


def test_every_snr_and_checkpoint_has_its_parts(full):
    wanted = {(f"{snr:g}", number) for snr in SNRS for number in ("0", "1")}
    for section in BY_SNR:
        assert full.parts(section) >= wanted, section
    for section in AT_ALL:
        assert full.parts(section) == {(None, "0"), (None, "1")}
    assert full.parts("checkpoints") == {(None, None)}
    values = [names["value"] for names in full.all("option")]
    assert values == [f"{snr:g}" for snr in SNRS]
    assert [names["value"] for names in full.all("input")] == ["0", "1", "both"]


def test_the_order_of_the_page(full):
    order = ["mismatch", "checkpoints", "attribution", "defects", "constellations", "calibration"]
    assert full.sections() == [*order, "temperatures", "history", "figures", "provenance"]


def test_the_words_are_there(full):
    assert "one function on both paths: differences come in from the stages before" in full.text
    assert "llr-scale" in full.text
    assert "linksim audit runs/demo/checkpoints/best_hard_model.pt" in full.text
    assert '<option value="8" selected>' in full.text


def test_hostile_text_is_only_text(hostile):
    assert hostile.unmatched == []
    assert hostile.open == []
    assert len(hostile.all("script")) == len(hostile.all("style")) == 1
    assert all("onerror" not in names for _, names, _ in hostile.elements)
    assert "<script>alert" not in hostile.text
    assert "&lt;script&gt;alert(1)" in hostile.text
    for names in hostile.all("img"):
        ElementTree.fromstring(b64decode(names["src"].split(",", 1)[1]))


def test_hostile_text_does_not_change_the_policy(hostile, full):
    assert hostile.policy() == full.policy()


@pytest.mark.parametrize("name", LISTS)
def test_a_list_may_be_empty(made, name):
    page = made({**audit_result(snrs=(8.0,)), name: []})
    gone = {"constellations": ["constellations"], "rows": ["mismatch", "checkpoints", "figures"]}
    gone["attribution"] = ["attribution"]
    assert not set(gone.get(name, [])) & set(page.sections())
    assert page.unmatched == []


def test_without_any_data_only_the_provenance_is_left(made):
    result = {**audit_result(), **{name: [] for name in (*LISTS, "differences")}}
    for checkpoint in result["checkpoints"]:
        checkpoint["history"] = None
    page = made(result)
    assert page.sections() == ["provenance"]
    assert page.all("img") == []


def test_one_checkpoint_at_one_snr(made):
    page = made(audit_result(names=("A: only",), snrs=(8.0,)))
    assert page.all("form") == []
    assert "checkpoints" not in page.sections()
    assert "temperatures" not in page.sections()
    assert page.parts("figures") == {("8", "0")}


def test_figures_without_values(made):
    """What is not defined is null in JSON."""
    result = audit_result(snrs=(8.0,))
    for row in (*result["rows"], *result["information"]):
        row.update(value=None, low=None, high=None, capacity=None, best_scale=None)
    page = made(result)
    text = re.sub(r'"data:[^"]*"', "", page.text)
    assert "None" not in text
    assert ">nan" not in text


def test_equal_results_give_equal_files(tmp_path):
    first = audit_page(audit_result(snrs=(0.0, 8.0)), tmp_path / "first.html").read_bytes()
    assert audit_page(audit_result(snrs=(0.0, 8.0)), tmp_path / "second.html").read_bytes() == first


def test_names_that_are_no_unicode(made):
    page = made(audit_result(names=("A\udcff",), snrs=(8.0,)))
    assert "A?" in page.text


@pytest.mark.parametrize("names", [("A: one",), ("A", "B")])
def test_the_picture(tmp_path, names):
    path = audit_png(audit_result(names=names), tmp_path / "sub" / "audit.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_picture_of_next_to_nothing(tmp_path):
    result = {**audit_result(names=("A",), snrs=(8.0,)), **{name: [] for name in LISTS}}
    assert audit_png(result, tmp_path / "audit.png").is_file()


def test_figures_in_words():
    assert number(0.35217, "%") == "35.2"
    assert number(-0.0012, "points") == "−0.12"
    assert number(12345.6) == "12346"
    assert number(1e-7) == "1e−7"
    assert number(None) == "–"
    assert interval({"low": 0.1, "high": 0.25}, "%") == "10 to 25"
    assert interval({"low": None, "high": None}) == "–"
    assert all(words and words == words.strip() for words, _ in METRICS.values())
