"""The link as a layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from linksim import checks
from linksim.config import LinkConfig
from linksim.gradients import Backward
from linksim.interop.keras.backend import TfTensor, keras, tf
from linksim.interop.keras.exchange import transmit
from linksim.interop.keras.inputs import Inputs, check_shapes, split
from linksim.interop.keras.losses import commitment as commitment_loss
from linksim.interop.keras.settings import (
    MIXED,
    dtype_setting,
    gradient_setting,
    link_config,
    snr_setting,
    temperature,
)
from linksim.interop.keras.start import first_codebook
from linksim.interop.keras.torch_link import TorchLink
from linksim.link import PATHS

LARGEST_SEED = 2**63 - 1


@keras.saving.register_keras_serializable(package="linksim")
class LinkLayer(keras.layers.Layer):
    """A digital link from latents [B, N, D] to embeddings [B, N, D], in float32 or float64.

    The torch `Link` itself transmits. While training, the embedding has the values of the path `forward` and
    the gradient `backward`, for the latents and for the codebook; otherwise it is what the deployed link
    receives, bit for bit. Latents and embeddings pass between TensorFlow and torch without being copied, on
    the CPU. The gradient is differentiable no further.

    Called with latents alone, or with a list of up to three: latents; `snr_db` [B] or [B, 1], Es/N0 of each
    frame in dB; `frame` [B] or [B, 1], integers from 0 on, the number of each frame.

    What is random about a frame depends on `seed` and on its number, and in training on the number of the
    step, too; not on the frames beside it. A frame without a number has that of its place in the batch. So
    inference is repeatable, and frames at the same place of two batches meet the same noise; numbers give
    each its own. The global generators of torch, TensorFlow and NumPy stay as they are.

    Args:
        config: of the link, or its dictionary; points of one's own cannot be saved and are refused.
        snr_db: Es/N0 in dB of frames that come without: a number, or (low, high), from which each frame draws
            its own. None if all come with theirs.
        forward: "hard" or "soft", the path whose values count in training.
        backward: the gradient in training, as in `Link.forward`: a name, or a number for each of several.
        commitment: weight of the commitment loss, the trainer's "vq", among the layer's `losses`.
        vq_temp, symbol_temp: temperatures of the soft path.
        seed: of the initial codebook and of all draws.
        kwargs: `name`, `dtype` and `trainable`. Mixed policies are fine: the link runs in the precision of
            the weights, and embeddings come out in that of the computations.

    Attributes:
        codebook: [K, D] trainable weight.
        step: [] int64 weight, the number of training steps so far.

    Raises:
        TypeError, ValueError: if an argument, or a shape at a call, is wrong, naming it.
        tensorflow.errors.InvalidArgumentError: inside `tf.function`, for values that are wrong, such as
            latents that are not finite; in eager mode ValueError.

    Example:
        >>> layer = LinkLayer(LinkConfig(tokens=4, codebook_size=16), snr_db=8.0)
        >>> layer(tf.zeros((2, 4, 16))).shape
        TensorShape([2, 4, 16])
    """

    def __init__(
        self,
        config: LinkConfig | Mapping[str, Any],
        *,
        snr_db: float | Sequence[float] | None = None,
        forward: str = "hard",
        backward: Backward = MIXED,
        commitment: float = 0.1,
        vq_temp: float = 0.7,
        symbol_temp: float = 0.7,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        config, snr_db = link_config(config), snr_setting(snr_db)
        backward = gradient_setting(backward)
        seed = checks.whole("seed", seed, 0, LARGEST_SEED)
        dtype = dtype_setting(self.variable_dtype)
        self.config, self.snr_db, self.backward, self.seed = config, snr_db, backward, seed
        self.commitment = checks.real("commitment", commitment, least=0)
        self.supports_jit = False  # XLA compiles no torch
        self.torch_link = TorchLink(config, getattr(torch, dtype), seed, snr_db, backward)
        points = self.torch_link.link.codebook.detach().numpy()
        self.codebook = self._weight("codebook", dtype, points, trainable=True)
        self.step = self._weight("step", "int64", 0)
        self._vq_temp = self._weight("vq_temp", "float64", temperature("vq_temp", vq_temp))
        self._symbol_temp = self._weight("symbol_temp", "float64", temperature("symbol_temp", symbol_temp))
        self._hard = self._weight("hard", "int32", int(checks.one_of("forward", forward, PATHS) == "hard"))

    @property
    def vq_temp(self) -> float:
        """Temperature of the assignment; may be set at any time, also between steps of `fit`."""
        return float(self._vq_temp.numpy())

    @vq_temp.setter
    def vq_temp(self, value: float) -> None:
        self._vq_temp.assign(temperature("vq_temp", value))

    @property
    def symbol_temp(self) -> float:
        """Temperature of the symbols; may be set at any time."""
        return float(self._symbol_temp.numpy())

    @symbol_temp.setter
    def symbol_temp(self, value: float) -> None:
        self._symbol_temp.assign(temperature("symbol_temp", value))

    @property
    def forward(self) -> str:
        """Path whose values count in training, "hard" or "soft"; may be set at any time."""
        return PATHS[1 - int(self._hard.numpy())]

    @forward.setter
    def forward(self, value: str) -> None:
        self._hard.assign(int(checks.one_of("forward", value, PATHS) == "hard"))

    def build(self, input_shape: Any) -> None:
        """Check the shapes of the inputs; the weights are there from the start."""
        check_shapes(self.config, input_shape, self.snr_db is not None)
        self.built = True

    def call(self, inputs: Inputs, training: bool | None = None) -> TfTensor:
        """Embeddings [B, N, D] received for latents, alone or in a list; see the class."""
        latents, snr_db, frame = split(inputs)
        check_shapes(self.config, [one.shape for one in (latents, snr_db, frame) if one is not None], True)
        dtype = self.variable_dtype
        signals = {
            "latents": tf.cast(latents, dtype),
            "codebook": tf.convert_to_tensor(self.codebook.value),
            "step": tf.identity(self.step.value),
            "vq_temp": tf.convert_to_tensor(self._vq_temp.value),
            "symbol_temp": tf.convert_to_tensor(self._symbol_temp.value),
            "hard": tf.convert_to_tensor(self._hard.value),
        }
        if snr_db is not None:
            signals["snr_db"] = tf.cast(tf.reshape(snr_db, [-1]), dtype)
        if frame is not None:
            signals["frame"] = tf.cast(tf.reshape(frame, [-1]), "int64")
        embedding, nearest = transmit(self.torch_link, signals, bool(training))
        if training:
            self.step.assign_add(1)
        if self.commitment:
            loss = commitment_loss(signals["latents"], signals["codebook"], nearest)
            self.add_loss(tf.cast(self.commitment * loss, keras.config.floatx()))
        return tf.cast(embedding, self.compute_dtype)

    def adapt(self, latents: Any) -> None:
        """Set the codebook to the k-means centres of latents, as linksim's trainer does before it trains.

        Args:
            latents: [n, N, D] of some hundreds of training images, by the untrained encoder.

        Raises:
            ValueError: if the shape is wrong, a number not finite, or fewer of them differ than there are
                codewords.
        """
        given = torch.as_tensor(np.array(latents), dtype=self.torch_link.link.codebook.dtype)
        check_shapes(self.config, tuple(given.shape), True)
        normalised = self.torch_link.link.quantize.normalise(given).flatten(0, 1)
        self.codebook.assign(first_codebook(normalised.numpy(), self.config.codebook_size, self.seed))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(B, N, D), whatever comes beside the latents.

        Raises:
            ValueError: if the shapes do not fit the link.
        """
        return check_shapes(self.config, input_shape, self.snr_db is not None)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Shape and type of the embeddings for symbolic inputs."""
        given = [one.shape for one in split(inputs) if one is not None]
        return keras.KerasTensor(self.compute_output_shape(given), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """What the layer is made of, in plain numbers, names and lists; temperatures and path as they are."""
        own = {
            "config": self.config.as_dict(),
            "snr_db": list(self.snr_db) if isinstance(self.snr_db, tuple) else self.snr_db,
            "forward": self.forward,
            "backward": self.backward if isinstance(self.backward, str) else dict(self.backward),
            "commitment": self.commitment,
            "vq_temp": self.vq_temp,
            "symbol_temp": self.symbol_temp,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> Any:
        """What TensorFlow saves with the layer; refuses to be exported, which else fails only at the use."""
        if save_type == "savedmodel":
            raise ValueError(
                f"layer {self.name!r} cannot go into a SavedModel, which holds no torch: save the model by "
                "model.save('model.keras')"
            )
        return super()._trackable_children(save_type, **kwargs)

    def _weight(self, name: str, dtype: str, value: Any, trainable: bool = False) -> Any:
        """A weight that starts from a value, draws nothing, and is never rounded by a mixed policy."""
        return self.add_weight(
            shape=np.shape(value),
            dtype=dtype,
            initializer=lambda shape, dtype: tf.constant(value, dtype=dtype, shape=shape),
            trainable=trainable,
            autocast=False,
            name=name,
        )
