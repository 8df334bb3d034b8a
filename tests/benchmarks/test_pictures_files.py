"""Pictures as files: valid, and the same for the same rows."""

import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest
from helpers.picture_parts import accuracy_rows, legend

from linksim_benchmarks.ber import Point
from linksim_benchmarks.ber_rows import simulate
from linksim_benchmarks.pictures.accuracy import AccuracySweep, accuracy_figure
from linksim_benchmarks.pictures.ber import ber_figure
from linksim_benchmarks.pictures.curves import BerSweep
from linksim_benchmarks.pictures.save import FORMATS, save, save_all

POINTS = [Point(m, c, snr) for c in ("awgn", "rayleigh") for m in (2, 4) for snr in (3.0, 7.0, 30.0)]
SWEEP = BerSweep("", [simulate(point, 6000, 0) for point in POINTS], POINTS)
MAKERS = {
    "ber": lambda: ber_figure([SWEEP], title="50 $ and 60 $"),
    "accuracy": lambda: accuracy_figure([AccuracySweep("_a", accuracy_rows(), 8.0)]),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_rows_give_the_same_files(tmp_path, kind):
    """Whatever the order and number of formats."""
    one = save_all(MAKERS[kind](), tmp_path / "new" / "one.v1")
    two = save_all(MAKERS[kind](), tmp_path / "two", ("pdf", "svg", "png"))
    assert [path.name for path in one] == [f"one.v1.{name}" for name in FORMATS]
    for path in one:
        (same,) = [other for other in two if other.suffix == path.suffix]
        assert same.read_bytes() == path.read_bytes()
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_files_are_what_they_say(tmp_path):
    before = dict(matplotlib.rcParams)
    png, svg, pdf = save_all(MAKERS["ber"](), tmp_path / "ber")
    assert dict(matplotlib.rcParams) == before
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert matplotlib.image.imread(png).shape[1] == pytest.approx(200 * 7.16, abs=2)
    texts = ["".join(one.itertext()) for one in ElementTree.parse(svg).iter() if one.tag.endswith("text")]
    assert "bit error rate" in texts
    assert "50 $ and 60 $" in texts
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert b"/FontFile2" in content  # TrueType, embedded
    assert b"/Type3" not in content


@pytest.mark.parametrize(("formats", "named"), [(("gif",), "'gif'"), ((), "none")])
def test_unknown_formats(tmp_path, formats, named):
    with pytest.raises(ValueError, match=named):
        save_all(MAKERS["accuracy"](), tmp_path / "a", formats)
    assert not list(tmp_path.iterdir())


def test_names_below_an_underscore_are_in_the_legend():
    assert legend(MAKERS["accuracy"]())[0] == "_a: hard (deployed)"


def test_one_picture(tmp_path):
    assert save(MAKERS["accuracy"](), tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
