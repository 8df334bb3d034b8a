"""Checkpoints from outside: nothing is unpickled, and no memory is taken for what a file only claims."""

import io
import random
import zipfile

import pytest
import torch
from fuzzing.pickles import HAND_MADE, archive, imports

from linksim import LinkConfig
from linksim.archive import Limits, read_archive
from linksim_training import build_model, load_checkpoint
from linksim_training.build import build_routed_model
from linksim_training.checkpoints import load_any_checkpoint, save_checkpoint
from linksim_training.state import load_state


@pytest.fixture
def saved(make_model, tmp_path):
    path = tmp_path / "model.pt"
    save_checkpoint(path, make_model(), {"data": "digits"})
    return path


@pytest.fixture
def routed(tmp_path):
    path = tmp_path / "routed.pt"
    link = LinkConfig(tokens=4, embedding_dim=4)
    save_checkpoint(path, build_routed_model((1, 8, 8), 4, [(16, 2), (32, 4)], link), {})
    return path


def refused(path):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - every message is checked below
        load_any_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()
    return message


def edit(path, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


HUGE = {
    "tokens": lambda spec: spec["link"].update(tokens=10**9),
    "codewords": lambda spec: spec["link"].update(codebook_size=10**9),
    "dimensions": lambda spec: spec["link"].update(embedding_dim=10**9),
    "images": lambda spec: spec.update(image_shape=[1, 10**9, 10**9]),
    "channels": lambda spec: spec.update(image_shape=[10**9, 8, 8]),
    "classes": lambda spec: spec.update(classes=10**9),
    "beyond integers": lambda spec: spec.update(classes=10**30),
}


@pytest.mark.parametrize("kind", HUGE)
def test_huge_specifications_are_refused_before_the_model_is_built(saved, kind, monkeypatch):
    edit(saved, lambda content: HUGE[kind](content["spec"]))
    monkeypatch.setattr("linksim_training.checkpoints.build_from", lambda spec: pytest.fail("it was built"))
    assert "does not fit the model it describes" in refused(saved)


def test_huge_modes_are_refused_before_the_model_is_built(routed, monkeypatch):
    assert load_any_checkpoint(routed)[0].spec["modes"] == [[16, 2], [32, 4]]
    monkeypatch.setattr("linksim_training.checkpoints.build_from", lambda spec: pytest.fail("it was built"))
    edit(routed, lambda content: content["spec"].update(modes=[[10**9, 4], [32, 4]]))
    assert "links.0.codebook must have shape [1000000000, 4]" in refused(routed)
    edit(routed, lambda content: content["spec"].update(modes=[[16, 2]] * 300))
    assert "modes must be at most 256" in refused(routed)


def test_tensors_that_repeat_one_number(saved):
    def change(content):
        content["spec"]["link"]["codebook_size"] = 10**9
        content["model_state_dict"]["transceiver_dig.codebook"] = torch.zeros(1).expand(10**9, 8)

    edit(saved, change)
    assert "claims more numbers than the file holds" in refused(saved)


def test_tensors_that_share_their_numbers(saved):
    """One tensor under several names, and several views of one storage."""
    large = torch.zeros(10**6)
    edit(saved, lambda content: content["model_state_dict"].update({f"a{i}": large for i in range(3)}))
    assert "share numbers" in refused(saved)
    views = {f"a{i}": large[i:] for i in range(3)}
    edit(saved, lambda content: content["model_state_dict"].update(views))
    assert "claim more numbers than the file holds" in refused(saved)


def test_weights_that_are_no_numbers(saved):
    edit(saved, lambda content: content["model_state_dict"]["head.logits.bias"].fill_(float("nan")))
    assert "head.logits.bias holds NaN" in refused(saved)


@pytest.mark.parametrize("name", HAND_MADE)
def test_pickles_made_by_hand(tmp_path, name):
    path = tmp_path / "model.pt"
    path.write_bytes(archive(HAND_MADE[name]))
    refused(path)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_run(tmp_path, seed):
    path = tmp_path / "model.pt"
    path.write_bytes(archive(imports(random.Random(seed), tmp_path / "owned")))
    assert "more than plain tensors" in refused(path)
    assert list(tmp_path.iterdir()) == [path]


def rewritten(path, method=zipfile.ZIP_STORED, **changes):
    """The same archive with other members, or other methods."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(buffer, "w", method) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        for name, content in changes.items():
            target.writestr(name, content)
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members(saved, method):
    rewritten(saved, method)
    assert "compressed" in refused(saved)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(archive(b"", bytes(10**8), zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 10**6
    assert "compressed" in refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(saved):
    rewritten(saved, **{"archive/version": "3"})
    assert "two members" in refused(saved)


def test_very_many_members(saved):
    rewritten(saved, **{f"archive/more/{number}": b"" for number in range(40_000)})
    assert "more than 16384 members" in refused(saved)


def test_members_over_each_other(saved):
    """Two entries of the directory for the same bytes."""
    content = saved.read_bytes()
    with zipfile.ZipFile(saved) as source:
        start, count = source.start_dir, len(source.namelist())
    entries = content[start : content.index(b"PK\x06\x06", start)] if b"PK\x06\x06" in content else None
    entries = entries or content[start : content.index(b"PK\x05\x06", start)]
    several = b"".join(entries.replace(b"archive/", f"archiv{i}/".encode()) for i in range(5))
    end = b"PK\x05\x06" + bytes(4) + (5 * count).to_bytes(2, "little") * 2
    end += len(several).to_bytes(4, "little") + start.to_bytes(4, "little") + bytes(2)
    saved.write_bytes(content[:start] + several + end)
    assert "claim more bytes" in refused(saved)


DTYPES = [torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int8, torch.int16]
DTYPES += [torch.int32, torch.int64, torch.bool]


def test_the_same_as_torch_reads(tmp_path):
    shared = torch.arange(12).float()
    content = {
        "tensors": [torch.zeros(3, 2), torch.tensor(5), torch.zeros(0, 4), torch.arange(6).reshape(2, 3).T],
        "dtypes": [torch.tensor([1, 0], dtype=dtype) for dtype in DTYPES],
        "views": [shared[2:6], shared[::2]],
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "module": torch.nn.Linear(2, 3).state_dict(),
        "numbers": [
            0,
            1,
            -1,
            255,
            256,
            65536,
            -(2**31),
            2**31,
            2**63,
            -(2**63),
            2**200,
            1.5,
            float("inf"),
            True,
        ],
        "others": {
            1: None,
            "text": "é𝄞\n",
            "tuple": (),
            "more": (1, 2, 3, 4),
            "nested": [[[{}]]],
            2.5: False,
        },
    }
    path = tmp_path / "a.pt"
    torch.save(content, path)
    same(read_archive(path, Limits()), torch.load(path, weights_only=True))


def same(found, wanted):
    if isinstance(wanted, torch.Tensor):
        assert (found.dtype, found.stride()) == (wanted.dtype, wanted.stride())
        assert torch.equal(found, wanted)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for name in wanted:
            same(found[name], wanted[name])
    elif isinstance(wanted, (list, tuple)):
        assert type(found) is type(wanted)
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    else:
        assert type(found) is type(wanted)
        assert found == wanted


def test_a_large_model_loads(tmp_path):
    link = LinkConfig(tokens=64, codebook_size=4096, embedding_dim=64)
    model, path = build_model((3, 224, 224), 1000, link), tmp_path / "large.pt"
    save_checkpoint(path, model, {"usage": [1 / 4096] * 4096})
    loaded = load_checkpoint(path).model.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in model.state_dict().items())


def test_training_states_are_not_unpickled_either(tmp_path):
    path = tmp_path / "training_state.pt"
    path.write_bytes(archive(imports(random.Random(0), tmp_path / "owned")))
    with pytest.raises(ValueError, match="is not a readable training state"):
        load_state(path)
    assert list(tmp_path.iterdir()) == [path]
