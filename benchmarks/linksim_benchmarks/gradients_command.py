"""`linksim gradients`: bias, variance and cost of the gradient estimators."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from linksim import checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.console import console, progress_on, table_of
from linksim_benchmarks import output
from linksim_benchmarks.gradient_problems import Sizes
from linksim_benchmarks.gradients import ESTIMATORS, estimator_rows
from linksim_benchmarks.pictures.save import save
from linksim_benchmarks.step_cost import WARM_UP, relative_costs

REFERENCE = "surrogate"
EXACT = 1e-9
"""Relative bias below which only rounding is left."""


@dataclass(kw_only=True)
class GradientsOptions:
    """Compare gradient estimators with the exact gradient on small random links.

    The exact one is that of the loss expected over indices drawn from the soft assignment, on a given draw of
    the channel, by enumeration of all indices. Bias and variance are relative to it; estimators that send
    the nearest codewords have no variance of their own. The cost is that of a training step of 64 images over
    the link of linksim train, relative to the surrogate at the embedding.
    """

    snr_db: tuple[str, ...] = ("-5", "0", "8")
    """Es/N0 in dB: numbers, or ranges from:to:step with the end included."""
    vq_temp: tuple[str, ...] = ("0.7", "0.3")
    """Temperatures of the assignment: numbers, or ranges."""
    symbol_temp: float = 0.7
    """Temperature of the soft symbols."""
    problems: int = 32
    """Random links, heads and latents that means and intervals are over."""
    tokens: int = 2
    """Tokens of a frame."""
    codebook_size: int = 6
    """Codewords; all K^N indices of a frame are enumerated."""
    embedding_dim: int = 4
    """Dimensions of latents and codewords."""
    bits_per_symbol: int = 2
    """Of square QAM."""
    replicas: int = 512
    """Samples of Gumbel noise per frame."""
    steps: int = 30
    """Training steps of each estimator for the cost."""
    skip_cost: bool = False
    """Leave the cost out."""
    seed: int = 0
    """Root of the random streams."""
    out: Path = Path("runs/gradients")
    """Folder for gradients.csv, gradients.json and gradients.png."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim gradients`."""
    options = parse(GradientsOptions, arguments, "gradients")
    files.check_writable(options.out / "gradients.json", options.json)
    snr_db, vq_temp = numbers("--snr-db", options.snr_db), numbers("--vq-temp", options.vq_temp)
    for temperature in vq_temp:
        checks.real("--vq-temp", temperature, above=0)
    checks.real("--symbol-temp", options.symbol_temp, above=0)
    checks.whole("--problems", options.problems, 2)
    checks.whole("--steps", options.steps, 2)
    checks.whole("--seed", options.seed, 0)
    sizes = Sizes(
        tokens=options.tokens,
        codebook_size=options.codebook_size,
        embedding_dim=options.embedding_dim,
        bits_per_symbol=options.bits_per_symbol,
    )
    target = console(options.quiet)
    with progress_on(target) as progress:
        task = progress.add_task("problems", total=options.problems)
        rows = estimator_rows(
            sizes,
            snr_db,
            vq_temp,
            problems=options.problems,
            seed=options.seed,
            symbol_temp=options.symbol_temp,
            replicas=options.replicas,
            advance=lambda: progress.advance(task),
        )
        costs: dict[str, tuple[float, float, float]] = {}
        if not options.skip_cost:
            task = progress.add_task("cost", total=options.steps + WARM_UP)
            costs = relative_costs(
                ESTIMATORS, REFERENCE, options.steps, options.seed, lambda: progress.advance(task)
            )
    names = ("relative_cost", "relative_cost_low", "relative_cost_high")
    for row in rows:
        row.update(zip(names, costs.get(row["gradient"], (None, None, None)), strict=True))
    configuration = {
        "snr_db": snr_db,
        "vq_temp": vq_temp,
        **{name: getattr(options, name) for name in ("symbol_temp", "problems", "replicas", "steps")},
        **asdict(sizes),
    }
    card = provenance.card(options.seed, "sionna", configuration)
    paths = output.write_results(options.out, "gradients", rows, card, options.json)
    paths.append(gradients_picture(rows, options.out / "gradients.png"))
    for temperature in vq_temp:
        target.print(_table([row for row in rows if row["vq_temp"] == temperature], options.problems))
    if costs:
        target.print(_cost_table(costs, options.steps))
    target.print("Written: " + ", ".join(map(str, paths)))


def gradients_picture(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    """Bias, variance and cosine against Es/N0: a row of panels per temperature, a line per estimator.

    What is zero up to rounding is left out of logarithmic panels.
    """
    panels = {
        "bias": "relative bias of the mean",
        "variance": "relative variance, channel fixed",
        "cosine": "cosine of the mean with the exact gradient",
    }
    temperatures = list(dict.fromkeys(row["vq_temp"] for row in rows))
    figure = Figure(figsize=(15, 4.2 * len(temperatures)), layout="constrained")
    every = figure.subplots(len(temperatures), len(panels), squeeze=False)
    for temperature, line_of_axes in zip(temperatures, every, strict=True):
        for (name, title), axes in zip(panels.items(), line_of_axes, strict=True):
            for number, gradient in enumerate(ESTIMATORS):
                own = sorted(
                    (r for r in rows if (r["gradient"], r["vq_temp"]) == (gradient, temperature)),
                    key=lambda row: row["snr_db"],
                )
                if name != "cosine" and not all(row[name] > EXACT for row in own):
                    continue
                snr = [row["snr_db"] for row in own]
                middle = [row[name] for row in own]
                axes.plot(snr, middle, marker="o", color=f"C{number}", label=gradient)
                ends = ([row[f"{name}_{end}"] for row in own] for end in ("low", "high"))
                axes.fill_between(snr, *ends, color=f"C{number}", alpha=0.15, linewidth=0)
            axes.set(xlabel="Es/N0 in dB", title=f"{title}, T = {temperature:g}")
            if name != "cosine":
                axes.set_yscale("log", nonpositive="clip")
            axes.grid(alpha=0.3)
        line_of_axes[-1].legend(fontsize="small")
    return save(figure, path)


def _table(rows: Sequence[dict[str, Any]], problems: int) -> Table:
    cells = [
        [
            f"{row['gradient']}, {row['snr_db']:g} dB",
            _small(row["bias"]),
            f"{_small(row['bias_low'])} … {_small(row['bias_high'])}",
            f"{row['cosine']:.2f}",
            _small(row["variance"]),
            _small(row["variance_with_channel"]),
            _small(row["bias_codebook"]),
            f"{row['cosine_codebook']:.2f}",
        ]
        for row in sorted(rows, key=lambda row: (row["snr_db"], list(ESTIMATORS).index(row["gradient"])))
    ]
    title = f"Temperature {rows[0]['vq_temp']:g}, {problems} problems; relative to the exact gradient"
    columns = [
        *("", "bias", "95 % interval", "cosine", "variance", "with channel"),
        *("codebook: bias", "cosine"),
    ]
    return table_of(title, columns, cells)


def _small(value: float) -> str:
    return "0" if abs(value) < EXACT else f"{value:.3g}"


def _cost_table(costs: dict[str, tuple[float, float, float]], steps: int) -> Table:
    cells = [[name, f"{cost:.2f}", f"{low:.2f} … {high:.2f}"] for name, (cost, low, high) in costs.items()]
    title = f"Time of a training step over that of {REFERENCE}, median of {steps}"
    return table_of(title, ["", "cost", "95 % interval"], cells)
