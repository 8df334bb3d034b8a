"""What the layer leaves alone, and what it does not leave behind."""

import gc
import os
import random
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from helpers.keras_links import SMALL, classifier, small_layer, some_latents
from tensorflow.python.eager import context
from tensorflow.python.ops import script_ops

from linksim.interop.keras import LinkLayer


def global_states():
    """Of torch, NumPy, Python, TensorFlow and Keras."""
    keras_seed = keras.src.random.seed_generator.global_seed_generator()
    return (
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        np.random.get_state()[2],  # noqa: NPY002
        random.getstate(),
        tf.random.get_global_generator().state.numpy().tolist(),
        context.context()._rng.getstate(),  # seeds of operations
        keras_seed.state.numpy().tolist(),
    )


def test_global_generators_stay_as_they_are():
    tf.random.set_seed(5)  # without, TensorFlow has no state to look at
    before = global_states()
    layer = LinkLayer(SMALL, snr_db=(0, 10), backward="gumbel")
    assert global_states() == before
    latents = tf.constant(some_latents(SMALL, 40))
    layer.adapt(latents)
    assert global_states() == before
    for call in (layer, tf.function(layer)):
        for training in (False, True):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(call(latents, training=training))
            tape.gradient(loss, layer.codebook.value)
            assert global_states() == before


def test_results_do_not_depend_on_global_seeds():
    latents, found = some_latents(SMALL), []
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        for seed in (1, 2):
            keras.utils.set_random_seed(seed)
            torch.manual_seed(seed)
            layer = small_layer()
            found.append(
                (layer.codebook.numpy(), layer(latents).numpy(), layer(latents, training=True).numpy())
            )
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        random.setstate(before[2])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def objects():
    """How many tensors and remembered functions there are."""
    gc.collect()
    kinds = [type(one) for one in gc.get_objects()]
    return {
        "torch": sum(issubclass(kind, torch.Tensor) for kind in kinds),
        "tapes": sum(issubclass(kind, tf.GradientTape) for kind in kinds),
        "remembered tapes": len(script_ops.tape_cache),
        "functions": script_ops._py_funcs.size(),
        "of the graph": len(getattr(tf.compat.v1.get_default_graph(), "_py_funcs_used_in_graph", [])),
    }


@pytest.mark.parametrize("use", ["forward", "forward under a tape", "forward and backward"])
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_nothing_is_left_behind(mode, use):
    """Neither contexts nor functions, after forward passes without backward passes and with them."""
    layer, latents = small_layer(), tf.constant(some_latents(SMALL))
    call = layer if mode == "eager" else tf.function(layer)

    def once():
        if use == "forward":
            call(latents, training=True)
            return
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(call(latents, training=True))
        if use == "forward and backward":
            tape.gradient(loss, layer.codebook.value)

    for _ in range(3):
        once()
    before = objects()
    for _ in range(50):
        once()
    assert objects() == before


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_memory_does_not_grow(mode):
    """The peak, over 100 forward passes under tapes, whose contexts in torch would be megabytes each."""
    layer, latents = small_layer(), tf.constant(some_latents(SMALL, 2000))
    call = layer if mode == "eager" else tf.function(layer)

    def passes(count):
        for _ in range(count):
            with tf.GradientTape():
                call(latents, training=True)
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux

    before = passes(10)
    assert passes(100) - before < 40 * 2**10


def test_threads_share_a_layer():
    """Each transmission, there and back, is whole, as if the others were not."""
    layer, weight = small_layer(), some_latents(SMALL, 300, seed=9)

    def gradients(latents):
        given = tf.constant(latents)
        with tf.GradientTape() as tape:
            tape.watch(given)
            loss = tf.reduce_sum(weight * layer(given) ** 2)
        return [one.numpy() for one in tape.gradient(loss, [given, layer.codebook.value])]

    batches = [some_latents(SMALL, 300, seed=seed) for seed in range(40)]
    expected = [gradients(one) for one in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(gradients, batches))
    for mine, other in zip(found, expected, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine, other, strict=True))


def run(program, **environment):
    paths = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_another_backend_is_refused():
    result = run("import linksim.interop.keras", KERAS_BACKEND="torch")
    assert result.returncode == 1
    assert "ImportError: linksim.interop.keras needs the TensorFlow backend of Keras: set" in result.stderr
    assert "got 'torch'" in result.stderr


@pytest.mark.parametrize("missing", ["tensorflow", "keras"])
def test_what_is_missing_is_named(missing):
    result = run(f"import sys; sys.modules[{missing!r}] = None\nimport linksim.interop.keras")
    assert result.returncode == 1
    assert "pip install 'linksim[tensorflow]'" in result.stderr


def test_importing_linksim_imports_no_tensorflow():
    program = "import sys, linksim, linksim.interop\nfrom linksim import Link\n"
    result = run(program + "assert not {'tensorflow', 'keras'} & set(sys.modules)")
    assert result.returncode == 0, result.stderr


def test_xla_is_left_out():
    """Keras compiles by XLA where it can, which cannot run torch."""
    model = classifier(small_layer())
    model.compile("sgd", "mse")
    assert not model.jit_compile
