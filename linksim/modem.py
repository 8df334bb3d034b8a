"""Bits to symbols and received symbols to LLRs."""

from functools import lru_cache

import torch
from torch import Tensor

from linksim import checks, separable_qam, sionna_bridge
from linksim.config import BACKENDS, DEMAPPERS, MODULATIONS
from linksim.constellations import psk_points
from linksim.fused import certificate
from linksim.fused.demodulate import demodulate as compiled_demodulate
from linksim.numerics import LEAST_VARIANCE


class Modem:
    """Modulation and soft demodulation, bit for bit as deployed.

    Gray-labelled square QAM of 3GPP TS 38.211, section 5.1, Gray-labelled PSK, or any labelled set of points,
    of unit mean energy. Tensors may lie on any device; precision follows the input.

    Args:
        bits_per_symbol: m; 2, 4, 6, 8 or 10 for square QAM, 1 to 6 for PSK.
        demapper: "app" for exact LLRs, "maxlog" for their maximum approximation.
        backend: what computes LLRs: "sionna", or "fused" for the two dimensions of a symbol apart, which
            gives the same LLRs of square QAM with far fewer operations: in loops that a C compiler makes for
            float32 on the CPU at the first use on a machine, elsewhere by PyTorch operations. Other points
            are left to Sionna.
        constellation: [2^m] complex points, in the order of their MSB-first labels, normalised here to unit
            mean energy; None for a modulation by name.
        modulation: "qam"; "psk", the points of `linksim.constellations.psk_points` (m = 1 is BPSK); "custom"
            goes with `constellation` and is implied by it.

    Attributes:
        backend: what really computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an argument is out of range, or points are not finite or not 2^m many.

    Example:
        >>> import torch
        >>> modem = Modem(bits_per_symbol=4)
        >>> symbols = modem.modulate(torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]))
        >>> modem.demodulate(symbols, 0.1).gt(0).int().tolist()
        [0, 0, 0, 0, 1, 1, 1, 1]
    """

    def __init__(
        self,
        bits_per_symbol: int = 4,
        demapper: str = "app",
        backend: str = "sionna",
        constellation: Tensor | None = None,
        modulation: str = "qam",
    ) -> None:
        checks.one_of("modulation", modulation, MODULATIONS)
        if constellation is not None:
            modulation = "custom"
        elif modulation == "custom":
            raise ValueError("modulation 'custom' needs the points: give constellation=points")
        self.bits_per_symbol = checks.bits_per_symbol(bits_per_symbol, modulation)
        self.demapper = checks.one_of("demapper", demapper, DEMAPPERS)
        checks.one_of("backend", backend, BACKENDS)
        self.backend = backend if modulation == "qam" else "sionna"
        self.modulation = modulation
        if modulation == "psk":
            constellation = psk_points(self.bits_per_symbol)
        self._points = None if constellation is None else self._normalised(constellation)

    def _normalised(self, constellation: Tensor) -> tuple[complex, ...]:
        points = torch.as_tensor(constellation).detach().to("cpu", torch.complex128)
        if points.shape != (2**self.bits_per_symbol,):
            raise ValueError(
                f"constellation must have shape [{2**self.bits_per_symbol}], one point for each label of "
                f"{self.bits_per_symbol} bits, got {list(points.shape)}"
            )
        energy = points.abs().square().mean()
        if not torch.isfinite(energy) or energy == 0:
            raise ValueError("constellation must have finite points that are not all zero")
        return tuple((points / energy.sqrt()).tolist())

    @property
    def modulation_name(self) -> str:
        """Such as 16-QAM, 8-PSK or BPSK."""
        points = 2**self.bits_per_symbol
        if self.modulation == "custom":
            return f"{points} points"
        return "BPSK" if (self.modulation, points) == ("psk", 2) else f"{points}-{self.modulation.upper()}"

    def constellation(self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
        """The points, in the order of their MSB-first labels.

        Args:
            dtype: float32 or float64, the precision.
            device: where they shall lie.

        Returns:
            [2^m] complex tensor.
        """
        return self._mapper(sionna_bridge.precision_of(dtype), torch.device(device)).constellation()

    def amplitudes(self, dtype: torch.dtype, device: torch.device) -> Tensor:
        """[2^(m/2)] amplitudes of one dimension of square QAM, in the order of the labels of its bits."""
        precision = sionna_bridge.precision_of(dtype)
        return _amplitudes(self.bits_per_symbol, precision, sionna_bridge.device_name(device))

    def _mapper(self, precision: sionna_bridge.Precision, device: torch.device) -> sionna_bridge.Mapper:
        name = sionna_bridge.device_name(device)
        return sionna_bridge.mapper(self._points, self.bits_per_symbol, precision, name)

    def modulate(self, bits: Tensor) -> Tensor:
        """Map bits to symbols.

        Args:
            bits: [..., S·m] zeros and ones, any dtype; float64 bits give complex128 symbols.

        Returns:
            [..., S] complex symbols.

        Raises:
            ValueError: if the last dimension is not a multiple of m, or a value is neither 0 nor 1.
        """
        if bits.dim() == 0 or bits.shape[-1] % self.bits_per_symbol:
            raise ValueError(
                f"the last dimension of bits must be a multiple of {self.bits_per_symbol}, "
                f"got shape {list(bits.shape)}"
            )
        if not bool(((bits == 0) | (bits == 1)).all()):
            raise ValueError("bits must be zeros and ones; probabilities are mapped by Link.soft")
        precision = "double" if bits.dtype == torch.float64 else "single"
        return self._mapper(precision, bits.device)(bits)

    def decide(self, received: Tensor) -> Tensor:
        """Decide for the nearest point of every symbol.

        Args:
            received: [..., S] complex symbols.

        Returns:
            [..., S·m] bits (uint8), those of the point's label.

        Raises:
            TypeError: if `received` is not complex.
        """
        return (self._llr(received, 1.0, None, "maxlog") > 0).to(torch.uint8)

    def demodulate(
        self, received: Tensor, noise_variance: float | Tensor, prior: Tensor | None = None
    ) -> Tensor:
        """Compute LLRs, ln P(b=1)/P(b=0); the textbook sign is the opposite.

        Args:
            received: [..., S] complex symbols.
            noise_variance: total variance of the complex noise, a number or a tensor that broadcasts to
                `received`; below 1e-20 it counts as 1e-20.
            prior: LLRs of the bits before anything was received; broadcasts to [..., S·m]. None if zeros and
                ones are equally probable.

        Returns:
            [..., S·m] real LLRs, those of the prior included, finite for finite input.

        Raises:
            TypeError: if `received` is not complex.
            ValueError: if `noise_variance` is a number and negative or not finite, or a shape does not fit.
        """
        return self._llr(received, noise_variance, prior, self.demapper)

    def _llr(
        self, received: Tensor, noise_variance: float | Tensor, prior: Tensor | None, method: str
    ) -> Tensor:
        if not received.is_complex():
            raise TypeError(f"received must be a complex tensor, got {received.dtype}")
        if isinstance(noise_variance, (int, float)):
            checks.real("noise_variance", noise_variance, least=0)
        precision = sionna_bridge.precision_of(received.dtype)
        device = sionna_bridge.device_name(received.device)
        variance = torch.as_tensor(noise_variance, dtype=received.real.dtype, device=received.device)
        variance = variance.clamp_min(LEAST_VARIANCE)
        if prior is not None:
            prior = self._prior_of(prior, received)
        if self.backend == "fused":
            return self._separate(received, variance, prior, method)
        block = sionna_bridge.demapper(method, self._points, self.bits_per_symbol, precision, device)
        return block(received, variance, prior)

    def _separate(self, received: Tensor, variance: Tensor, prior: Tensor | None, method: str) -> Tensor:
        """[..., S·m] LLRs of the two dimensions apart."""
        m = self.bits_per_symbol
        if prior is None and received.dtype == torch.complex64 and received.device.type == "cpu":
            library = certificate.certified(m, method)
            if library is not None:
                return compiled_demodulate(library, received, variance, m, method)
        amplitudes = self.amplitudes(received.dtype, received.device)
        return separable_qam.demodulate(received, variance, amplitudes, method, prior)

    def _prior_of(self, prior: Tensor, received: Tensor) -> Tensor:
        """[..., S, m] as the demappers take it."""
        shape = (*received.shape[:-1], received.shape[-1] * self.bits_per_symbol)
        try:
            whole = prior.to(received.real.dtype).expand(shape)
        except RuntimeError:
            raise ValueError(
                f"prior must broadcast to the LLRs, shape {list(shape)}, got {list(prior.shape)}"
            ) from None
        return whole.unflatten(-1, (received.shape[-1], self.bits_per_symbol))


# Kept amplitudes outlive their first use: made in inference mode, they must serve training too.
@lru_cache(maxsize=128)
@torch.inference_mode(False)
def _amplitudes(bits_per_symbol: int, precision: sionna_bridge.Precision, device: str) -> Tensor:
    """`separable_qam.levels` of square QAM."""
    mapper = sionna_bridge.mapper(None, bits_per_symbol, precision, device)
    return separable_qam.levels(mapper.constellation())
