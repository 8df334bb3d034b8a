"""The settings that the options of `linksim train-agent` ask for."""

from collections.abc import Mapping

from linksim import checks
from linksim.arguments import numbers
from linksim_benchmarks.agents.evaluation import STEPS
from linksim_benchmarks.agents.labelling import Labelling
from linksim_benchmarks.agents.link_adaptation import LinkAdaptation
from linksim_benchmarks.agents.options import TrainAgentOptions
from linksim_benchmarks.agents.scenario import Scenario
from linksim_benchmarks.agents.semantic_rate import SemanticRate
from linksim_benchmarks.agents.transmit import Transmit
from linksim_envs.link_adaptation_settings import LinkAdaptationSettings

KINDS: Mapping[str, type[Scenario]] = {
    kind.env: kind for kind in (LinkAdaptation, SemanticRate, Transmit, Labelling)
}


def scenarios_of(options: TrainAgentOptions) -> list[Scenario]:
    """Every combination of what was asked for, once.

    Raises:
        TypeError, ValueError: if a value is out of range.
    """
    found: list[Scenario] = []
    if options.env == "Transmit":
        found += [Transmit(snr) for snr in dict.fromkeys(numbers("--snr-db", options.snr_db))]
    elif options.env == "SemanticRate":
        prices = dict.fromkeys(numbers("--symbol-price", options.symbol_price))
        found += [SemanticRate(price, options.checkpoint) for price in prices]
    elif options.env == "Labelling":
        for number in dict.fromkeys(numbers("--codebooks", options.codebooks)):
            whole = int(number) if number.is_integer() else number
            found.append(Labelling(checks.whole("--codebooks", whole, 0)))
    else:
        for correlation in dict.fromkeys(numbers("--correlation", options.correlation)):
            for bias in dict.fromkeys(numbers("--report-bias-db", options.report_bias_db)):
                settings = LinkAdaptationSettings(
                    coded=options.coded,
                    correlation=correlation,
                    report_bias_db=bias,
                    episode_length=STEPS,
                )
                found.append(LinkAdaptation(settings))
    for scenario in found:
        scenario.exact_env(1)  # refuses what is out of range before anything is played
    return found
