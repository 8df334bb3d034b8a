"""Log lines of an epoch."""

from typing import Any

from linksim_training.monitor import Finding

SHOWN_TERMS = ("cls", "vec", "vq", "entropy", "marginal", "consistency", "soft")


def epoch_lines(row: dict[str, Any]) -> str:
    """The log block of an epoch, from its row in `metrics.jsonl`."""
    train, val, rate, mismatch = row["train"], row["val"], row["rate"], row["mismatch"]
    pairs = " ".join(
        f"{label}: {train[name]:.3f}/{val[name]:.3f}"
        for label, name in (
            ("VQ_ent", "vq_entropy"),
            ("Sym_ent", "symbol_entropy"),
            ("Mean_LLR", "mean_llr"),
            ("Marg_ent", "marginal_entropy"),
            ("Perplexity", "perplexity"),
        )
    )
    return "\n".join(
        [
            f"[Epoch {row['epoch']}] Phase={row['phase']} | vq_T={row['vq_temp']:.3f} "
            f"sym_T={row['symbol_temp']:.3f} | hard_fwd={row['hard_forward']}{_share(row)}",
            f"  Train: {_losses(train)} acc={train['accuracy']:.4f}",
            f"  Val:   {_losses(val)} acc={val['accuracy']:.4f} soft_acc={val['soft_accuracy']:.4f} "
            f"hard_acc={val['hard_accuracy']:.4f} gap={val['gap']:+.4f}",
            f"  Rate:  bits={rate['bits']:.1f} syms={rate['symbols']:.1f} | {pairs}",
            *_modes(row),
            f"  Mismatch: VQ={mismatch['vq_nmse']:.4f} symbol={mismatch['symbol_nmse']:.4f} "
            f"features={mismatch['feature_nmse']:.4f} (soft against hard, relative) "
            f"soft_power={val['soft_power']:.3f}",
            f"  Gradient: {_gradients(train)}",
            *(Finding(**one).line() for one in row["findings"]),
        ]
    )


def _modes(row: dict[str, Any]) -> list[str]:
    """How often each of several modes was used."""
    if "modes" not in row:
        return []
    used = zip(row["modes"]["modes"], row["modes"]["usage"], strict=True)
    return [
        "  Modes: " + " ".join(f"K={size},m={width}: {100 * share:.1f} %" for (size, width), share in used)
    ]


def _share(row: dict[str, Any]) -> str:
    """The share of hard frames, where phase 2 ramps it."""
    return f" alpha={row['hard_share']:.2f}" if row["hard_forward"] and row["hard_share"] < 1 else ""


def _gradients(figures: dict[str, float]) -> str:
    names = ("head", "embedding", "symbols", "assignment", "latents", "codebook", "encoder")
    return " ".join(f"{name}={figures[f'gradient_norm_{name}']:.3g}" for name in names)


def _losses(figures: dict[str, float]) -> str:
    shown = [f"{name}={figures[name]:.4f}" for name in SHOWN_TERMS if name in figures]
    return " ".join([f"loss={figures['loss']:.4f}", *shown])


def jump_warning(before: float, floor: float, name: str) -> str | None:
    """A line that says so if a temperature jumps when phase 2 begins; None if it does not."""
    if before - floor < 1e-3:
        return None
    return f"{name} jumps from {before:.3f} to its floor {floor:.3f} as phase ALIGNMENT begins"
