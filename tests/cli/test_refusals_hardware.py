"""Options of the physical layer out of range: one line that names the option, exit code 2, no files."""

import pytest

# Words, and what the line must hold.
LINK = {
    "rate below the standard": (["--code", "ldpc", "--code-rate", "0.1"], "code_rate", "1/5"),
    "rate above the standard": (["--code", "ldpc", "--code-rate", "0.95"], "code_rate", "948/1024"),
    "rate that is no number": (["--code", "ldpc", "--code-rate", "nan"], "code_rate", "finite"),
    "unknown code": (["--code", "turbo"], "--code", "ldpc"),
    "unknown CRC": (["--crc", "CRC32"], "--crc", "CRC24A"),
    "no LLR bits": (["--llr-bits", "0"], "llr_bits", "2 to 8"),
    "too many LLR bits": (["--llr-bits", "9"], "llr_bits", "2 to 8"),
    "a step without words": (["--llr-step", "0.5"], "llr_step", "llr_bits"),
    "no converter bits": (["--adc-bits", "0"], "adc_bits", "1 to 16"),
    "half a bit": (["--dac-bits", "2.5"], "--dac-bits", "INT"),
    "negative back-off of the converter": (["--adc-backoff-db", "-1"], "adc_backoff_db", "at least 0"),
    "negative back-off of the amplifier": (["--pa-backoff-db", "-3"], "pa_backoff_db", "at least 0"),
    "smoothness below one": (["--pa-smoothness", "0.5"], "pa_smoothness", "at least 1"),
    "negative K-factor": (["--rician-k", "-1"], "rician_k", "at least 0"),
    "error of a gain that is known": (["--channel", "awgn", "--csi-error", "0.1"], "csi_error", "rayleigh"),
    "bits over QAM": (["--channel", "bsc"], "bsc", "modulation='psk'"),
    "no iterations": (["--code", "ldpc", "--bp-iterations", "0"], "bp_iterations", "from 1"),
    "odd QAM": (["--bits-per-symbol", "3"], "bits_per_symbol", "psk"),
    "large PSK": (["--modulation", "psk", "--bits-per-symbol", "7"], "bits_per_symbol", "from 1 to 6"),
}
TRAIN_ONLY = {
    "code for too few bits": (["--code", "ldpc", "--tokens", "1"], "at least 12", "tokens"),
    "integers without words": (["--arithmetic", "integer"], "integer", "llr_bits"),
    "points of one's own": (["--modulation", "custom"], "custom", "constellation"),
    "negative radius": (["--decision", "radius", "--radius", "-1"], "radius", "from 0"),
}


@pytest.mark.parametrize("fault", {**LINK, **TRAIN_ONLY})
def test_training(refused, tmp_path, fault):
    words, *named = {**LINK, **TRAIN_ONLY}[fault]
    line = refused("train", "--dataset", "digits", "--run-dir", tmp_path / "run", *words)
    assert line.startswith("linksim train: ")
    for name in named:
        assert name in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", LINK)
def test_bit_error_rate(refused, tmp_path, fault):
    words, *named = LINK[fault]
    line = refused("ber", "--channel", "rayleigh", "--out", tmp_path / "out", *words)
    assert line.startswith("linksim ber: ")
    for name in named:
        assert name in line
    assert not list(tmp_path.iterdir())


WORDS = {
    "no LLR bits": (["--llr-bits", "1"], "llr_bits", "2 to 8"),
    "no converter bits": (["--adc-bits", "0"], "adc_bits", "1 to 16"),
    "nothing to compare": (["--llr-bits", "--adc-bits"], "--llr-bits", "--adc-bits"),
    "nothing to measure": (["--frames", "0"], "--frames", "--checkpoints"),
    "negative frames": (["--frames", "-1"], "--frames", "at least 0"),
    "no draws": (["--draws", "0"], "--draws", "at least 1"),
    "rate outside the standard": (["--code-rate", "0.99"], "code_rate", "948/1024"),
    "a missing checkpoint": (["--frames", "0", "--checkpoints", "none.pt"], "none.pt"),
}


@pytest.mark.parametrize("fault", WORDS)
def test_word_length(refused, tmp_path, fault):
    words, *named = WORDS[fault]
    line = refused("word-length", "--out", tmp_path / "out", *words)
    for name in named:
        assert name in line
    assert not list(tmp_path.iterdir())
