"""Front ends: converters and power amplifier; one function on both paths."""

from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.stages.uniform import mid_rise


@dataclass(frozen=True)
class Converter:
    """A pair of analogue-to-digital or digital-to-analogue converters, for real and imaginary part.

    One sample per symbol. The full scale of each real dimension is its RMS times 10^(backoff_db/20); beyond
    it the signal is clipped.

    Args:
        bits: word length, at least 1.
        backoff_db: full scale over the RMS of a real dimension, at least 0 dB.
    """

    bits: int
    backoff_db: float

    def full_scale(self, power: Tensor | float) -> Tensor | float:
        """Full scale for a complex signal of that mean power, half of it in each dimension."""
        return (power / 2) ** 0.5 * 10 ** (self.backoff_db / 20)

    def __call__(self, signal: Tensor, power: Tensor | float) -> Tensor:
        """Convert.

        Args:
            signal: [B, S] complex.
            power: mean power of the signal, broadcasts to it.
        """
        full_scale = self.full_scale(power)
        parts = [mid_rise(part, full_scale, self.bits) for part in (signal.real, signal.imag)]
        return torch.complex(*parts)

    def noise_variance(self, power: Tensor | float) -> Tensor | float:
        """Variance Δ²/6 of a complex rounding error that is uniform over a step in each dimension."""
        step = 2 * self.full_scale(power) / 2**self.bits
        return step**2 / 6


@dataclass(frozen=True)
class RappAmplifier:
    """Solid-state power amplifier: y = x/(1 + (|x|/A)^(2p))^(1/(2p)), without phase distortion.

    C. Rapp, "Effects of HPA-nonlinearity on a 4-DPSK/OFDM-signal for a digital sound broadcasting system",
    1991. The gain of small signals is one; A is the saturation amplitude for an input of unit mean power.

    Args:
        backoff_db: A over the RMS of the input, at least 0 dB.
        smoothness: p, at least 1.
    """

    backoff_db: float
    smoothness: float = 2.0

    def __call__(self, signal: Tensor) -> Tensor:
        """Amplify a [B, S] complex signal."""
        power = torch.view_as_real(signal).square().sum(-1) * 10 ** (-self.backoff_db / 10)
        return signal * (1 + power**self.smoothness) ** (-1 / (2 * self.smoothness))


class FrontEnd:
    """What stands between the symbols and the antenna, at either end of the link.

    Args:
        dac: converter of the transmitter, or None.
        amplifier: its power amplifier, or None.
        adc: converter of the receiver, or None.
    """

    def __init__(
        self,
        dac: Converter | None = None,
        amplifier: RappAmplifier | None = None,
        adc: Converter | None = None,
    ) -> None:
        self.dac = dac
        self.amplifier = amplifier
        self.adc = adc

    def transmit(self, symbols: Tensor) -> Tensor:
        """[B, S] complex symbols to what is sent; the converter is set for symbols of unit mean energy."""
        if self.dac is not None:
            symbols = self.dac(symbols, 1.0)
        return symbols if self.amplifier is None else self.amplifier(symbols)

    def receive(self, received: Tensor, gain: Tensor, noise_variance: Tensor) -> tuple[Tensor, Tensor]:
        """Digitise what was received.

        The gain control sets the converter to the power that the receiver expects of the frame,
        the mean over its symbols of |gain|² + noise variance. The rounding error adds to the noise variance
        that the demapper works with.

        Args:
            received: [B, S] complex.
            gain: that the receiver believes in; broadcasts to [B, S].
            noise_variance: broadcasts to [B, S].

        Returns:
            received [B, S] and noise variance as the demapper gets them.
        """
        if self.adc is None:
            return received, noise_variance
        power = (gain.abs().square() + noise_variance).expand(received.shape).mean(-1, keepdim=True)
        return self.adc(received, power), noise_variance + self.adc.noise_variance(power)
