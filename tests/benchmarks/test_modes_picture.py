"""The picture of `linksim modes`, for any number of modes and SNRs, with or without a trained router."""

import io

import pytest

from linksim_benchmarks.modes.picture import modes_figure


def rows_of(modes, snr_db, policies):
    """Rows as the command makes them."""
    rows = []
    for snr in snr_db:
        fixed = [("fixed", mode, None) for mode in range(modes)]
        for place, (policy, mode, price) in enumerate([*fixed, *policies]):
            accuracy, symbols = 0.5 + 0.4 * place / (modes + 3) + snr / 1000, 10.0 + 3 * place
            usage = {f"usage_{one}": float(one == (mode or 0)) for one in range(modes)}
            line = {"above_line": 0.01, "above_line_low": 0.0, "above_line_high": 0.02}
            ends = {"accuracy": accuracy, "low": accuracy - 0.01, "high": accuracy + 0.01}
            head = {"policy": policy, "mode": mode, "lambda_sym": price, "snr_db": snr}
            rows.append({**head, **ends, "symbols": symbols, "bits": 20.0, **usage, **line})
    return rows


REFITTED = [("refitted", None, 0.0), ("refitted", None, 0.01)]


@pytest.mark.parametrize("policies", [REFITTED, [("router", None, 0.002), *REFITTED]], ids=["", "trained"])
@pytest.mark.parametrize("snr_db", [[8.0], [0.0, 5.0, 10.0, 15.0, 20.0]], ids=str)
@pytest.mark.parametrize("modes", [1, 4, 11])
def test_pictures(modes, snr_db, policies):
    """Every mode is named once in the legend."""
    names = [f"mode {number}." for number in range(modes)]
    figure = modes_figure(rows_of(modes, snr_db, policies), names)
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend() is not None]
    assert legends
    for legend in legends:
        shown = [text.get_text() for text in legend.get_texts()]
        assert all(shown.count(name) == 1 for name in names)
    shown = [snr for snr in (5.0, 10.0, 15.0) if snr in snr_db] or snr_db
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title] == [f"Es/N0 {snr:g} dB" for snr in shown]
