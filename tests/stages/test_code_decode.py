"""The decoder: belief propagation of Sionna, and the check of its decisions."""

from itertools import pairwise

import pytest
import torch
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder

from linksim import FrameLayout
from linksim.seeds import stream
from linksim.stages.code import Code

CRC_BITS = {"none": 0, "CRC6": 6, "CRC24A": 24}


def code_of(bits, iterations=20, **options):
    return Code(FrameLayout(tokens=bits, codebook_size=2, bits_per_symbol=4, **options), iterations)


def random_bits(frames, bits, dtype=torch.float32):
    return torch.randint(2, (frames, bits), generator=stream(0)).to(dtype)


def noisy_llr(coded, deviation, strength=2.0):
    """LLRs of BPSK in noise."""
    noise = torch.randn(coded.shape, dtype=coded.dtype, generator=stream(1))
    return strength * (2 * coded - 1 + deviation * noise)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("crc", ["none", "CRC6", "CRC24A"])
@pytest.mark.parametrize(("bits", "rate"), [(12, 0.4), (54, 0.5), (96, 0.8), (400, 0.75)])
def test_messages_come_back_from_strong_llrs(bits, rate, crc, dtype):
    code = code_of(bits, crc=crc, code="ldpc", code_rate=rate)
    message = random_bits(4, bits, dtype)
    coded = code.hard(message)
    decoded = code.decode(15 * (2 * coded - 1))
    assert decoded.llr.shape == (4, bits)
    assert decoded.llr.dtype == dtype
    assert torch.equal((decoded.llr > 0).to(dtype), message)
    if crc == "none":
        assert decoded.crc_ok is None
    else:
        assert decoded.crc_ok.dtype == torch.bool
        assert decoded.crc_ok.tolist() == [True] * 4


def test_errors_are_corrected():
    code = code_of(96, code="ldpc")
    message = random_bits(20, 96)
    llr = noisy_llr(code.hard(message), 0.6)
    assert ((llr > 0) != (code.hard(message) > 0)).float().mean() > 0.03
    assert torch.equal((code.decode(llr).llr > 0).float(), message)


@pytest.mark.parametrize("iterations", [1, 3, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_llrs_are_those_of_sionna(iterations, dtype):
    """Flooding with exact check nodes, LLRs of the information bits, as many iterations as asked for."""
    code = code_of(40, iterations, code="ldpc", code_rate=0.4)
    llr = noisy_llr(code.hard(random_bits(5, 40, dtype)), 0.9)
    precision = {torch.float32: "single", torch.float64: "double"}[dtype]
    encoder = LDPC5GEncoder(40, 100, precision=precision, device="cpu")
    decoder = LDPC5GDecoder(
        encoder,
        cn_update="boxplus-phi",
        cn_schedule="flooding",
        hard_out=False,
        return_infobits=True,
        num_iter=iterations,
        precision=precision,
        device="cpu",
    )
    assert torch.equal(code.decode(llr).llr, decoder(llr))


def test_iterations_matter():
    llr = noisy_llr(code_of(40, code="ldpc").hard(random_bits(5, 40)), 1.0)
    few, default, twenty = (code_of(40, *count, code="ldpc").decode(llr).llr for count in ((2,), (), (20,)))
    assert torch.equal(default, twenty)
    assert not torch.allclose(few, default)


@pytest.mark.parametrize("crc", ["CRC6", "CRC24A"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_check_alone_passes_llrs_and_finds_single_errors(crc, dtype):
    code = code_of(20, crc=crc)
    coded = code.hard(random_bits(1, 20, dtype))
    length = coded.shape[1]
    assert length == 20 + CRC_BITS[crc]
    llr = (2 * coded - 1) * (0.1 + torch.rand(1, length, dtype=dtype, generator=stream(2)))
    corrupted = llr.repeat(length + 1, 1)
    corrupted[torch.arange(length), torch.arange(length)] *= -1
    decoded = code.decode(corrupted)
    assert decoded.crc_ok.shape == (length + 1,)
    assert decoded.crc_ok.tolist() == [False] * length + [True]
    assert torch.equal(decoded.llr, corrupted[:, :20])


def test_an_llr_of_zero_counts_as_a_zero():
    code = code_of(20, crc="CRC6")
    message = torch.zeros(2, 20)
    message[1, 3] = 1.0
    llr = 2 * code.hard(message) - 1
    llr[:, 3] = 0.0
    assert code.decode(llr).crc_ok.tolist() == [True, False]


def test_check_behind_the_decoder_is_that_of_its_decisions():
    code, plain = code_of(30, crc="CRC24A", code="ldpc"), code_of(54, code="ldpc")
    message = random_bits(40, 30)
    llr = noisy_llr(code.hard(message), 0.95)
    decoded, raw = code.decode(llr), plain.decode(llr).llr
    assert torch.equal(decoded.llr, raw[:, :30])
    right = ((raw > 0).float() == code_of(30, crc="CRC24A").hard(message)).all(1)
    assert 5 < right.sum() < 35
    assert torch.equal(decoded.crc_ok, right)


def test_without_a_code_llrs_pass():
    llr = torch.randn(3, 10, generator=stream(3))
    decoded = code_of(10).decode(llr)
    assert torch.equal(decoded.llr, llr)
    assert decoded.crc_ok is None


def test_frames_are_decoded_independently():
    code = code_of(40, crc="CRC6", code="ldpc")
    llr = noisy_llr(code.hard(random_bits(6, 40)), 1.0)
    together = code.decode(llr)
    for frame in range(6):
        alone = code.decode(llr[frame : frame + 1])
        torch.testing.assert_close(alone.llr[0], together.llr[frame], rtol=1e-5, atol=1e-5)
        assert torch.equal(alone.crc_ok[0], together.crc_ok[frame])


def test_huge_and_zero_llrs_stay_finite():
    code = code_of(40, crc="CRC6", code="ldpc")
    coded = code.hard(random_bits(1, 40))
    for llr in (torch.zeros_like(coded), 1e20 * (2 * coded - 1), 1e-20 * (2 * coded - 1)):
        assert torch.isfinite(code.decode(llr).llr).all()


@pytest.mark.parametrize("iterations", [1, 2, 5, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_early_stop_leaves_what_passes_and_goes_on_with_the_rest(iterations, dtype):
    """A frame's LLRs are those after the first even number of iterations at which its CRC passes, or all."""
    layout = FrameLayout(tokens=60, codebook_size=2, bits_per_symbol=4, code="ldpc", crc="CRC24A")
    coded = Code(layout).hard(random_bits(40, 60, dtype))
    llr = noisy_llr(coded, 0.95)
    found = Code(layout, iterations, early_stop=True).decode(llr)
    whole = Code(layout, iterations).decode(llr)
    looks = [Code(layout, done).decode(llr) for done in range(2, iterations, 2)]
    expected, passed = whole.llr.clone(), whole.crc_ok.clone()
    for look in reversed(looks):
        expected[look.crc_ok], passed[look.crc_ok] = look.llr[look.crc_ok], True
    assert torch.equal(found.llr, expected)
    assert torch.equal(found.crc_ok, passed)
    if iterations == 20:
        assert 5 < int(passed.sum()) < 40
        assert sum(bool((a.crc_ok != b.crc_ok).any()) for a, b in pairwise(looks)) > 2
    for frame in range(0, 40, 7):
        alone = Code(layout, iterations, early_stop=True).decode(llr[frame : frame + 1])
        assert torch.equal(alone.llr[0], found.llr[frame])
