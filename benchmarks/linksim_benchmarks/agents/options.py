"""The options of `linksim train-agent`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(kw_only=True)
class TrainAgentOptions:
    """Train agents and compare them with other policies, all on the same episodes over the exact link.

    LinkAdaptation: every fixed scheme, inner-loop and outer-loop link adaptation (Sionna's), SNR thresholds
    tuned on other episodes, and a genie that knows the SNR of the coming slot; agents ppo and dqn, trained on
    a physical-layer abstraction. SemanticRate: every fixed mode, SNR thresholds tuned on validation images,
    the model's own router, and a genie that knows what becomes of each frame; agents ppo and dqn, trained
    on training images. Transmit: random bits, the link's own labels, and the bits with the least
    expected distortion; agent policy-gradient. Labelling: Transmit over links of 8 codewords and one 8-PSK
    symbol at 0 to 6 dB, whose 8! labellings are all tried. Training needs pip install 'linksim[rl]'.
    """

    env: Literal["LinkAdaptation", "SemanticRate", "Transmit", "Labelling"] = "LinkAdaptation"
    """Which environment."""
    policies: tuple[str, ...] = ()
    """Of fixed, inner-loop, outer-loop, thresholds, genie; of fixed, thresholds, router, genie; of random,
    labels, best; or of labels, best-labelling, best-map. By default all."""
    agents: tuple[str, ...] = ()
    """Agents to train in each setting: of ppo, dqn; or policy-gradient. By default none: only policies are
    compared."""
    load: tuple[Path, ...] = ()
    """Files of agents that were trained before, to be compared too."""
    steps: float | None = None
    """Steps of the environment to train for; by default what the agent's recipe says."""
    train_seed: int = 0
    """Root of the random streams of training."""
    correlation: tuple[str, ...] = ("0.99",)
    """LinkAdaptation: correlations of neighbouring slots, from 0 to 1."""
    report_bias_db: tuple[str, ...] = ("0",)
    """LinkAdaptation: mean errors of the SNR report in dB; above 0 it is optimistic."""
    coded: bool = True
    """LinkAdaptation: schemes with LDPC code, or 5 modulations without."""
    snr_db: tuple[str, ...] = ("0", "5", "10", "20")
    """Transmit: Es/N0 in dB."""
    symbol_price: tuple[str, ...] = ("0.01",)
    """SemanticRate: rewards that a symbol costs, where a right class brings 1."""
    checkpoint: Path | None = None
    """SemanticRate: checkpoint of a model with several modes; by default the one that comes along."""
    codebooks: tuple[str, ...] = ("0:4:1",)
    """Labelling: numbers of random codebooks."""
    episodes: int = 64
    """Episodes of 200 steps for each policy in each setting, under each evaluation seed."""
    evaluation_seeds: int = 1
    """Sets of episodes: of seed, seed + 1, and so on."""
    workers: int | None = None
    """Processes, a setting each; all cores by default. Results do not depend on it."""
    seed: int = 0
    """Root of the random streams of the comparison."""
    out: Path = Path("runs/train-agent")
    """Folder for train-agent.csv, train-agent.json, pictures, agents, and the settings that are finished,
    from which the same command goes on."""
    overwrite: bool = False
    """Train and play again what is finished."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""
