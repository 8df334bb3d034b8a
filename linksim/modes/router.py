"""The router: which mode a frame is sent in."""

import torch
from torch import Tensor, nn

HIDDEN = 32
SNR_CENTRES_DB = tuple(range(-10, 36, 5))
SNR_WIDTH_DB = 2.5
SCALE = 10.0


class Router(nn.Module):
    """Scores of the modes from the latents and the SNR.

    The SNR enters as Gaussian bumps every 5 dB, so that what is learnt at one SNR leaves others alone. They
    are weighted directly, and together with the latents go through a hidden layer. All scores start at zero,
    where every mode is as likely as the others.

    Args:
        tokens: N.
        embedding_dim: D.
        modes: number of modes.
        generator: of the initial weights.
        hidden: width of the hidden layer.
    """

    centres: Tensor

    def __init__(
        self, tokens: int, embedding_dim: int, modes: int, generator: torch.Generator, hidden: int = HIDDEN
    ) -> None:
        super().__init__()
        size, bumps = tokens * embedding_dim, len(SNR_CENTRES_DB)
        # Drawn here and not by PyTorch, whose initialisation takes the global generator.
        bound = size**-0.5
        of_latents = torch.rand(hidden, size, generator=generator) * 2 * bound - bound
        of_snr = torch.rand(hidden, bumps, generator=generator) * 2 - 1
        self.latent_weight = nn.Parameter(of_latents)
        self.snr_weight = nn.Parameter(of_snr)
        self.hidden_weight = nn.Parameter(torch.zeros(modes, hidden))
        self.direct_weight = nn.Parameter(torch.zeros(modes, bumps))
        self.register_buffer("centres", torch.tensor(SNR_CENTRES_DB, dtype=torch.float32), persistent=False)

    def forward(self, latents: Tensor, snr_db: Tensor) -> Tensor:
        """Score.

        Args:
            latents: [B, N, D], normalised.
            snr_db: [B] Es/N0 in dB, which the transmitter knows; beyond the outermost centres, theirs counts.

        Returns:
            [B, modes] logits.
        """
        snr = snr_db.to(latents).clamp(SNR_CENTRES_DB[0], SNR_CENTRES_DB[-1]).unsqueeze(1)
        bumps = (-0.5 * ((snr - self.centres.to(latents)) / SNR_WIDTH_DB).square()).exp()
        hidden = (latents.flatten(1) @ self.latent_weight.T + bumps @ self.snr_weight.T).tanh()
        # With the scale, modes are told apart within hundreds of steps of the usual size, not thousands.
        return SCALE * (hidden @ self.hidden_weight.T / HIDDEN**0.5 + bumps @ self.direct_weight.T)
