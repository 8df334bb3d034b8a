"""Loss terms of a link in TensorFlow, equal to those of linksim's trainer."""

from linksim.interop.keras.backend import TfTensor, tf
from linksim.numerics import NORM_EPSILON


def commitment(latents: TfTensor, codebook: TfTensor, nearest: TfTensor) -> TfTensor:
    """Latents to their fixed codewords and codewords to their fixed latents: the term "vq" of the trainer.

    Args:
        latents: [B, N, D] as given to the link.
        codebook: [K, D] of the same type.
        nearest: [B, N] integers, the codeword nearest to each latent.

    Returns:
        [] twice the mean squared difference, with the gradient of one.
    """
    off = tf.reduce_mean(tf.square(normalise(latents) - tf.gather(codebook, nearest)))
    return off + tf.stop_gradient(off)


def normalise(latents: TfTensor) -> TfTensor:
    """[B, N, D] with zero mean and unit variance over D, as the link compares latents with codewords."""
    if latents.shape[-1] == 1:
        return latents
    mean, variance = tf.nn.moments(latents, axes=-1, keepdims=True)
    return (latents - mean) * tf.math.rsqrt(variance + NORM_EPSILON)
