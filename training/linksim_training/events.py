"""Events for TensorBoard, written at once.

The writers of torch and TensorBoard write in a thread of their own, where a full disk is told by a traceback.
"""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

SHARES = np.array([0.0, *np.geomspace(1e-6, 1.0, 121)])
"""Edges of the bins of histograms."""


class Events:
    """A new file of events in a folder, which is made if missing.

    Args:
        folder: usually `tensorboard/`.
        first_step: TensorBoard forgets what earlier files of the folder say of this step and later ones.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        log = _messages().SessionLog
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self.path = folder / name
        self._append(
            {"file_version": "brain.Event:2"},
            {"step": first_step, "session_log": log(status=log.START)},
        )

    def write(
        self, step: int, scalars: Mapping[str, float], histograms: Mapping[str, Sequence[float]]
    ) -> None:
        """Append the figures of a step; histograms are of shares, between 0 and 1."""
        from torch.utils.tensorboard.summary import histogram, scalar

        summaries = [scalar(name, value) for name, value in scalars.items()]
        summaries += [histogram(name, np.asarray(values), SHARES) for name, values in histograms.items()]
        self._append(*({"step": step, "summary": summary} for summary in summaries))

    def _append(self, *events: dict[str, Any]) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        try:
            with self.path.open("ab") as file:
                writer = RecordWriter(file)
                for event in events:
                    writer.write(_messages().Event(wall_time=time.time(), **event).SerializeToString())
        except OSError as error:  # a full disk is told without a name
            raise OSError(error.errno, error.strerror, str(self.path)) from error


def _messages() -> Any:
    """TensorBoard's messages, classes that are made when they are imported, unknown to type checkers."""
    return import_module("tensorboard.compat.proto.event_pb2")
