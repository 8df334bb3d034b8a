"""Rows of a training as `metrics.jsonl` has them, made up: healthy, but for what a test changes."""

HEALTHY = {
    "vq_temp": 0.7,
    "symbol_temp": 0.7,
    "accuracy": 0.9,
    "train_accuracy": 0.91,
    "soft_accuracy": 0.905,
    "hard_accuracy": 0.9,
    "marginal_entropy": 4.0,
    "symbol_marginal_entropy": 2.7,
    "consistency": 0.02,
    "feature_nmse": 0.005,
    "gradient_norm_assignment": 0.02,
    "gradient_norm_embedding": 0.03,
}


def row(epoch, phase="ALIGNMENT", *, mean_llr=1.0, hard_share=None, **changes):
    """A row; `mean_llr` is the mean |LLR| of the validation."""
    figures = {**HEALTHY, **changes}
    aligned = phase == "ALIGNMENT"
    return {
        "epoch": epoch,
        "phase": phase,
        "vq_temp": figures["vq_temp"],
        "symbol_temp": figures["symbol_temp"],
        "hard_forward": aligned,
        "hard_share": float(aligned) if hard_share is None else hard_share,
        "train": {
            "accuracy": figures["train_accuracy"],
            "gradient_norm_assignment": figures["gradient_norm_assignment"],
            "gradient_norm_embedding": figures["gradient_norm_embedding"],
        },
        "val": {
            "accuracy": figures["accuracy"],
            "soft_accuracy": figures["soft_accuracy"],
            "hard_accuracy": figures["hard_accuracy"],
            "gap": figures["soft_accuracy"] - figures["hard_accuracy"],
            "marginal_entropy": figures["marginal_entropy"],
            "symbol_marginal_entropy": figures["symbol_marginal_entropy"],
            "mean_llr": mean_llr,
            "consistency": figures["consistency"],
        },
        "mismatch": {"feature_nmse": figures["feature_nmse"]},
    }
