"""What `linksim train-agent` prints."""

from collections.abc import Sequence
from typing import Any

from linksim.console import table_of
from linksim_benchmarks.agents.pairs import ALL

Rows = Sequence[dict[str, Any]]


def policies_table(rows: Rows) -> Any:
    """Every policy over all evaluation seeds, and what is told of it besides."""
    pooled = [row for row in rows if row["evaluation_seed"] == ALL]
    first = pooled[0]
    further = [name for name in ("expected_distortion", "over_best_labelling") if name in first]
    cells = [
        [
            row["setting"],
            row["policy"],
            f"{row['mean_return']:.4g}",
            f"{row['low']:.4g} … {row['high']:.4g}",
            f"{row['difference']:+.3g}",
            f"{row['difference_low']:+.3g} … {row['difference_high']:+.3g}",
            *(f"{row[name]:.4f}" for name in further),
        ]
        for row in pooled
    ]
    columns = ["", "policy", "mean return", "95 % interval", f"minus {first['reference']}", "95 % interval"]
    columns += [name.replace("_", " ") for name in further]
    return table_of(f"{first['env']}, {first['episodes']} episodes", columns, cells)


def pairs_table(pairs: Rows) -> Any:
    """Agents minus policies, over all evaluation seeds and under each."""
    cells = []
    for pooled in (row for row in pairs if row["evaluation_seed"] == ALL):
        same = ("setting", "agent", "policy")
        own = [
            row
            for row in pairs
            if row["evaluation_seed"] != ALL and all(row[name] == pooled[name] for name in same)
        ]
        cells.append(
            [
                *(pooled[name] for name in same),
                f"{pooled['difference']:+.3g}",
                f"{pooled['low']:+.3g} … {pooled['high']:+.3g}",
                " ".join(f"{row['difference']:+.3g}" for row in own) or "-",
                " ".join(row["verdict"] for row in own) or pooled["verdict"],
            ]
        )
    columns = ["", "agent", "minus", "difference", "95 % interval", "under each seed", "by its interval"]
    return table_of("Agents minus policies, in pairs", columns, cells)
