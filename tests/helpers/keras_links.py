"""A Keras layer beside the torch link that it stands for."""

import keras
import numpy as np
import tensorflow as tf
import torch

from linksim import Link, LinkConfig
from linksim.interop.keras import LinkLayer
from linksim.interop.keras.numbered_draws import numbered_draw

CONFIGS = {
    "default": {},
    "4-QAM, map, K=13": {"bits_per_symbol": 2, "codebook_size": 13, "decision": "map"},
    "64-QAM, radius, K=24": {"bits_per_symbol": 6, "codebook_size": 24, "decision": "radius", "radius": 2},
    "LDPC, max-log": {"code": "ldpc", "crc": "CRC11", "demapper": "maxlog", "tokens": 8, "bp_iterations": 5},
    "LDPC, product rule": {"code": "ldpc", "code_gradient": "product", "tokens": 8, "bp_iterations": 5},
    "fading, CSI error": {"channel": "rayleigh-fast", "csi_error": 0.05},
    "hardware": {"adc_bits": 6, "pa_backoff_db": 3.0, "llr_bits": 5, "tokens": 5},
    "BSC": {"channel": "bsc", "modulation": "psk", "bits_per_symbol": 1, "tokens": 5},
    "scalar latents": {"embedding_dim": 1, "codebook_size": 8},
    "faulty surrogate": {"defects": ("per-bit-grouping", "llr-scale")},
}
SMALL = LinkConfig(tokens=3, codebook_size=11, embedding_dim=4)


def config_of(name):
    return LinkConfig(**{"tokens": 4, "codebook_size": 16, "embedding_dim": 6, **CONFIGS[name]})


def some_latents(config, frames=5, seed=0, dtype="float32"):
    shape = (frames, config.tokens, config.embedding_dim)
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def reference(layer):
    """A link of its own with the layer's codebook and temperatures, in its precision."""
    link = Link(layer.config)
    link = link.double() if layer.variable_dtype == "float64" else link
    with torch.no_grad():
        link.codebook.copy_(torch.from_numpy(layer.codebook.numpy()))
    link.vq_temp, link.symbol_temp = layer.vq_temp, layer.symbol_temp
    return link


def layer_draw(layer, link, frames, step=None, snr_db=None, numbers=None):
    """The draw that the layer says it makes: of inference, or of a step of training."""
    names = ("inference",) if step is None else ("training", step)
    numbers = torch.arange(frames) if numbers is None else torch.as_tensor(numbers)
    snr_db = layer.snr_db if snr_db is None else torch.as_tensor(snr_db, dtype=link.codebook.dtype)
    return numbered_draw(link, layer.seed, names, numbers, snr_db, gumbel=layer.backward == "gumbel")


def weighted_gradients(layer, call, latents, weight):
    """Embedding, and the gradients of a weighted sum of it and its square for latents and codebook."""
    given = tf.constant(latents)
    with tf.GradientTape() as tape:
        tape.watch(given)
        embedding = call(given, training=True)
        loss = tf.reduce_sum(weight * (embedding + embedding**2))
    return embedding.numpy(), [one.numpy() for one in tape.gradient(loss, [given, layer.codebook.value])]


def torch_gradients(link, latents, draw, weight, **options):
    """The same by torch alone."""
    given = torch.from_numpy(latents).requires_grad_()
    embedding = link(given, draw, **options).embedding
    loss = (torch.from_numpy(weight) * (embedding + embedding**2)).sum()
    found = torch.autograd.grad(loss, (given, link.codebook), allow_unused=True, materialize_grads=True)
    return embedding.detach().numpy(), [one.numpy() for one in found]


def classifier(layer, classes=2):
    """Latents to logits over the layer."""
    config = layer.config
    latents = keras.Input((config.tokens, config.embedding_dim))
    dense = keras.layers.Dense(classes, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
    return keras.Model(latents, dense(keras.layers.Flatten()(layer(latents))))


def small_layer(**options):
    return LinkLayer(SMALL, **{"snr_db": 6.0, **options})
