"""A torch function as a differentiable TensorFlow operation; tensors go to and fro without being copied."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from linksim.interop.keras.backend import TfTensor, tf
from linksim.interop.keras.torch_link import TorchLink

ALIGNMENT = 64
"""Bytes to which TensorFlow's kernels insist that memory is aligned."""


def transmit(link: TorchLink, signals: Mapping[str, TfTensor], training: bool) -> tuple[TfTensor, TfTensor]:
    """Send latents over a torch link, eagerly or in a graph.

    Differentiable once, in "latents" and "codebook".

    Args:
        link: what sends them, on the CPU.
        signals: by name, as `TorchLink` has them.
        training: whether the draws are those of training.

    Returns:
        [B, N, D] embedding and [B, N] int64 codewords nearest to the latents.
    """
    others = {name: one for name, one in signals.items() if name not in ("latents", "codebook")}
    names = ("latents", "codebook", *others)

    def values(*tensors: Tensor) -> tuple[Tensor, ...]:
        return link.values(dict(zip(names, tensors, strict=True)), training)

    def gradients(upstream: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        return link.gradients(dict(zip(names, tensors, strict=True)), training, upstream)

    @tf.custom_gradient
    def sent(latents: TfTensor, codebook: TfTensor) -> Any:
        dtype, given = latents.dtype, (latents, codebook, *others.values())
        embedding, nearest = _by_torch(values, given, (dtype, tf.int64))
        embedding.set_shape(latents.shape)
        nearest.set_shape(latents.shape[:2])

        def gradient(upstream: TfTensor, _: TfTensor) -> list[TfTensor]:
            found = _by_torch(gradients, (upstream, *given), (dtype, dtype))
            for one, of in zip(found, (latents, codebook), strict=True):
                one.set_shape(of.shape)
            return found

        return (embedding, nearest), gradient

    return sent(signals["latents"], signals["codebook"])


def _by_torch(
    function: Callable[..., Sequence[Tensor]], tensors: Sequence[TfTensor], dtypes: Sequence[Any]
) -> list[TfTensor]:
    """Tensors of these types that a torch function makes of others."""

    def run(*given: TfTensor) -> list[TfTensor]:
        return [_to_tensorflow(one) for one in function(*map(_to_torch, given))]

    with tf.device("CPU:0"):
        if tf.executing_eagerly():
            # TensorFlow keeps every function that tf.py_function is called with for ever.
            return run(*map(tf.identity, tensors))
        return tf.py_function(run, tensors, dtypes)


def _to_torch(tensor: TfTensor) -> Tensor:
    return torch.from_dlpack(tf.experimental.dlpack.to_dlpack(tensor))


def _to_tensorflow(tensor: Tensor) -> TfTensor:
    whole = tensor.detach().contiguous()
    if whole.data_ptr() % ALIGNMENT:
        whole = whole.clone()
    return tf.experimental.dlpack.from_dlpack(whole.__dlpack__())
