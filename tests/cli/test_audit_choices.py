"""`linksim audit` of two checkpoints, of a surrogate of one's own, and what it refuses."""

import contextlib
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from linksim.cli import main
from linksim_training import load_data

SURROGATES = """
import torch

from linksim import Trace
from linksim_training import load_checkpoint

LINK = load_checkpoint({checkpoint!r}).model.link
nothing = 3


def soft_of(latents, draw, link):
    return link.soft(latents, draw)


def soft_of_its_own_link(latents, draw):
    return LINK.soft(latents, draw)


def scaled(latents, draw, link):
    trace = link.soft(latents, draw)
    llr = 3.0 * trace.llr
    decided = link.decide.soft(link.code.decode(llr).llr, link.codebook)
    return trace.replace(llr=llr, posterior=decided.posterior, embedding=decided.embedding)


def noiseless(latents, draw, link):
    return Trace(embedding=link.soft(latents, draw).quantized)


def no_trace(latents, draw, link):
    return link.soft(latents, draw).embedding


def no_embedding(latents, draw, link):
    return link.soft(latents, draw).replace(embedding=None)


def flat(latents, draw, link):
    trace = link.soft(latents, draw)
    return trace.replace(embedding=trace.embedding.flatten(1))


def fewer_symbols(latents, draw, link):
    trace = link.soft(latents, draw)
    return trace.replace(symbols=trace.symbols[:, 1:])


def array(latents, draw, link):
    return Trace(embedding=link.soft(latents, draw).embedding.numpy())


def infinite(latents, draw, link):
    trace = link.soft(latents, draw)
    return trace.replace(llr=trace.llr / 0.0)


def undefined(latents, draw):
    return Trace(embedding=torch.full(latents.shape, float("nan")))


def whole(latents, draw, link):
    return Trace(embedding=link.soft(latents, draw).embedding.long())


def negative(latents, draw, link):
    trace = link.soft(latents, draw)
    return trace.replace(assignment=trace.assignment - 1)


def failing(latents, draw):
    return 1 / 0


def double(latents, draw, link):
    trace = link.soft(latents, draw)
    return trace.replace(llr=trace.llr.double(), embedding=trace.embedding.double())


def of_three(latents, draw, temperature):
    return LINK.soft(latents, draw)
"""


def strict(constant):
    raise AssertionError(f"{constant} is not JSON")


def run(out, *words):
    """What an audit wrote and printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main([str(word) for word in ("audit", *words, "--out", out)]) == 0
    content = json.loads((out / "audit.json").read_text(), parse_constant=strict)
    return SimpleNamespace(out=out, text=printed.getvalue(), content=content)


def of(content, metric, **key):
    """Values of one figure, in the order of the rows."""
    wanted = {"metric": metric, **key}
    return [row["value"] for row in content["rows"] if wanted.items() <= row.items()]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An .npz file of a few of the digits, 60 of them to test with."""
    data = load_data("digits")
    arrays = {}
    for part, count in (("train", 300), ("test", 60)):
        images, labels = data.part(part)
        arrays[f"x_{part}"] = (images[:count, 0] * 255).round().byte().numpy()
        arrays[f"y_{part}"] = labels[:count].numpy()
    path = tmp_path_factory.mktemp("small") / "small.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def other(small):
    """Another checkpoint: other data, another link."""
    words = ["--epochs", 1, "--alignment-start-epoch", 1, "--tokens", 4, "--codebook-size", 8, "--quiet"]
    words += ["--embedding-dim", 4, "--device", "cpu", "--skip-noiseless"]
    folder = small.parent / "rival"
    assert main([str(word) for word in ("train", "--dataset", small, "--run-dir", folder, *words)]) == 0
    return folder / "checkpoints" / "last_model.pt"


@pytest.fixture(scope="module")
def compared(finished, other, small, tmp_path_factory):
    """Two checkpoints on the same images."""
    out = tmp_path_factory.mktemp("compared")
    return run(out, finished.checkpoint, other, "--dataset", small, "--snr-db", 0, 12)


def test_without_ties_the_images_that_both_sent_are_compared(finished, other, small, tmp_path):
    """Each checkpoint leaves out images of its own: one of them those near a codeword that is there twice."""
    content = torch.load(other, weights_only=True)
    codebook = content["model_state_dict"]["transceiver_dig.codebook"]
    codebook[1] = codebook[0]
    twice = tmp_path / "twice.pt"
    torch.save(content, twice)
    words = [finished.checkpoint, twice, "--dataset", small, "--snr-db", 12, "--leave-out-ties"]
    content = run(tmp_path / "out", *words).content
    first, second = (one["images_left_out"] for one in content["checkpoints"])
    assert first != second
    assert len(content["differences"]) == 2


def test_two_checkpoints(compared, small):
    """Each audited with its own link; accuracies are compared on the same images."""
    names, content = ["A: run", "B: rival"], compared.content
    assert [one["name"] for one in content["checkpoints"]] == names
    assert {(one["data"], one["images"]) for one in content["checkpoints"]} == {(str(small), 60)}
    assert ["8 tokens" in one["link"] for one in content["checkpoints"]] == [True, False]
    assert [one["history"]["epochs"] for one in content["checkpoints"]] == [[1, 2, 3], [1]]
    differences = content["differences"]
    assert len(differences) == 4
    for row in differences:
        one, two = (
            of(content, f"{row['path']}_accuracy", checkpoint=name, snr_db=row["snr_db"])[0] for name in names
        )
        assert [row["first"], row["second"]] == names
        assert row["value"] == pytest.approx(one - two)
        assert row["low"] < row["value"] < row["high"]
    assert any(row["value"] > 0.2 for row in differences)
    printed = [line.split(" (")[0] for line in compared.text.splitlines() if line.startswith("Hard accuracy")]
    assert printed == [
        f"Hard accuracy at {row['snr_db']:g} dB: A: run minus B: rival {100 * row['value']:.1f} points"
        for row in differences
        if row["path"] == "hard"
    ]


@pytest.fixture
def own(finished, tmp_path, monkeypatch):
    """Name of a module in the working directory; what importing it leaves behind is undone."""
    folder = tmp_path / "here"
    folder.mkdir()
    name = f"surrogates_of_{tmp_path.name.replace('-', '_')}"
    (folder / f"{name}.py").write_text(SURROGATES.format(checkpoint=str(finished.checkpoint)))
    (folder / f"{name}_raises.py").write_text("raise LookupError('first line\\nsecond line')\n")
    (folder / f"{name}_broken.py").write_text("def surrogate(:\n")
    (folder / f"{name}_stops.py").write_text("import sys\n\nsys.exit(3)\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield name
    for each in (name, *(f"{name}_{kind}" for kind in ("raises", "broken", "stops"))):
        sys.modules.pop(each, None)


@pytest.fixture(scope="module")
def exact(finished):
    """What the audit of the fixture found at its first SNR, 0 dB, with the link's own soft path."""
    content = json.loads((finished.out / "audit.json").read_text())
    return {name: [row for row in content[name] if row["snr_db"] == 0] for name in ("rows", "attribution")}


@pytest.mark.parametrize("function", ["soft_of", "soft_of_its_own_link", "double"])
def test_the_soft_path_as_a_surrogate(finished, own, exact, tmp_path, function):
    name = f"{own}:{function}"
    found = run(tmp_path / "out", finished.checkpoint, "--snr-db", 0, "--surrogate", name)
    (finding,), (described,) = found.content["findings"], found.content["checkpoints"]
    assert (finding["verdict"], finding["defects"]) == ("none", [])
    assert finding["sentence"] in described["verdict"]
    assert described["surrogate"] == name
    assert described["one_function"] == ["features", "task"]
    assert name in (found.out / "audit.html").read_text()
    assert found.content["rows"] == exact["rows"]
    attribution = [row for row in found.content["attribution"] if row["surrogate"] == "audited"]
    assert attribution == exact["attribution"]


def test_scaled_llrs_are_found(finished, own, exact, tmp_path):
    found = run(tmp_path / "out", finished.checkpoint, "--snr-db", 0, "--surrogate", f"{own}:scaled").content
    (finding,) = found["findings"]
    assert (finding["verdict"], finding["defects"]) == ("explained", ["llr-scale"])
    assert finding["strengths"] == {"llr-scale": pytest.approx(3, rel=1e-3)}
    assert "llr-scale (strength 3)" in found["checkpoints"][0]["verdict"]
    assert of(found, "received_nmse") == of(exact, "received_nmse")
    (llr,), (expected,) = of(found, "soft_mean_llr"), of(exact, "soft_mean_llr")
    assert llr == pytest.approx(3 * expected, rel=1e-5)
    best = {row["path"]: row["best_scale"] for row in found["information"]}
    assert best["soft"] < 0.5 < best["hard"]


def test_a_surrogate_of_only_an_embedding(finished, own, exact, tmp_path):
    words = [finished.checkpoint, "--snr-db", 0, "--surrogate", f"{own}:noiseless"]
    found = run(tmp_path / "out", *words).content
    assert {row["stage"] for row in found["rows"]} == {"demap", "decide", "features", "task"}
    assert of(found, "soft_mean_llr") == of(found, "symbol_nmse") == []
    assert of(found, "hard_accuracy") == of(exact, "hard_accuracy")
    assert of(found, "embedding_nmse") != of(exact, "embedding_nmse")
    assert {row["path"] for row in found["information"] + found["calibration"]} == {
        "hard",
        "exact",
        "uniform",
    }
    (finding,) = found["findings"]
    assert (finding["verdict"], list(finding["agreement"])) == ("unexplained", ["decide"])


# Word after --surrogate, and what the line must hold.
UNFIT = {
    "no trace": ("{own}:no_trace", "linksim.Trace"),
    "no embedding": ("{own}:no_embedding", "embedding"),
    "a flat embedding": ("{own}:flat", "embedding of shape [64, 64], expected [64, 8, 8]"),
    "too few symbols": ("{own}:fewer_symbols", "symbols of shape [64, 7], expected [64, 8]"),
    "an array": ("{own}:array", "embedding of shape ndarray"),
    "infinite LLRs": ("{own}:infinite", "llr with values that are not finite"),
    "no numbers": ("{own}:undefined", "embedding with values that are not finite"),
    "one parameter too many": ("{own}:of_three", "temperature"),
    "whole numbers": ("{own}:whole", "embedding of torch.int64, expected torch.float32"),
    "probabilities below zero": ("{own}:negative", "assignment with probabilities below 0"),
    "an error of its own": ("{own}:failing", "failed with ZeroDivisionError: division by zero"),
    "a module that stops Python": ("{own}_stops:surrogate", "failed with SystemExit"),
    "not to be called": ("{own}:nothing", "has no function 'nothing'"),
    "no such function": ("{own}:absent", "has no function 'absent'"),
    "no such module": ("{own}_absent:surrogate", "ModuleNotFoundError"),
    "a module that raises": ("{own}_raises:surrogate", "LookupError: first line second line"),
    "a module that is no Python": ("{own}_broken:surrogate", "SyntaxError"),
    "no colon": ("{own}", "module:function"),
    "no function": ("{own}:", "module:function"),
    "no module": (":soft_of", "module:function"),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_surrogates_that_do_not_fit(refused, finished, own, tmp_path, tree, fault):
    before = tree(tmp_path)
    name, named = UNFIT[fault]
    words = ["--snr-db", 0, "--out", tmp_path / "out", "--surrogate", name.format(own=own)]
    line = refused("audit", finished.checkpoint, *words)
    assert line.startswith("linksim audit: ")
    assert named in line
    assert tree(tmp_path) == before


# Words after the checkpoint, and what the line must name; test_refusals.py has what other commands share.
WRONG = {
    "an SNR that is a word": (["--snr-db", "0", "loud"], "'loud'"),
    "no draws": (["--draws", "0"], "--draws"),
    "half a draw": (["--draws", "1.5"], "--draws"),
    "more draws than there may be": (["--draws", "10001"], "draws"),
    "a second temperature of zero": (["--vq-temp", "0.7", "0"], "--vq-temp"),
    "images of another size": (["--dataset", "{wide}"], "wide.npz"),
    "more classes than the model knows": (["--dataset", "{many}"], "12 classes"),
    "three checkpoints": (["{run}", "{run}"], "got 3"),
    "a second checkpoint that is missing": (["none.pt"], "none.pt"),
    "a second checkpoint that is none": (["{wide}"], "wide.npz"),
    "two data sets": (["{other}"], "--dataset"),
    "an output folder that is a file": (["--out", "{wide}"], "wide.npz"),
    "a folder in place of the page": (["--out", "{blocked}"], "audit.html"),
    "a folder in place of the picture": (["--out", "{hidden}"], "audit.png"),
    "JSON in place of the page": (["--out", "new", "--json", "new/audit.html"], "--json"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_refusals(refused, finished, other, tmp_path, tree, fault):
    places = {"run": finished.checkpoint, "other": other, "blocked": tmp_path / "blocked"}
    places["hidden"] = tmp_path / "hidden"
    (places["blocked"] / "audit.html").mkdir(parents=True)
    (places["hidden"] / "audit.png").mkdir(parents=True)
    for name, shape, classes in (("wide", (24, 6, 9), 2), ("many", (24, 8, 8), 12)):
        images, labels = np.zeros(shape, np.uint8), np.arange(24) % classes
        places[name] = tmp_path / f"{name}.npz"
        np.savez(places[name], x_train=images, y_train=labels, x_test=images, y_test=labels)
    before = tree(tmp_path)
    words, named = WRONG[fault]
    given = [word.format_map(places) for word in words]
    out = [] if "--out" in words else ["--out", tmp_path / "out"]
    line = refused("audit", finished.checkpoint, *given, *out)
    assert line.startswith("linksim audit: ")
    assert named in line
    assert tree(tmp_path) == before
