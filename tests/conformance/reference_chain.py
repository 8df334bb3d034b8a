"""The hard chain in Sionna 1.2.2 on TensorFlow, on given bits and noise; needs an environment of its own.

    PYTHONPATH=tests python -m conformance.reference_chain OUTPUT.npz [--small]

writes inputs, outputs and versions. Nothing of linksim is imported, and none of its formulas is used: N0
comes from Sionna's `ebnodb2no`, Sionna's own AWGN block scales and adds the noise (its random numbers are
replaced by the given ones), and the order of interleaved bits comes from its LDPC encoder.
"""

import argparse
from unittest.mock import patch

import numpy as np
import sionna
import tensorflow as tf
from conformance.inputs import (
    CRC_BITS,
    DEMAPPERS,
    ITERATIONS,
    Case,
    Frames,
    coded_cases,
    frames_of,
    make_inputs,
    uncoded_cases,
)
from sionna.phy.channel import AWGN
from sionna.phy.fec.crc import CRCDecoder, CRCEncoder
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import Demapper, Mapper
from sionna.phy.utils import ebnodb2no

REAL = {"single": tf.float32, "double": tf.float64}
COMPLEX = {"single": tf.complex64, "double": tf.complex128}

Arrays = dict[str, np.ndarray]


def transmit(case: Case, frames: Frames, bits: tf.Tensor) -> tuple[Arrays, dict[str, tf.Tensor]]:
    """Map, fade, add noise, equalise and demap.

    Args:
        case: what to transmit with.
        frames: noise, gains and Eb/N0.
        bits: [B, S·m] in the order of transmission.

    Returns:
        symbols and received [B, S]; LLRs [B, S·m] by demapper.
    """
    width, precision = case.bits_per_symbol, case.precision
    symbols = Mapper("qam", width, precision=precision)(bits)
    # A Python float would pass through float32 here, also in double precision.
    rate = np.float64(case.information_bits / bits.shape[1])
    variance = ebnodb2no(frames.ebno_db, width, rate, precision=precision)[:, tf.newaxis]
    gain = tf.cast(frames.gain, COMPLEX[precision]) if case.fading else tf.ones_like(symbols)
    noise = tf.cast(frames.noise, COMPLEX[precision])
    with patch("sionna.phy.channel.awgn.complex_normal", lambda *_, **__: noise):
        received = AWGN(precision=precision)(gain * symbols, variance)
    variance = tf.broadcast_to(variance / tf.square(tf.abs(gain)), symbols.shape)
    llrs = {
        method: Demapper(method, "qam", width, precision=precision)(received / gain, variance)
        for method in DEMAPPERS
    }
    return {"symbols": symbols.numpy(), "received": received.numpy()}, llrs


def uncoded(case: Case, frames: Frames) -> Arrays:
    """Run an uncoded case: symbols, received, and the LLRs of the information bits."""
    bits = tf.cast(frames.bits, REAL[case.precision])
    outputs, llrs = transmit(case, frames, tf.pad(bits, [[0, 0], [0, case.pad_bits]]))
    return outputs | {
        f"llr_{method}": llr[:, : case.information_bits].numpy() for method, llr in llrs.items()
    }


def coded(case: Case, frames: Frames) -> Arrays:
    """Run a coded case.

    Returns:
        code_word [B, S·m] in the order of transmission, with padding; symbols, received; llr_app [B, n] in
        the order of the encoder; decoded information bits and crc_ok.
    """
    bits = tf.cast(frames.bits, REAL[case.precision])
    sizes, precision = (case.message_bits, case.code_bits), case.precision
    crc = CRCEncoder(case.crc, precision=precision)
    encoder = LDPC5GEncoder(*sizes, precision=precision)
    order = np.arange(case.symbols * case.bits_per_symbol)
    if case.interleaved:
        order, _ = encoder.generate_out_int(len(order), case.bits_per_symbol)
    # Pad bits stand in front of an interleaved frame, at the end of another.
    front, back = (case.pad_bits, 0) if case.interleaved else (0, case.pad_bits)
    code_word = tf.gather(tf.pad(encoder(crc(bits)), [[0, 0], [front, back]]), order, axis=1)
    if case.interleaved and not case.pad_bits:
        own = LDPC5GEncoder(*sizes, case.bits_per_symbol, precision=precision)(crc(bits))
        tf.debugging.assert_equal(code_word, own)
    outputs, llrs = transmit(case, frames, code_word)
    llr = tf.gather(llrs["app"], np.argsort(order), axis=1)[:, front : front + case.code_bits]
    decoder = LDPC5GDecoder(encoder, num_iter=ITERATIONS, precision=precision)
    decoded, crc_ok = CRCDecoder(crc, precision=precision)(decoder(llr))
    return outputs | {
        "code_word": code_word.numpy().astype(np.uint8),
        "llr_app": llr.numpy(),
        "decoded": decoded.numpy().astype(np.uint8),
        "crc_ok": crc_ok.numpy()[:, 0],
    }


def run(inputs: Arrays, small: bool) -> Arrays:
    """Run all cases; outputs are named by case and signal."""
    outputs: Arrays = {}
    for case in uncoded_cases() + coded_cases(small):
        chain = uncoded if case.code_bits is None else coded
        for signal, array in chain(case, frames_of(case, inputs)).items():
            outputs[f"{case.name}/{signal}"] = array
    bits = tf.cast(inputs["bits/uncoded"], tf.float32)
    for crc in CRC_BITS:
        outputs[f"crc/{crc}/code_word"] = CRCEncoder(crc)(bits).numpy().astype(np.uint8)
    return outputs


def main() -> None:
    """Write inputs, outputs and versions to the file named on the command line."""
    parser = argparse.ArgumentParser(description="Run the reference chain.")
    parser.add_argument("output", help="an .npz file")
    parser.add_argument("--small", action="store_true", help="the vectors that are kept in the repository")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)  # sums in one order, whatever the machine
    inputs = make_inputs(arguments.small)
    outputs = run(inputs, arguments.small)
    arrays = {f"input/{name}": array for name, array in inputs.items()}
    arrays |= {f"output/{name}": array for name, array in outputs.items()}
    for package in (sionna, tf, np):
        arrays[f"version/{package.__name__}"] = np.array(package.__version__)
    np.savez_compressed(arguments.output, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
