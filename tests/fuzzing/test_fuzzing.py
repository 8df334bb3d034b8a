"""A small sample of the study of mutated files."""

import pytest
from fuzzing.study import MOST_BYTES, MOST_SECONDS, cases
from fuzzing.templates import make_templates
from fuzzing.worker import GROUPS

FIRST, COUNT = 5000, 15


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    make_templates(folder)
    return folder


@pytest.mark.parametrize("group", GROUPS)
def test_mutated_files_are_refused_in_one_line_or_work(group, templates, tmp_path):
    outcomes = list(cases(group, FIRST, FIRST + COUNT, templates, tmp_path))
    assert [outcome for outcome in outcomes if outcome.result == "failed"] == []
    assert [outcome.seed for outcome in outcomes] == list(range(FIRST, FIRST + COUNT))
    assert {outcome.result for outcome in outcomes} >= {"refused"}
    assert max(outcome.peak for outcome in outcomes) <= MOST_BYTES
    assert max(outcome.seconds for outcome in outcomes) <= MOST_SECONDS


def test_a_file_that_was_made_is_found(templates, tmp_path, monkeypatch):
    """The watch sees what a case leaves behind, or the study would pass whatever happens."""
    from fuzzing import bundle_case
    from fuzzing.worker import run_case

    def leaves(place, expected, seed):
        (place.parent / "left").write_text("behind")
        return "same", ""

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bundle_case, "run_bundle", leaves)
    monkeypatch.setattr(bundle_case, "check_light", lambda: None)
    outcome = run_case("manifest", FIRST, templates, tmp_path)
    assert outcome.result == "failed"
    assert "left" in outcome.said


def test_a_process_that_ends_is_a_failure(tmp_path):
    """Without templates, every case ends its process; the study goes on with the next one."""
    outcomes = list(cases("manifest", 0, 2, tmp_path / "none", tmp_path))
    assert [(outcome.seed, outcome.result) for outcome in outcomes] == [(0, "failed"), (1, "failed")]
    assert "FileNotFoundError" in outcomes[0].said
