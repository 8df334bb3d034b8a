"""`linksim train`: two-phase training, both paths tested, the run written to a folder."""

import shlex
import signal
import sys
from collections.abc import Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from linksim import Link, files, provenance
from linksim.console import console, progress_on, table_of
from linksim.seeds import stream
from linksim_training import report
from linksim_training.build import AnyModel, build_model, build_routed_model
from linksim_training.checkpoints import load_any_checkpoint
from linksim_training.data import ImageData, load_data
from linksim_training.devices import make_fabric
from linksim_training.evaluate import evaluate
from linksim_training.interruption import Interrupted, StopRequest
from linksim_training.loop import History, fit
from linksim_training.noiseless import LEARNING_RATE_FACTORS, fit_noiseless
from linksim_training.nonfinite import Diverged
from linksim_training.parts import links_of
from linksim_training.run_folder import RunFolder
from linksim_training.summary import summarise
from linksim_training.train_options import TrainOptions, read_options

VALIDATION_BATCH = 500


def main(arguments: Sequence[str]) -> int | None:
    """Serve `linksim train`; returns an exit code if the training was interrupted."""
    options = read_options(arguments)
    config = options.config
    files.check_writable(options.run.run_dir / "summary.json", options.run.json)
    folder = RunFolder(options.run.run_dir, options.run.overwrite, options.run.resume)
    torch.set_num_threads(options.run.threads)
    data = load_data(options.run.dataset, options.run.data_dir)
    fabric = make_fabric(config)
    fabric.launch()
    target = console(options.run.quiet or not fabric.is_global_zero)
    model = _build(data, options)
    target.print(_introduction(data, model, options))
    if config.alignment_start_epoch > config.epochs and fabric.is_global_zero:
        print(
            f"Warning: --alignment-start-epoch {config.alignment_start_epoch} lies beyond --epochs "
            f"{config.epochs}: there is no ALIGNMENT phase",
            file=sys.stderr,
        )
    request = StopRequest()
    try:
        with request.listening(), progress_on(target) as progress:
            history = _train(model, data, options, folder, target, progress, fabric, request)
            if not fabric.is_global_zero:
                return None
            request.at_once()
            summary = _test(data, options, folder, progress, history, fabric.device)
    except Diverged as error:
        if not fabric.is_global_zero:  # the first process speaks for all
            return None
        last = folder.checkpoints / "last_model.pt"
        kept = f"; {last} holds the last good epoch" if last.is_file() and not folder.replaces else ""
        raise ValueError(f"{error}{kept}") from error
    except (Interrupted, KeyboardInterrupt) as stopped:
        if not fabric.is_global_zero:
            return None
        place = [] if options.run.data_dir is None else ["--data-dir", str(options.run.data_dir)]
        again = shlex.join(["linksim", "train", "--resume", "--run-dir", str(folder.path), *place])
        print(f"linksim train: {str(stopped) or 'interrupted'}; go on with: {again}", file=sys.stderr)
        return 128 + (request.signal or signal.SIGINT)
    folder.write_summary(summary)
    if options.run.json is not None:
        files.write_json(options.run.json, {"summary": summary})
    console().print(result_table(summary))
    target.print(f"Run folder: {folder.path}")
    return None


def _build(data: ImageData, options: TrainOptions) -> AnyModel:
    modes, seed = options.routing.pairs, options.config.seed
    if not modes:
        return build_model(data.image_shape, data.classes, options.link, seed)
    header = options.routing.header_symbols
    return build_routed_model(
        data.image_shape, data.classes, modes, options.link, seed, header_symbols=header
    )


def _train(
    model: AnyModel,
    data: ImageData,
    options: TrainOptions,
    folder: RunFolder,
    target: Console,
    progress: Progress,
    fabric: Fabric,
    request: StopRequest,
) -> History:
    config, batch_size = options.config, options.run.batch_size
    train = data.loader("train", batch_size, stream(config.seed, "order"))
    metadata = {"data": data.name, "snr_db": options.run.snr_db, "options": options.as_dict()}
    writes = fabric.is_global_zero
    state = folder.load_state() if options.run.resume else None
    done = 0 if state is None else (state["epoch"] - 1) * len(train) + state["batch"]
    training = progress.add_task("training", total=config.epochs * len(train), completed=done)
    if options.run.resume and fabric.is_global_zero:
        where = "nothing to go on from, so from the start"
        if state is not None:
            where = f"epoch {state['epoch']}, after {state['batch']} of {len(train)} batches"
        target.print(f"Resuming {folder.path}: {where}")
    if writes and state is not None:
        folder.go_on()
    elif writes and not folder.replaces:
        folder.begin(options.as_record())

    def on_batch() -> None:
        if writes and folder.replaces:  # a training that fails before leaves an earlier run alone
            folder.begin(options.as_record())
        progress.advance(training)

    def on_epoch(model: AnyModel, row: dict[str, Any]) -> None:
        if not writes:
            return
        folder.add_epoch(model, row, metadata)
        target.print(report.epoch_lines(row))
        if row["epoch"] + 1 == config.alignment_start_epoch <= config.epochs:
            for name in ("vq_temp", "symbol_temp"):
                line = report.jump_warning(row[name], getattr(config, name)(row["epoch"] + 1), name)
                if line is not None:
                    target.print(line)

    history = fit(
        model,
        train,
        data.loader("validation", VALIDATION_BATCH),
        config,
        snr_db=options.run.snr_db,
        on_epoch=on_epoch,
        on_batch=on_batch,
        on_state=folder.save_state if writes else None,
        state=state,
        stop=request,
        fabric=fabric,
    )
    if history.aligned and writes:
        target.print("✓ Hard-soft alignment achieved!")
    return history


def _test(
    data: ImageData,
    options: TrainOptions,
    folder: RunFolder,
    progress: Progress,
    history: History,
    device: torch.device,
) -> dict[str, Any]:
    config, batch_size = options.config, options.run.batch_size
    model, metadata = load_any_checkpoint(folder.checkpoints / "best_hard_model.pt")
    noiseless = None
    if not options.run.skip_noiseless:
        steps = len(LEARNING_RATE_FACTORS) * config.epochs * len(data.loader("train", batch_size))
        baseline = progress.add_task("noiseless baseline", total=steps)
        assert model.spec is not None
        noiseless = fit_noiseless(
            data, model.spec, config, batch_size, device, lambda: progress.advance(baseline)
        )
    test = evaluate(
        model.to(device),
        data.loader("test", VALIDATION_BATCH),
        options.run.snr_db,
        stream(config.seed, "test draws"),
        config,
        "ALIGNMENT",
        alone=True,
    )
    summary = summarise(model, test, history, options.run.snr_db, noiseless)
    return {
        **summary,
        "checkpoint": "checkpoints/best_hard_model.pt",
        "checkpoint_epoch": metadata["epoch"],
        "provenance": provenance.card(config.seed, links_of(model)[0].modem.backend, options.as_dict()),
    }


def _introduction(data: ImageData, model: AnyModel, options: TrainOptions) -> str:
    sizes = "/".join(str(len(data.part(part)[1])) for part in ("train", "validation", "test"))
    shape = " x ".join(map(str, data.image_shape))
    config, more = options.config, ""
    if config.snr_db_range is not None:
        low, high = config.snr_db_range
        more += f"\ntraining and validation: Es/N0 of each frame from {low:g} to {high:g} dB"
    if config.backward_temperatures != (None, None):
        vq, symbol = (
            "that of the epoch" if one is None else f"{one:g}" for one in config.backward_temperatures
        )
        more += (
            "\ngradients, and with them entropies, soft and consistency terms of training, at temperatures "
            f"of {vq} (vq) and {symbol} (symbol); validation at those of the epoch"
        )
    return (
        f"{data.name}: {sizes} images for training/validation/test, {shape}, {data.classes} classes\n"
        + "\n".join(_link_line(link, options) for link in links_of(model))
        + more
    )


def _link_line(link: Link, options: TrainOptions) -> str:
    layout, snr_db = link.layout, options.run.snr_db
    return (
        f"link: {layout.tokens} tokens x {layout.bits_per_token} bits = {layout.information_bits} bits in "
        f"{layout.symbols} symbols of {link.modem.modulation_name}, {link.config.channel}, "
        f"Es/N0 {snr_db:g} dB (Eb/N0 {layout.ebno_db(snr_db):.2f} dB)"
    )


def result_table(summary: dict[str, Any]) -> Table:
    """The result of a run as a table of accuracies and paired differences, with intervals in percent."""
    title = f"Test accuracy, {summary['samples']} images, Es/N0 {summary['snr_db']:g} dB, 95 % intervals"
    rows = {
        **({} if "hard_mean" in summary else {"hard (as deployed)": "hard"}),
        "hard, posterior-mean receiver": "hard_mean",
        "hard, MAP receiver": "hard_map",
        "soft": "soft",
        "noiseless (no link)": "noiseless",
        "gap: soft minus hard, paired": "gap",
        "noiseless minus hard, paired": "noiseless_gap",
    }
    cells = []
    for label, name in rows.items():
        if name in summary:
            figure = summary[name]
            value, low, high = figure.get("accuracy", figure.get("value")), figure["low"], figure["high"]
            cells.append([label, f"{100 * value:.1f}", f"{100 * low:.1f} … {100 * high:.1f}"])
    return table_of(title, ["path", "percent", "interval"], cells)
