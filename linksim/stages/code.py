"""Code: information bits to coded bits, and LLRs of coded bits to LLRs of information bits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from linksim import sionna_bridge
from linksim.frame import FrameLayout
from linksim.gradients import gradient_only
from linksim.numerics import LOOK_EVERY

LEAST_BIAS = 1e-20
"""Of |1 − 2p|; keeps its logarithm finite, and the gradient of a product with one zero factor right."""


@dataclass(frozen=True)
class Decoded:
    """What the decoder makes of a frame.

    Attributes:
        llr: [B, N·b] ln P(b=1)/P(b=0) of the information bits.
        crc_ok: [B] whether the check passed; None without a CRC.
    """

    llr: Tensor
    crc_ok: Tensor | None = None


class Code:
    """CRC and LDPC code of 3GPP TS 38.212 by Sionna; neither, either or both.

    The hard map is exact. Encoding is linear over the binary numbers, so the soft map goes by the parity of
    independent bits, P(odd) = (1 − Π(1 − 2p))/2 over the information bits that a coded bit checks. The bits
    of a token are not independent, so this is exact on hard bits only. Two soft maps have that property:

    - "product": the parity as it stands. Of bits that are not nearly hard it is close to 1/2.
    - "straight-through": the code word of the most probable index, with the derivative of the parity there.

    Decoding is one function on both paths: belief propagation on LLRs, and the CRC of its hard decisions.

    Args:
        layout: of the frame.
        iterations: of belief propagation.
        gradient: "straight-through" or "product".
        early_stop: whether a frame is left as it is once its CRC passes, looked at after every second
            iteration.
    """

    def __init__(
        self,
        layout: FrameLayout,
        iterations: int = 20,
        gradient: str = "straight-through",
        early_stop: bool = False,
    ) -> None:
        self.layout = layout
        self.iterations = iterations
        self.gradient = gradient
        self.early_stop = early_stop
        self._generator: Tensor | None = None

    def hard(self, bits: Tensor) -> Tensor:
        """Encode.

        Args:
            bits: [B, N·b] zeros and ones in a floating-point dtype, which sets the dtype of the result.

        Returns:
            [B, L] coded bits.
        """
        layout = self.layout
        precision, device = self._where(bits)
        if layout.crc != "none":
            bits = sionna_bridge.crc_encoder(layout.crc, layout.information_bits, precision, device)(bits)
        if layout.code != "none":
            sizes = layout.message_bits, layout.coded_bits
            bits = sionna_bridge.ldpc_encoder(*sizes, precision, device)(bits)
        return bits

    def soft(self, probabilities: Tensor, most_probable: Tensor) -> Tensor:
        """Encode probabilities of 1.

        Args:
            probabilities: [B, N·b].
            most_probable: [B, N·b] bits of the most probable indices, sent by "straight-through".

        Returns:
            [B, L] probabilities of 1 of the coded bits; equal to `hard` on zeros and ones.
        """
        if not self.layout.coded:
            return probabilities
        bias = 1 - 2 * probabilities
        ones = most_probable > 0 if self.rounds else bias.detach() < 0
        sign = torch.where(ones, -1.0, 1.0).to(bias.dtype)
        coded_sign = 1 - 2 * self.hard((1 - sign) / 2)
        checks = self._checks(probabilities)
        if self.rounds:
            coded_bias = coded_sign + coded_sign * ((sign * gradient_only(bias)) @ checks)
        else:
            magnitude = sign * bias
            least = LEAST_BIAS + gradient_only(magnitude)
            magnitude = torch.where(magnitude.detach() < LEAST_BIAS, least, magnitude)
            coded_bias = coded_sign * (magnitude.log() @ checks).exp()
        return (1 - coded_bias) / 2

    def decode(self, llr: Tensor) -> Decoded:
        """Decode.

        Args:
            llr: [B, L] ln P(b=1)/P(b=0) of the coded bits.
        """
        layout = self.layout
        if layout.code != "none":
            llr = self._decode_early(llr) if self.early_stop else self._propagated(llr, self.iterations)[0]
        if layout.crc == "none":
            return Decoded(llr)
        return Decoded(llr[:, : layout.information_bits], self._passed(llr))

    def _propagated(
        self, llr: Tensor, iterations: int, messages: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """LLRs [B, message bits] after belief propagation, and its messages, to go on from."""
        sizes = self.layout.message_bits, self.layout.coded_bits
        decoder = sionna_bridge.ldpc_decoder(*sizes, *self._where(llr))
        return decoder(llr, num_iter=iterations, msg_v2c=messages)

    def _passed(self, llr: Tensor) -> Tensor:
        """[B] whether the hard decisions of the message bits pass their CRC."""
        decisions = (llr.detach() > 0).to(llr.dtype)
        layout = self.layout
        decoder = sionna_bridge.crc_decoder(layout.crc, layout.information_bits, *self._where(llr))
        return decoder(decisions)[1].squeeze(-1).bool()

    def _decode_early(self, llr: Tensor) -> Tensor:
        """Belief propagation in which frames that pass their CRC take no further part."""
        going, result, messages = torch.arange(llr.shape[0], device=llr.device), None, None
        for done in range(0, self.iterations, LOOK_EVERY):
            few = min(LOOK_EVERY, self.iterations - done)
            found, messages = self._propagated(llr[going], few, messages)
            result = found if result is None else result.index_copy(0, going, found)
            failed = ~self._passed(found)
            going, messages = going[failed], messages[failed]
            if not len(going):
                break
        assert result is not None
        return result

    def _checks(self, like: Tensor) -> Tensor:
        """[N·b, L] ones where a coded bit depends on an information bit: the generator matrix."""
        if self._generator is None:
            with torch.inference_mode(False):
                self._generator = self.hard(torch.eye(self.layout.information_bits))
        return self._generator.to(like)

    @property
    def rounds(self) -> bool:
        """Whether the soft map sends the code word of the most probable indices."""
        return self.layout.coded and self.gradient == "straight-through"

    @staticmethod
    def _where(signal: Tensor) -> tuple[sionna_bridge.Precision, str]:
        return sionna_bridge.precision_of(signal.dtype), sionna_bridge.device_name(signal.device)
