"""The header of a frame: the number of its mode, which the receiver must know to read the rest."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from linksim import checks
from linksim.bits import labels
from linksim.modem import Modem
from linksim.numerics import LEAST_POWER
from linksim.stages.channel import Channel
from linksim.stages.front_end import FrontEnd

BITS_PER_SYMBOL = 2
MOST_MODES = 256


class Header(nn.Module):
    """Mode numbers as QPSK symbols in front of a frame.

    The b = ceil(log2 modes) bits of a number are sent as the 2^b − 1 parities of their non-empty subsets (a
    simplex code, as 3GPP TS 38.212, section 5.3.3, has it for two bits), repeated until the symbols are
    full. The receiver takes the mode whose code word fits the LLRs best, so it can be wrong.

    Args:
        modes: number of modes; a single one needs no header.
        symbols: of the header.

    Attributes:
        bits: that a mode number counts for, b.
        symbols: that are sent, 0 for a single mode.

    Raises:
        ValueError: if the symbols do not hold the bits, or there are too many modes.
    """

    code_words: Tensor

    def __init__(self, modes: int, symbols: int) -> None:
        super().__init__()
        checks.whole("number of modes", modes, 1, MOST_MODES)
        self.bits = (modes - 1).bit_length()
        checks.whole("header_symbols", symbols, -(-self.bits // BITS_PER_SYMBOL) if self.bits else 0, 1024)
        self.symbols = symbols if self.bits else 0
        self.modem = Modem(bits_per_symbol=BITS_PER_SYMBOL)
        self.register_buffer("code_words", self._code(modes), persistent=False)

    def _code(self, modes: int) -> Tensor:
        """[modes, coded bits] zeros and ones."""
        length = self.symbols * BITS_PER_SYMBOL
        if not length:
            return torch.zeros(modes, 0)
        numbers = labels(modes, self.bits).float()
        # Single bits first, so that a short header holds all of them.
        subsets = labels(2**self.bits, self.bits)[1:].float()
        subsets = subsets[subsets.sum(1).argsort(stable=True)]
        parities = (numbers @ subsets.T) % 2
        return parities[:, torch.arange(length) % len(subsets)]

    def encode(self, mode: Tensor) -> Tensor:
        """[B, symbols] complex symbols of mode numbers [B]."""
        return self.modem.modulate(self.code_words[mode])

    def read(self, mode: Tensor, channel: Channel, front_end: FrontEnd, draw: Mapping[str, Tensor]) -> Tensor:
        """What a receiver makes of headers.

        Args:
            mode: [B] int64 numbers that are sent.
            channel: what they are sent over.
            front_end: of transmitter and receiver.
            draw: of the channel, for the symbols of the header.

        Returns:
            [B] int64 numbers that are received.
        """
        if not self.symbols:
            return mode
        received, gain, variance = channel.apply(front_end.transmit(self.encode(mode)), draw)
        received, variance = front_end.receive(received, gain, variance)
        power = gain.abs().square().clamp_min(LEAST_POWER)
        llr = self.modem.demodulate(received * gain.conj() / power, variance / power)
        return (llr.to(self.code_words.dtype) @ self.code_words.T).argmax(-1)
