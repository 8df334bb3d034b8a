"""A network of a bundle, run by ONNX Runtime on one thread."""

import os
from pathlib import Path

import numpy as np

from linksim import checks
from linksim.deploy.bundle_files import read_bytes
from linksim.deploy.manifest import Manifest
from linksim.deploy.onnx_model import frames_at_once


class Network:
    """A network with one input and named outputs, all float32 with frames as their first axis.

    Args:
        folder: of the bundle.
        name: of the file in it.
        manifest: of the bundle.
        inputs: shape of the input without its first axis.
        outputs: shapes of the outputs without their first axes.

    Raises:
        FileNotFoundError, ValueError: if the file is missing, altered, no ONNX model, or of another shape.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        manifest: Manifest,
        inputs: tuple[int, ...],
        outputs: tuple[tuple[int, ...], ...],
    ) -> None:
        content = read_bytes(folder, name, manifest)
        self._frames = frames_at_once(content, str(folder / name), inputs)
        self._path, self._outputs = folder / name, outputs
        runtime = _onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is wrong comes as an exception
        try:
            self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's exceptions have no common class
            raise ValueError(
                f"{self._path} is no model that ONNX Runtime can run: {checks.one_line(error)}"
            ) from error
        given, made = self._session.get_inputs(), self._session.get_outputs()
        kinds = {one.type for one in (*given, *made)}
        if len(given) != 1 or len(made) != len(outputs) or kinds != {"tensor(float)"}:
            raise ValueError(
                f"{self._path} must have one input and {len(outputs)} outputs of float32, got {len(given)} "
                f"and {len(made)} of {', '.join(sorted(kinds))}"
            )
        self._name = given[0].name

    def __call__(self, frames: np.ndarray) -> list[np.ndarray]:
        """Run on [F, ...] float32.

        Raises:
            ValueError: if the network fails, or gives other shapes than the manifest says, or no numbers.
        """
        few = self._frames
        parts = [self._run(frames[i : i + few]) for i in range(0, len(frames), few)]
        if not parts:
            return [np.zeros((0, *shape), np.float32) for shape in self._outputs]
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def _run(self, frames: np.ndarray) -> list[np.ndarray]:
        try:
            results = [np.asarray(one) for one in self._session.run(None, {self._name: frames})]
        except Exception as error:
            raise ValueError(f"{self._path} cannot be run: {checks.one_line(error)}") from error
        for result, shape in zip(results, self._outputs, strict=True):
            if result.shape != (len(frames), *shape):
                raise ValueError(
                    f"{self._path} gives {list(result.shape)}, but the manifest says [frames, "
                    f"{', '.join(map(str, shape))}]"
                )
            if not np.isfinite(result).all():
                raise ValueError(f"{self._path} gives values that are not finite")
        return results


def _onnxruntime():
    # It would otherwise ask a server about its telemetry on some platforms, and count the host's processors.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise ValueError("running a bundle needs ONNX Runtime: pip install onnxruntime") from None
    return onnxruntime
