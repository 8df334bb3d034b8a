"""Demap: received symbols to LLRs of the coded bits; one function on both paths."""

from torch import Tensor

from linksim.frame import FrameLayout
from linksim.modem import Modem
from linksim.numerics import LEAST_POWER
from linksim.stages.llr_quantizer import LlrQuantizer
from linksim.stages.padding import strip_frame
from linksim.stages.qam_llr import qam_llr


class Demap:
    """Divide by the gain, compute LLRs, strip those of the pad bits, quantize if word lengths are finite."""

    def __init__(self, layout: FrameLayout, modem: Modem, quantizer: LlrQuantizer | None = None) -> None:
        self.layout = layout
        self.modem = modem
        self.quantizer = quantizer

    def __call__(self, received: Tensor, gain: Tensor, noise_variance: Tensor) -> Tensor:
        """Compute LLRs.

        Args:
            received: [B, S] complex.
            gain: what the symbols were multiplied with; broadcasts to [B, S].
            noise_variance: of the received symbols; broadcasts to [B, S].

        Returns:
            [B, L] ln P(b=1)/P(b=0).
        """
        power = gain.abs().square().clamp_min(LEAST_POWER)
        equalised = received * gain.conj() / power
        llr = self.of_coded_bits(self._demodulate(equalised, noise_variance / power))
        return llr if self.quantizer is None else self.quantizer(llr)

    def _demodulate(self, equalised: Tensor, noise_variance: Tensor) -> Tensor:
        """[B, S·m] LLRs; the same values either way, and the same gradient."""
        sionna_qam = self.modem.modulation == "qam" and self.modem.backend == "sionna"
        if sionna_qam and not noise_variance.requires_grad:
            return qam_llr(equalised, noise_variance, self.modem)
        return self.modem.demodulate(equalised, noise_variance)

    def of_coded_bits(self, llr: Tensor) -> Tensor:
        """[B, S·m] LLRs in the order of transmission to those of the coded bits, [B, L]."""
        return strip_frame(llr, self.layout)
