"""What a link is made of, by name."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from linksim import checks
from linksim.channel_options import CHANNELS, ChannelName, ChannelOptions, check_options
from linksim.frame import CODES, CRC_BITS, INTERLEAVERS, FrameLayout

Modulation = Literal["qam", "psk", "custom"]
Demapper = Literal["app", "maxlog"]
Decision = Literal["mean", "map", "radius"]
Backend = Literal["sionna", "fused"]
Crc = Literal["none", "CRC6", "CRC11", "CRC16", "CRC24A", "CRC24B", "CRC24C"]
Code = Literal["none", "ldpc"]
Interleaver = Literal["none", "38.212"]
CodeGradient = Literal["straight-through", "product"]
Arithmetic = Literal["float", "integer"]
Defect = Literal[
    "per-bit-grouping",
    "batch-padding",
    "distance-softmax",
    "llr-scale",
    "radius-1",
    "radius-2",
    "transmit-statistics",
]

MODULATIONS = ("qam", "psk", "custom")
DEMAPPERS = ("app", "maxlog")
DECISIONS = ("mean", "map", "radius")
BACKENDS = ("sionna", "fused")
CODE_GRADIENTS = ("straight-through", "product")
ARITHMETICS = ("float", "integer")
DEFECTS: tuple[Defect, ...] = get_args(Defect)
WORD_LENGTHS = {
    "dac_bits": (1, 16),
    "adc_bits": (1, 16),
    "llr_bits": (2, 8),
    "weight_bits": (2, 16),
    "codebook_bits": (2, 16),
}
"""Shortest and longest words."""


def llr_step(bits: int, step: float | None = None) -> float:
    """Step of LLRs of so many bits: as given, or 16/2^bits."""
    return 16 / 2**bits if step is None else step


@dataclass(frozen=True, kw_only=True)
class TransmissionOptions:
    """What is sent, as which symbols, over which channel."""

    tokens: int = 16
    """N, tokens per frame."""
    codebook_size: int = 64
    """K, codewords, any number from 2."""
    embedding_dim: int = 16
    """D, dimension of a codeword."""
    bits_per_symbol: int = 4
    """m; 2, 4, 6, 8 or 10 for square QAM, 1 to 6 for PSK (1 is BPSK)."""
    modulation: Modulation = "qam"
    """Gray-labelled square QAM of 3GPP TS 38.211, Gray-labelled PSK, or points of one's own, all of unit mean
    energy."""
    channel: ChannelName = "awgn"
    """Fading is constant over a frame, or with -fast drawn anew for every symbol; bsc is the binary symmetric
    channel left by hard decisions on BPSK."""
    demapper: Demapper = "app"
    """Exact LLRs, or their maximum approximation."""
    backend: Backend = "sionna"
    """What computes LLRs: Sionna, or for square QAM the two dimensions of a symbol apart, which is equal and
    faster."""

    def __post_init__(self) -> None:
        checks.one_of("modulation", self.modulation, MODULATIONS)
        numbers = {
            "tokens": checks.whole("tokens", self.tokens, 1),
            "codebook_size": checks.whole("codebook_size", self.codebook_size, 2),
            "embedding_dim": checks.whole("embedding_dim", self.embedding_dim, 1),
            "bits_per_symbol": checks.bits_per_symbol(self.bits_per_symbol, self.modulation),
        }
        for name, value in numbers.items():
            object.__setattr__(self, name, value)  # plain int, also when given as a NumPy integer
        checks.one_of("channel", self.channel, CHANNELS)
        checks.one_of("demapper", self.demapper, DEMAPPERS)
        checks.one_of("backend", self.backend, BACKENDS)


@dataclass(frozen=True, kw_only=True)
class CodingOptions:
    """Error detection and correction."""

    crc: Crc = "none"
    """Cyclic redundancy check of 3GPP TS 38.212 appended to the information bits of a frame."""
    code: Code = "none"
    """LDPC code of 3GPP TS 38.212 with rate matching, or none."""
    code_rate: float = 0.5
    """Information and CRC bits over coded bits, from 1/5 to 948/1024."""
    interleaver: Interleaver = "38.212"
    """Bit interleaver of coded frames."""
    bp_iterations: int = 20
    """Iterations of belief propagation."""
    bp_early_stop: bool = False
    """Leave a frame as it is once its CRC passes, as receivers do to save time; needs a crc."""
    code_gradient: CodeGradient = "straight-through"
    """Soft path: send the code word of the most probable indices, or the parity of independent bits."""

    def __post_init__(self) -> None:
        checks.one_of("crc", self.crc, CRC_BITS)
        checks.one_of("code", self.code, CODES)
        object.__setattr__(self, "code_rate", checks.real("code_rate", self.code_rate, above=0, most=1))
        checks.one_of("interleaver", self.interleaver, INTERLEAVERS)
        iterations = checks.whole("bp_iterations", self.bp_iterations, 1, 1000)
        object.__setattr__(self, "bp_iterations", iterations)
        checks.flag("bp_early_stop", self.bp_early_stop)
        if self.bp_early_stop and "none" in (self.code, self.crc):
            raise ValueError("bp_early_stop ends the decoding when the CRC passes: give a code and a crc too")
        checks.one_of("code_gradient", self.code_gradient, CODE_GRADIENTS)


@dataclass(frozen=True, kw_only=True)
class HardwareOptions:
    """Converters, amplifier and word lengths; None leaves a part out."""

    dac_bits: int | None = None
    """Word length of the transmitter's digital-to-analogue converters, 1 to 16 bits per real dimension."""
    dac_backoff_db: float = 6.0
    """Full scale of the converters over the RMS of one real dimension, in dB."""
    pa_backoff_db: float | None = None
    """Saturation amplitude of the power amplifier (Rapp model) over the RMS of its input, in dB."""
    pa_smoothness: float = 2.0
    """Rapp's exponent p, from 1 to 10: the larger, the more abrupt the saturation."""
    adc_bits: int | None = None
    """Word length of the receiver's analogue-to-digital converters, 1 to 16 bits per real dimension."""
    adc_backoff_db: float = 9.0
    """Full scale of the converters over the RMS of one real dimension of the received frame, in dB."""
    llr_bits: int | None = None
    """Word length of the LLRs, 2 to 8 bits; larger LLRs saturate."""
    llr_step: float | None = None
    """Step of the LLRs; 16/2^llr_bits by default."""

    def __post_init__(self) -> None:
        for name in ("dac_bits", "adc_bits", "llr_bits"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, checks.whole(name, value, *WORD_LENGTHS[name]))
        for name in ("dac_backoff_db", "pa_backoff_db", "adc_backoff_db"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, checks.real(name, value, least=0, most=60))
        smoothness = checks.real("pa_smoothness", self.pa_smoothness, least=1, most=10)
        object.__setattr__(self, "pa_smoothness", smoothness)
        if self.llr_step is not None:
            step = checks.real("llr_step", self.llr_step, above=0, most=1e6)
            object.__setattr__(self, "llr_step", step)
            if self.llr_bits is None:
                raise ValueError("llr_step is the step of quantized LLRs: give llr_bits too")


@dataclass(frozen=True, kw_only=True)
class DecisionOptions:
    """What the receiver makes of the LLRs."""

    decision: Decision = "mean"
    """Posterior mean over the codebook, the most probable codeword, or the posterior mean over the codewords
    in a Hamming ball around the hard bits."""
    radius: int = 1
    """Radius of that ball in bits."""
    arithmetic: Arithmetic = "float"
    """Of the decision; integer arithmetic needs llr_bits."""
    weight_bits: int = 8
    """Word length of the posterior weights in integer arithmetic, 2 to 16 bits."""
    codebook_bits: int = 8
    """Word length of the receiver's codebook in integer arithmetic, 2 to 16 bits."""

    def __post_init__(self) -> None:
        checks.one_of("decision", self.decision, DECISIONS)
        checks.one_of("arithmetic", self.arithmetic, ARITHMETICS)
        object.__setattr__(self, "radius", checks.whole("radius", self.radius, 0, 64))
        for name in ("weight_bits", "codebook_bits"):
            object.__setattr__(self, name, checks.whole(name, getattr(self, name), *WORD_LENGTHS[name]))


@dataclass(frozen=True, kw_only=True)
class SurrogateOptions:
    """What is wrong with the soft path on purpose; the hard path is never touched."""

    defects: tuple[Defect, ...] = ()
    """Approximations by which surrogates break, to study what each costs at deployment.

    - per-bit-grouping: the bits of one index count as independent.
    - batch-padding: the bits of all frames are joined and padded once, so symbols straddle frames.
    - distance-softmax: a softmax over distances of bit probabilities to bit patterns; soft for hard bits.
    - llr-scale: LLRs are too large by llr-scale-error.
    - radius-1, radius-2: posterior mean over a Hamming ball of that radius, whatever is deployed.
    - transmit-statistics: the batch is scaled to unit power, and scaled back at the receiver, which cannot
      know that scale."""
    llr_scale_error: float = 2.0
    """Factor of the defect llr-scale; 2 comes from a noise variance of one real dimension."""

    def __post_init__(self) -> None:
        if not isinstance(self.defects, (list, tuple)):
            raise TypeError(f"defects must be a list of names, as in {[DEFECTS[0]]}, got {self.defects!r}")
        given = [checks.one_of("defects", name, DEFECTS) for name in self.defects]
        object.__setattr__(self, "defects", tuple(name for name in DEFECTS if name in given))
        if {"radius-1", "radius-2"} <= set(given):
            raise ValueError(
                "defects 'radius-1' and 'radius-2' are two radii of one decision: leave one of them out"
            )
        factor = checks.real("llr_scale_error", self.llr_scale_error, above=0, most=1e6)
        object.__setattr__(self, "llr_scale_error", factor)


@dataclass(frozen=True, kw_only=True)
class LinkConfig(
    SurrogateOptions, DecisionOptions, HardwareOptions, CodingOptions, ChannelOptions, TransmissionOptions
):
    """The configuration of a `Link`; everything in it is a number, a name or a list of names.

    Its fields are those of `TransmissionOptions`, `ChannelOptions`, `CodingOptions`, `HardwareOptions`,
    `DecisionOptions` and `SurrogateOptions`, all flat.

    Raises:
        TypeError: if a number has the wrong type.
        ValueError: if a value is out of range, a name is unknown, or two values do not go together.
    """

    def __post_init__(self) -> None:
        for options in LinkConfig.__bases__:
            options.__post_init__(self)
        if self.arithmetic == "integer" and self.llr_bits is None:
            raise ValueError("arithmetic 'integer' decides on quantized LLRs: give llr_bits (2 to 8)")
        self._check_channel()
        assert self.layout  # which refuses a code that does not exist for the frame
        self._check_defects()

    def _check_channel(self) -> None:
        check_options(self.channel, self)
        if self.channel != "bsc":
            return
        if self.modulation != "psk" or self.bits_per_symbol != 1:
            raise ValueError(
                "channel 'bsc' flips the bits of BPSK: give modulation='psk' and bits_per_symbol=1, got "
                f"{self.modulation!r} and {self.bits_per_symbol}"
            )
        if (self.dac_bits, self.pa_backoff_db, self.adc_bits) != (None, None, None):
            raise ValueError(
                "channel 'bsc' carries bits, not a waveform: leave dac_bits, pa_backoff_db and adc_bits out"
            )

    def _check_defects(self) -> None:
        if "batch-padding" in self.defects and self.layout.interleaved:
            raise ValueError(
                "defects 'batch-padding' leaves no whole frames for the bit interleaver of the code: give "
                f"interleaver='none', got {self.interleaver!r}"
            )
        if "transmit-statistics" in self.defects and self.channel == "bsc":
            raise ValueError(
                "defects 'transmit-statistics' scales a waveform, but channel 'bsc' carries bits: leave it "
                "out, or give another channel"
            )

    @property
    def layout(self) -> FrameLayout:
        """The frame layout that follows from this configuration."""
        return FrameLayout(
            tokens=self.tokens,
            codebook_size=self.codebook_size,
            bits_per_symbol=self.bits_per_symbol,
            crc=self.crc,
            code=self.code,
            code_rate=self.code_rate,
            interleaver=self.interleaver,
        )

    def as_dict(self) -> dict[str, Any]:
        """The configuration as a dictionary of plain numbers, strings and lists of strings."""
        return {**asdict(self), "defects": list(self.defects)}
