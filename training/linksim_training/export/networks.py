"""Encoder and head as ONNX models."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from linksim import checks


def onnx_of(network: nn.Module, example: Tensor, inputs: str, outputs: Sequence[str]) -> bytes:
    """A network as an ONNX model for any number of frames.

    Args:
        network: in evaluation mode, on the CPU.
        example: [2, ...] input.
        inputs: name of the input.
        outputs: names of the outputs.

    Raises:
        ValueError: if the packages are missing, or PyTorch cannot export the network.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise ValueError(f"exporting needs {error.name}: pip install 'linksim[deploy]'") from error
    frames = torch.export.Dim("frames", min=1)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network,
                (example,),
                input_names=[inputs],
                output_names=list(outputs),
                dynamic_shapes=({0: frames},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
            assert program is not None
            return program.model_proto.SerializeToString()
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{type(network).__name__} cannot be exported to ONNX: {checks.one_line(error)}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks about its own parts."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
