"""A result of `linksim audit` made from formulas: plausible figures without a model."""

import math
from itertools import product

STAGE_OF = {
    "vq_nmse": "quantize",
    "assignment_confidence": "quantize",
    "tied_tokens": "quantize",
    "assignment_perplexity": "quantize",
    "symbol_nmse": "map",
    "symbol_evm_db": "map",
    "power_error_db": "map",
    "received_nmse": "received",
    "llr_nmse": "demap",
    "llr_sign_disagreement": "demap",
    "soft_mean_llr": "demap",
    "hard_mean_llr": "demap",
    "index_disagreement": "decide",
    "embedding_nmse": "decide",
    "feature_nmse": "features",
    "feature_cosine": "features",
    "soft_accuracy": "task",
    "hard_accuracy": "task",
    "gap": "task",
    "soft_cross_entropy": "task",
    "hard_cross_entropy": "task",
}
NAMES = ("A: runs/demo", "B: runs/soft-only")
SNRS = (-5.0, 0.0, 8.0)
TEMPS = ((0.7, 0.7), (0.3, 0.7), (0.1, 0.7), (0.7, 0.3), (0.3, 0.3), (0.1, 0.3))
HOSTILE = "<script>alert(1)</script></script></style>\"'&amp; $x$ $ \u202e\x07<img src=x onerror=alert(1)>"
EXTENT, CELLS = 1.6, 48
GRID = [(2 * place - 3) / math.sqrt(10) for place in range(4)]


def audit_result(names=NAMES, snrs=SNRS, temps=TEMPS[:1]):
    """Everything that a result can hold, for one or two checkpoints."""
    keyed = [
        ({"checkpoint": name, "vq_temp": temps[0][0], "symbol_temp": temps[0][1]}, number)
        for number, name in enumerate(names)
    ]
    at = [({**key, "snr_db": snr}, number) for (key, number), snr in product(keyed, snrs)]
    swept = [
        ({"checkpoint": name, "vq_temp": vq, "symbol_temp": symbol, "snr_db": snr}, number)
        for (number, name), (vq, symbol), snr in product(enumerate(names), temps, snrs)
    ]
    return {
        "checkpoints": [checkpoint(name, number) for number, name in enumerate(names)],
        "rows": [row for key, number in swept for row in rows(key, number)],
        "attribution": [row for key, number in at for row in attribution(key, number)],
        "findings": [finding(key, number) for key, number in keyed],
        "switched": [row for key, number in at if key["snr_db"] == snrs[0] for row in switched(key, number)],
        "calibration": [row for key, number in at for row in calibration(key, number)],
        "information": [row for key, number in at for row in information(key, number)],
        "constellations": [constellation(key) for key, _ in at],
        "differences": differences(names, snrs) if len(names) == 2 else [],
        "provenance": {
            "versions": {"python": "3.13.0", "linksim": "0.1.0", "torch": "2.13.0"},
            "machine": "Linux x86_64",
            "backend": "sionna",
            "seed": 0,
            "conventions": {"llr": "ln P(bit=1)/P(bit=0)", "snr_db": "Es/N0"},
            "configuration_hash": "5f" * 32,
            "command": "linksim audit runs/demo/checkpoints/best_hard_model.pt --snr-db -5 0 8",
        },
    }


def hostile_result():
    """A result of which every text is an attempt to break out."""
    result = audit_result(names=(f"A{HOSTILE}", f"B{HOSTILE}"), snrs=(0.0, 8.0))
    for entry in result["checkpoints"]:
        entry.update(dict.fromkeys(("path", "link", "data", "verdict", "surrogate"), HOSTILE))
        entry["history"]["stages"][HOSTILE] = entry["history"]["stages"]["vq_nmse"]
    for row in result["rows"]:
        if row["metric"] == "tied_tokens":
            row["metric"] = row["stage"] = HOSTILE
    for row in result["switched"]:
        row["defect"] = HOSTILE
    for found in result["findings"]:
        candidate = {"defects": [HOSTILE], "explained": 1.0, "strengths": {HOSTILE: 1.0}}
        found.update(defects=[HOSTILE], sentence=HOSTILE, agreement={HOSTILE: 0.5}, candidates=[candidate])
    card = result["provenance"]
    card.update(dict.fromkeys(("command", "machine", "backend"), HOSTILE))
    card["versions"] = card["conventions"] = {HOSTILE: HOSTILE}
    return result


def checkpoint(name, number):
    stages = ("vq_nmse", "symbol_nmse", "received_nmse", "llr_nmse", "index_disagreement", "embedding_nmse")
    epochs = list(range(1, 31))
    history = {
        stage: [None if epoch == 4 else 0.8 / (1 + place) * 0.9**epoch for epoch in epochs]
        for place, stage in enumerate((*stages, "feature_nmse"))
    }
    return {
        "name": name,
        "path": "runs/demo/checkpoints/best_hard_model.pt",
        "link": "16 tokens × 6 bits, 24 symbols of 16-QAM, AWGN, APP, posterior mean",
        "data": "mnist5k",
        "images": 1000,
        "draws": 4,
        "tied_tokens": 35,
        "images_left_out": 0,
        "epoch": 27,
        "trained_snr_db": 8.0 if number == 0 else [-5.0, 0.0],
        "verdict": "The deployed path loses 0.1 points of accuracy at 8 dB, which is within the interval. "
        "Most of the mismatch arises in the vector quantizer.",
        "one_function": ["front end", "received", "demap", "decode", "decide"],
        "surrogate": None if number == 0 else "package.module:surrogate",
        "history": {"epochs": epochs, "alignment_start_epoch": 16, "stages": history},
    }


def valued(key, value, width, **more):
    return {**key, **more, "value": value, "low": value - width, "high": value + width}


def accuracies(snr, number, temp=0.7):
    hard = 0.98 - (0.03 + 0.02 * number) * math.exp(-snr / 6)
    return hard, hard - 0.02 * temp * (1 + number)


def rows(key, number):
    snr, vq, symbol = key["snr_db"], key["vq_temp"], key["symbol_temp"]
    hard, soft = accuracies(snr, number, vq)
    noise = math.exp(-snr / 8)
    values = {
        "vq_nmse": 0.35 * vq,
        "assignment_confidence": 1 - 0.3 * vq,
        "tied_tokens": 0.0,
        "assignment_perplexity": 51.2,
        "symbol_nmse": 0.3 * symbol * vq,
        "symbol_evm_db": -6.2,
        "power_error_db": -1.1,
        "received_nmse": 0.2 * symbol / (1 + noise),
        "llr_nmse": 0.25 * symbol / (1 + noise),
        "llr_sign_disagreement": 0.02 * noise,
        "soft_mean_llr": 6.0 / (1 + noise),
        "hard_mean_llr": 8.0 / (1 + noise),
        "index_disagreement": 0.03 * noise,
        "embedding_nmse": 0.8 * vq * symbol,
        "feature_nmse": 0.12 * vq,
        "feature_cosine": 0.97,
        "soft_accuracy": soft,
        "hard_accuracy": hard,
        "gap": soft - hard,
        "soft_cross_entropy": 0.11 + 0.05 * noise,
        "hard_cross_entropy": 0.09 + 0.05 * noise,
    }
    width = {"soft_accuracy": 0.01, "hard_accuracy": 0.01, "gap": 0.005}
    return [
        valued(key, value, width.get(metric, 0.05 * abs(value)), stage=STAGE_OF[metric], metric=metric)
        for metric, value in values.items()
    ]


def attribution(key, number):
    hard, soft = accuracies(key["snr_db"], number)
    parts = {"VQ": 0.7, "symbol": 0.5, "receiver": -0.2, "total": 1.0}
    surrogates = ("audited",) if number == 0 else ("audited", "exact")
    for surrogate, measure, (place, share) in product(
        surrogates, ("accuracy", "cross_entropy"), parts.items()
    ):
        total = soft - hard if measure == "accuracy" else 0.02
        value = total * share * (1.0 if surrogate == "audited" else 0.3)
        yield valued(key, value, 0.2 * abs(total), surrogate=surrogate, measure=measure, place=place)


def finding(key, number):
    if number == 0:
        return {
            **key,
            "snr_db": None,
            "verdict": "none",
            "defects": [],
            "sentence": "The surrogate has no defect.",
            "agreement": {"map": 1e-7, "received": 0.0, "demap": 2e-7, "decide": 1e-7},
            "candidates": [],
        }
    candidates = [
        {"defects": ["llr-scale"], "explained": 0.98, "strengths": {"llr-scale": 2.0}},
        {"defects": ["llr-scale", "radius-1"], "explained": 0.7, "strengths": {"llr-scale": 1.8}},
        {"defects": ["radius-1"], "explained": 0.1, "strengths": {"radius-1": None}},
    ]
    found = {
        "verdict": "explained",
        "defects": ["llr-scale"],
        "sentence": "The surrogate differs from the exact one by llr-scale (strength 2).",
        "agreement": {"map": 1e-7, "received": 0.0, "demap": 1.0, "decide": 1e-7},
        "candidates": candidates,
    }
    return {**key, "snr_db": None, **found}


def switched(key, number):
    _, soft = accuracies(key["snr_db"], number)
    defects = ("per-bit-grouping", "distance-softmax", "llr-scale", "transmit-statistics")
    for place, defect in enumerate(defects):
        accuracy = soft - 0.01 * place
        ends = {"soft_accuracy": accuracy, "low": accuracy - 0.01, "high": accuracy + 0.01}
        over_all = {name: value for name, value in key.items() if name != "snr_db"}
        yield {**over_all, "defect": defect, **ends, "embedding_nmse": 0.4 + 0.1 * place}


def calibration(key, number):
    for path, llr in product(("hard", "soft"), (0.5, 1.5, 2.5, 3.5, 5.0, 7.0, 9.0, 12.0, 18.0)):
        slope = 1.0 if path == "hard" or number == 0 else 0.55
        measured = 1.0 if llr > 10 else 1 / (1 + math.exp(-slope * llr))
        low = max(measured - 0.3 * (1 - measured), 0.5) if measured < 1 else 0.9995
        high = measured + 0.3 * (1 - measured)
        claimed = 1 / (1 + math.exp(-llr))
        yield {
            **key,
            "path": path,
            "llr": llr,
            "claimed": claimed,
            "measured": measured,
            "low": low,
            "high": high,
            "bits": 5000,
        }


def information(key, number):
    capacity = 1 / (1 + math.exp(-(key["snr_db"] - 3) / 3.5))
    for path, loss in (("hard", 0.01), ("soft", 0.05)):
        scale = 1.0 if path == "hard" or number == 0 else 0.55
        more = {"path": path, "best_scale": scale, "capacity": capacity}
        yield valued(key, capacity * (1 - loss), 0.01, **more)


def constellation(key):
    hard = [[real, imaginary] for real in GRID for imaginary in GRID]
    soft = [
        [real * shrink, imaginary * shrink]
        for shrink in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
        for real, imaginary in hard
    ]
    spread = 0.5 * 10 ** (-key["snr_db"] / 20)
    axis = [-EXTENT + (2 * place + 1) * EXTENT / CELLS for place in range(CELLS)]

    def density(points):
        centres = sorted({point[0] for point in points})
        along = [[math.exp(-(((x - centre) / spread) ** 2)) for x in axis] for centre in centres]
        profile = [sum(line[place] for line in along) for place in range(CELLS)]
        return [[round(10 * above * across) for across in profile] for above in profile]

    return {
        **key,
        "extent": EXTENT,
        "hard_points": hard,
        "soft_points": soft,
        "hard_density": density(hard),
        "soft_density": density(soft),
    }


def differences(names, snrs):
    found = []
    for snr, (place, path) in product(snrs, enumerate(("hard", "soft"))):
        value = accuracies(snr, 0)[place] - accuracies(snr, 1)[place]
        found.append(valued({"first": names[0], "second": names[1], "snr_db": snr}, value, 0.01, path=path))
    return found
