"""Symbols and LLRs of IT++ (Debian's libitpp-dev), an independent link simulator in C++.

What differs between IT++ and linksim:

- **Sign.** IT++'s LLRs are ln P(b=0)/P(b=1), the textbook sign; linksim's are ln P(b=1)/P(b=0).
- **QAM.** The points are the same, the labels are not. IT++'s label (MSB first) begins with the m/2 bits of
  the imaginary part, and those of the real part follow; 38.211 alternates, beginning with the real part.
  Within a dimension the first bit is the sign in both, and 0 is positive. IT++'s other bits count inwards
  from the outermost level by the binary reflected Gray code; those of 38.211 are the complements of these.
  The LLR of a complemented bit changes its sign once more.
- **PSK and BPSK.** The points and the labels are the same.
- **Noise.** IT++'s `N0` is the total variance of the complex noise, as in linksim.
- **Range.** IT++ adds up exponentials as they are. At high SNR the sums underflow, and its exact LLRs end at
  about ±708. The SNRs here stay below that.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.oracles import assert_near
from helpers.qam import WIDTHS

from linksim import Link, LinkConfig, Modem

SOURCE = Path(__file__).parent / "itpp" / "chain.cpp"
METHODS = ("app", "maxlog")
MODULATIONS = [("qam", width) for width in WIDTHS] + [("bpsk", 1)] + [("psk", width) for width in (2, 3, 4)]


def missing(compiler):
    """What stands in the way of compiling a program for IT++, or None."""
    if shutil.which(compiler) is None:
        return f"there is no {compiler}"
    question = "#if !__has_include(<itpp/itcomm.h>)\n#error\n#endif\n"
    command = [compiler, "-E", "-x", "c++", "-"]
    found = subprocess.run(command, input=question, capture_output=True, text=True, check=False)
    return None if found.returncode == 0 else "there is no <itpp/itcomm.h>"


def require_itpp(compiler, required):
    """Skip the test if IT++ is not installed; fail if it is required."""
    reason = missing(compiler)
    if reason is not None:
        message = f"IT++ is not installed, {reason}: apt-get install g++ libitpp-dev"
        (pytest.fail if required else pytest.skip)(message)


@dataclass(frozen=True)
class Outputs:
    """Symbols and received [n], LLRs [n·m] by method."""

    symbols: np.ndarray
    received: np.ndarray
    llr: dict[str, np.ndarray]


@pytest.fixture(scope="session")
def itpp(tmp_path_factory):
    """A function that modulates, transmits and demodulates with IT++, in its own labels and sign."""
    compiler = os.environ.get("CXX", "g++")
    require_itpp(compiler, required=os.environ.get("LINKSIM_REQUIRE_ITPP") == "1")
    program = tmp_path_factory.mktemp("itpp") / "chain"
    command = [compiler, "-std=c++14", "-O1", str(SOURCE), "-o", str(program), "-litpp"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr

    def run(modulation, width, bits, noise, gain, noise_variance):
        arrays = (bits.astype(float), noise.astype(complex).view(float), gain.astype(complex).view(float))
        command = [str(program), modulation, str(width), repr(float(noise_variance))]
        ran = subprocess.run(command, input=np.concatenate(arrays).tobytes(), capture_output=True, check=True)
        count = len(noise)
        sizes = np.cumsum([2 * count, 2 * count, count * width])
        symbols, received, exact, approximate = np.split(np.frombuffer(bytearray(ran.stdout)), sizes)
        return Outputs(symbols.view(complex), received.view(complex), {"app": exact, "maxlog": approximate})

    return run


def label_map(modulation, width):
    """Where each bit of linksim's label stands in IT++'s, and which bits are complemented."""
    if modulation != "qam":
        return np.arange(width), np.zeros(width, dtype=int)
    position = np.arange(width)
    depth, imaginary = position // 2, position % 2
    return np.where(imaginary, depth, width // 2 + depth), (depth > 0).astype(int)


def to_itpp(bits, modulation, width):
    """[n·m] bits of linksim's labels as bits of IT++'s."""
    where, complemented = label_map(modulation, width)
    ours = bits.reshape(-1, width) ^ complemented
    theirs = np.empty_like(ours)
    theirs[:, where] = ours
    return theirs.ravel()


def from_itpp(llr, modulation, width):
    """[n·m] LLRs of IT++, in linksim's order and sign."""
    where, complemented = label_map(modulation, width)
    return (llr.reshape(-1, width)[:, where] * np.where(complemented, 1, -1)).ravel()


def make_modem(modulation, width, demapper="app"):
    named = "qam" if modulation == "qam" else "psk"
    return Modem(bits_per_symbol=width, modulation=named, demapper=demapper)


def random_bits(generator, count):
    return torch.randint(2, (count,), generator=generator)


def all_bits(width):
    labels = torch.arange(2**width).unsqueeze(1)
    return ((labels >> torch.arange(width - 1, -1, -1)) & 1).flatten()


@pytest.mark.parametrize(("modulation", "width"), MODULATIONS)
def test_symbols_of_all_labels(itpp, modulation, width):
    bits = all_bits(width)
    count = 2**width
    theirs = itpp(
        modulation, width, to_itpp(bits.numpy(), modulation, width), np.zeros(count), np.ones(count), 1
    )
    ours = make_modem(modulation, width).modulate(bits.double())
    assert_near("symbols", ours, theirs.symbols, absolute=1e-12)


@pytest.mark.parametrize("snr_db", [-5, 5, 15])
@pytest.mark.parametrize(("modulation", "width"), MODULATIONS)
def test_llrs(itpp, modulation, width, snr_db):
    """In white Gaussian noise, in double and in single precision."""
    generator = torch.Generator().manual_seed(100 * width + snr_db + 5)
    bits = random_bits(generator, 200 * width)
    noise = torch.randn(200, dtype=torch.complex128, generator=generator).numpy()
    noise_variance = 10 ** (-snr_db / 10)
    sent = to_itpp(bits.numpy(), modulation, width)
    theirs = itpp(modulation, width, sent, noise, np.ones(200), noise_variance)
    for method in METHODS:
        expected = from_itpp(theirs.llr[method], modulation, width)
        modem = make_modem(modulation, width, method)
        received = torch.from_numpy(theirs.received)
        double = modem.demodulate(received, noise_variance)
        assert_near("LLR", double, expected, relative=1e-9, absolute=1e-9)
        single = modem.demodulate(received.to(torch.complex64), noise_variance)
        assert_near("LLR in single precision", single, expected, relative=1e-4, absolute=1e-4)


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_whole_transmission(itpp, width, method, channel):
    """Bits to LLRs, with padding, noise and gains as the link drew them."""
    config = LinkConfig(tokens=9, codebook_size=64, bits_per_symbol=width, channel=channel, demapper=method)
    link = Link(config).double()
    generator = torch.Generator().manual_seed(width)
    bits = random_bits(generator, 20 * 54).reshape(20, 54)
    draw = link.draw(20, 10.0, generator)
    with torch.no_grad():
        trace = link.hard(bits=bits, draw=draw)
    noise = draw.channel["noise"]
    gain = draw.channel.get("gain", torch.ones(20, 1, dtype=noise.dtype)).expand_as(noise)
    sent = to_itpp(trace.bits.numpy().astype(int).ravel(), "qam", width)
    theirs = itpp("qam", width, sent, noise.numpy().ravel(), gain.numpy().ravel(), 0.1)
    assert_near("symbols", trace.symbols, theirs.symbols.reshape(noise.shape), absolute=1e-12)
    assert_near("received", trace.received, theirs.received.reshape(noise.shape), absolute=1e-12)
    expected = from_itpp(theirs.llr[method], "qam", width).reshape(20, -1)[:, :54]
    assert_near("LLR", trace.llr, expected, relative=1e-9, absolute=1e-9)


def test_points_of_ones_own(itpp):
    """IT++'s 8-PSK, turned by 0.3 radians and given as points."""
    bits = all_bits(3)
    turn = np.exp(0.3j)
    points = itpp("psk", 3, bits.numpy(), np.zeros(8), np.ones(8), 1).symbols * turn
    modem = Modem(bits_per_symbol=3, constellation=torch.from_numpy(points))
    noise = torch.randn(8, dtype=torch.complex128, generator=torch.Generator().manual_seed(3)).numpy()
    theirs = itpp("psk", 3, bits.numpy(), noise, np.full(8, turn), 0.2)
    assert_near("symbols", modem.modulate(bits.double()), theirs.symbols * turn, absolute=1e-12)
    llr = modem.demodulate(torch.from_numpy(theirs.received), 0.2)
    assert_near("LLR", llr, -theirs.llr["app"], relative=1e-9, absolute=1e-9)


def test_the_labels_do_differ(itpp):
    """Without the change of labels the symbols of 16-QAM are other ones."""
    bits = all_bits(4)
    theirs = itpp("qam", 4, bits.numpy(), np.zeros(16), np.ones(16), 1)
    ours = Modem(bits_per_symbol=4).modulate(bits.double()).numpy()
    assert np.abs(ours - theirs.symbols).max() > 0.5


@pytest.mark.parametrize(("required", "outcome"), [(False, pytest.skip), (True, pytest.fail)])
def test_missing_itpp_is_skipped_or_fails(required, outcome):
    with pytest.raises(outcome.Exception, match="apt-get install"):
        require_itpp("no-such-compiler", required)
