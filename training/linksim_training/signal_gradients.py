"""How large the gradient is where it enters and leaves the link."""

from collections.abc import Callable

import torch
from torch import Tensor

from linksim.stages.softmax import gradient_of_logits
from linksim_training import world
from linksim_training.model import Output
from linksim_training.parts import AnyOutput

SIGNALS = ("latents", "assignment", "symbols", "embedding")


class SignalGradients:
    """Catches the gradients of the link's signals on the way back.

    latents: the encoder's output. assignment: the logits of the assignment, behind which nothing but the
    quantizer's distances lies; their gradient vanishes where the assignment is one-hot. symbols: the soft
    ones. embedding: the received ones.
    """

    def __init__(self) -> None:
        self._squares: dict[tuple[str, int], Tensor] = {}

    def watch(self, output: AnyOutput) -> None:
        """Catch the gradients of these signals in the backward pass that follows, those of all modes."""
        self._squares = {}
        self._catch("latents", 0, output.latents)
        for mode, one in enumerate([output] if isinstance(output, Output) else output.outputs):
            trace = one.trace
            soft = trace if trace.surrogate is None else trace.surrogate
            self._catch("symbols", mode, soft.symbols)
            self._catch("embedding", mode, trace.embedding)
            if soft.assignment is not None and soft.assignment.requires_grad:
                soft.assignment.register_hook(self._catcher_of_logits(mode, soft.assignment.detach()))

    def _catch(self, name: str, mode: int, signal: Tensor | None) -> None:
        if signal is None or not signal.requires_grad:
            return

        def catch(gradient: Tensor) -> None:
            real = torch.view_as_real(gradient) if gradient.is_complex() else gradient
            self._squares[name, mode] = _energy(real)

        signal.register_hook(catch)

    def _catcher_of_logits(self, mode: int, assignment: Tensor) -> Callable[[Tensor], None]:
        def catch(gradient: Tensor) -> None:
            self._squares["assignment", mode] = _energy(gradient_of_logits(assignment, gradient))

        return catch

    def norms(self) -> dict[str, Tensor]:
        """Norms over the frames of all processes, zero where no gradient came; to be asked once a step."""
        zero = torch.zeros((), dtype=torch.float64)
        squares: dict[str, Tensor] = dict.fromkeys(SIGNALS, zero)
        for (name, _), one in self._squares.items():
            squares[name] = squares[name] + one
        with torch.no_grad():
            total = world.sums({name: one.cpu() for name, one in squares.items()})
        # Every process sees the loss of all, so its own gradients are that many times too large.
        return {f"gradient_norm_{name}": one.sqrt() / world.size() for name, one in total.items()}


def _energy(gradient: Tensor) -> Tensor:
    """Σ x² of a real tensor, in float64."""
    flat = gradient.detach().double().flatten()
    return torch.dot(flat, flat)
