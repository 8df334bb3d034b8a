"""How large the gradient is where it enters and leaves the link."""

import torch
from torch import Tensor

from linksim_training import world
from linksim_training.model import Output

SIGNALS = ("latents", "assignment", "symbols", "embedding")


class SignalGradients:
    """Catches the gradients of the link's signals on the way back.

    latents: the encoder's output. assignment: the logits of the assignment, behind which nothing but the
    quantizer's distances lies; their gradient vanishes where the assignment is one-hot. symbols: the soft
    ones. embedding: the received ones.
    """

    def __init__(self) -> None:
        self._squares: dict[str, Tensor] = {}

    def watch(self, output: Output) -> None:
        """Catch the gradients of these signals in the backward pass that follows."""
        self._squares = {}
        trace = output.trace
        soft = trace if trace.surrogate is None else trace.surrogate
        watched = {"latents": output.latents, "symbols": soft.symbols, "embedding": trace.embedding}
        for name, signal in watched.items():
            if signal is not None and signal.requires_grad:
                signal.register_hook(self._catcher(name))
        if soft.assignment is not None and soft.assignment.requires_grad:
            soft.assignment.register_hook(self._catcher_of_logits(soft.assignment.detach()))

    def _catcher(self, name: str):
        def catch(gradient: Tensor) -> None:
            real = torch.view_as_real(gradient) if gradient.is_complex() else gradient
            self._squares[name] = real.detach().double().square().sum()

        return catch

    def _catcher_of_logits(self, assignment: Tensor):
        def catch(gradient: Tensor) -> None:
            # Through the softmax: q·(g − ⟨q, g⟩).
            mean = (assignment * gradient).sum(-1, keepdim=True)
            logits = assignment * (gradient - mean)
            self._squares["assignment"] = logits.detach().double().square().sum()

        return catch

    def norms(self) -> dict[str, Tensor]:
        """Norms over the frames of all processes, zero where no gradient came; to be asked once a step."""
        zero = torch.zeros((), dtype=torch.float64)
        squares = {name: self._squares.get(name, zero) for name in SIGNALS}
        with torch.no_grad():
            total = world.sums({name: one.cpu() for name, one in squares.items()})
        # Every process sees the loss of all, so its own gradients are that many times too large.
        return {f"gradient_norm_{name}": one.sqrt() / world.size() for name, one in total.items()}
