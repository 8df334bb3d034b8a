"""The table of gradient estimators: the reference, the figures, known orders, and the command."""

import csv
import json

import pytest
import torch

from linksim.cli import main
from linksim_benchmarks.gradient_problems import Problem, Sizes, exact_gradient, repeated
from linksim_benchmarks.gradients import ESTIMATORS, Estimate, estimate, estimator_rows, figures

SIZES = Sizes(codebook_size=3, embedding_dim=3, latents=2, draws=3)


@pytest.fixture
def problem():
    return Problem.make(SIZES, 0, 0)


def expected_loss(problem, latents, draw):
    """Σ_k q(k)·L(k) by sending every tuple by itself."""
    model = problem.model
    q = model.link.soft(latents, draw).assignment
    total = 0
    for k in problem.tuples:
        trace = model.link.hard(index=k.expand(len(latents), -1), draw=draw)
        loss = torch.nn.functional.cross_entropy(model.decode(trace).logits, problem.labels, reduction="none")
        total += (q[:, torch.arange(len(k)), k].prod(-1) * loss).sum()
    return total


def test_the_reference_by_finite_differences(problem):
    draw, codebook = problem.draw(0.0, 0, 0), problem.model.link.codebook
    exact = exact_gradient(problem, draw)
    generator, step = torch.Generator().manual_seed(1), 1e-5
    moves = [torch.randn(x.shape, dtype=x.dtype, generator=generator) for x in (problem.latents, codebook)]
    for which, move in enumerate(moves):
        values = []
        with torch.no_grad():
            for sign in (step, -step):
                codebook.add_(sign * which * move if which else 0.0)
                values.append(expected_loss(problem, problem.latents + (1 - which) * sign * moves[0], draw))
                codebook.sub_(sign * which * move if which else 0.0)
        along = float((exact[which] * move.reshape(exact[which].shape)).sum())
        assert float(values[0] - values[1]) / (2 * step) == pytest.approx(along, rel=1e-6)


def test_every_tuple_is_enumerated(problem):
    assert problem.tuples.tolist() == [[i, j] for i in range(3) for j in range(3)]
    q = problem.model.link.soft(problem.latents, problem.draw(0.0, 0, 0)).assignment
    assert torch.allclose(problem.probabilities(q).sum(1), torch.ones(6, dtype=torch.float64))


def test_a_problem_depends_on_seed_and_number():
    same, other = Problem.make(SIZES, 0, 1), Problem.make(SIZES, 0, 2)
    assert torch.equal(same.latents, Problem.make(SIZES, 0, 1).latents)
    assert not torch.equal(same.latents, other.latents)
    assert not torch.equal(same.model.head.logits.weight, other.model.head.logits.weight)
    assert torch.equal(same.latents[0], same.latents[2])
    quiet, loud = same.draw(0.0, 0, 1), same.draw(10.0, 0, 1)
    assert torch.equal(quiet.channel["noise"], loud.channel["noise"])


@pytest.mark.parametrize("lambda_vec", [0.0, 0.2])
def test_the_score_function_has_no_bias(problem, lambda_vec):
    draw = problem.draw(3.0, 0, 0)
    found = estimate(problem, "score-function", draw, lambda_vec=lambda_vec)
    for mean, exact in zip(found.mean, exact_gradient(problem, draw, lambda_vec), strict=True):
        torch.testing.assert_close(mean, exact, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["reinmax", "score-function"])
def test_enumeration_agrees_with_sampling(problem, name):
    """Mean and variance over indices that the draw's own uniforms choose, none of them rare."""
    problem.model.link.vq_temp = 3.0
    draw, count = problem.draw(0.0, 0, 0), 4000
    enumerated = estimate(problem, name, draw)
    model = problem.model
    latents = problem.latents.repeat_interleave(count, 0).requires_grad_()
    many = repeated(draw, count)
    uniforms = torch.rand(
        many.uniforms.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    many.uniforms.copy_(uniforms)
    output = model(latents, many, backward=name)
    labels = problem.labels.repeat_interleave(count)
    loss = torch.nn.functional.cross_entropy(output.logits, labels, reduction="none")
    if name == "score-function":
        deployed = model.decode(model.link.hard(index=output.trace.surrogate.index, draw=many))
        baseline = torch.nn.functional.cross_entropy(deployed.logits, labels, reduction="none")
        loss = loss + (loss - baseline).detach() * output.trace.log_probability
    (samples,) = torch.autograd.grad(loss.sum(), latents)
    samples = samples.flatten(1).unflatten(0, (-1, count))
    error = (samples.var(1) / count).sqrt()
    assert ((samples.mean(1) - enumerated.mean[0]).abs() < 5 * error + 1e-12).all()
    assert samples.var(1).sum(-1).numpy() == pytest.approx(enumerated.variance.numpy(), rel=0.15)


def test_gumbel_knows_its_sampling_error(problem):
    """Two means differ by what each says of itself, and more replicas say less."""
    draw = problem.draw(0.0, 0, 0)
    one, other = (estimate(problem, "gumbel", draw, 512, seed) for seed in (1, 2))
    more = estimate(problem, "gumbel", draw, 4096, 3)
    distance = float((one.mean[0] - other.mean[0]).square().sum())
    assert 0.3 < distance / (one.error[0] + other.error[0]) < 3
    assert more.error[0] == pytest.approx(one.error[0] / 8, rel=0.3)
    assert more.error[1] < one.error[1]


def test_figures_of_known_gradients():
    exact = torch.tensor([[3.0, 0], [3, 0], [0, 4], [0, 4]]), torch.tensor([2.0])
    mean = torch.tensor([[3.0, 0], [3, 0], [0, 4], [0, 0]]), torch.tensor([-1.0])
    found = figures(exact, Estimate(mean, (0.0, 0.0), torch.full((4,), 2.0)), draws=2)
    assert found["bias"] == pytest.approx((16 / 50) ** 0.5)
    assert found["cosine"] == pytest.approx(34 / (34 * 50) ** 0.5)
    assert (found["bias_codebook"], found["cosine_codebook"]) == (1.5, -1.0)
    assert found["variance"] == pytest.approx(2 / 12.5)
    assert found["variance_with_channel"] == pytest.approx((2 + 8 / 2) / 12.5)
    sampled = figures(exact, Estimate(mean, (7.0, 0.0), torch.full((4,), 2.0)), draws=2)
    assert sampled["bias"] == pytest.approx((9 / 50) ** 0.5)


def test_rows():
    rows = estimator_rows(SIZES, [0.0], [0.7], problems=3, seed=0, replicas=64)
    assert [row["gradient"] for row in rows] == list(ESTIMATORS)
    by_name = {row["gradient"]: row for row in rows}
    assert by_name["score-function"]["bias"] < 1e-9
    assert by_name["reinmax"]["bias"] < by_name["surrogate"]["bias"]
    for name, row in by_name.items():
        assert row["bias_low"] <= row["bias"] <= row["bias_high"]
        assert row["variance"] <= row["variance_with_channel"]
        assert (row["variance"] > 0) == (name in ("gumbel", "reinmax", "score-function"))
    assert estimator_rows(SIZES, [0.0], [0.7], problems=3, seed=0, replicas=64) == rows


def test_one_token_and_no_noise_make_reinmax_nearly_exact():
    """At a low SNR the embedding is nearly linear in the symbols, and symbols of one token in its index."""
    sizes = Sizes(tokens=1, codebook_size=4, embedding_dim=3, latents=2, draws=2)
    rows = estimator_rows(sizes, [-20.0], [0.7], problems=4, seed=0, replicas=8)
    bias = {row["gradient"]: row["bias"] for row in rows}
    assert bias["reinmax"] < 0.1
    assert bias["gumbel"] > 2 * bias["reinmax"]


SMALL = ("--problems", "2", "--codebook-size", "3", "--replicas", "16", "--quiet")


def test_the_command(tmp_path, capsys):
    words = ("--snr-db", "0:4:4", "--vq-temp", "0.5", "--steps", "2", "--json", str(tmp_path / "a.json"))
    assert main(["gradients", *SMALL, *words, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
    content = json.loads((tmp_path / "gradients.json").read_text())
    assert json.loads((tmp_path / "a.json").read_text()) == content
    rows = content["rows"]
    assert len(rows) == 2 * len(ESTIMATORS)
    assert {row["snr_db"] for row in rows} == {0.0, 4.0}
    assert all(row["relative_cost"] == 1 for row in rows if row["gradient"] == "surrogate")
    assert all(row["relative_cost"] > 0.1 for row in rows)
    assert content["provenance"]["seed"] == 0
    with (tmp_path / "gradients.csv").open() as file:
        assert [row["gradient"] for row in csv.DictReader(file)] == [row["gradient"] for row in rows]
    assert (tmp_path / "gradients.png").stat().st_size > 10_000


def test_the_command_without_cost(tmp_path):
    assert main(["gradients", *SMALL, "--snr-db", "0", "--skip-cost", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "gradients.json").read_text())["rows"]
    assert {row["vq_temp"] for row in rows} == {0.7, 0.3}
    assert {row["relative_cost"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--problems", "1"), "--problems"),
        (("--replicas", "2"), "replicas"),
        (("--vq-temp", "0"), "--vq-temp"),
        (("--snr-db", "loud"), "--snr-db"),
        (("--tokens", "9"), "frames to enumerate"),
        (("--bits-per-symbol", "3"), "bits_per_symbol"),
    ],
)
def test_refusals(tmp_path, capsys, words, reason):
    assert main(["gradients", *words, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert reason in error
    assert not (tmp_path / "out").exists()
