"""The stages in a row, on a choice of hard and soft at each."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, one_hot

from linksim import checks
from linksim.config import LinkConfig
from linksim.inputs import check_input
from linksim.modem import Modem
from linksim.signals import Draw, Trace
from linksim.stages.channel import Channel, make_channel
from linksim.stages.code import Code
from linksim.stages.decide import Decide
from linksim.stages.decide_integer import IntegerArithmetic
from linksim.stages.defects import Defects
from linksim.stages.demap import Demap
from linksim.stages.front_end import Converter, FrontEnd, RappAmplifier
from linksim.stages.llr_quantizer import LlrQuantizer
from linksim.stages.map import Map
from linksim.stages.quantize import Quantize

STAGES = ("quantize", "map", "decide")
"""The stages whose hard and soft maps differ; the others are one function."""


class Chain(nn.Module):
    """The stages of a link, made from its configuration.

    Args:
        config: what the link is made of.
        codebook: [K, D] initial codewords.
        quantizer, channel, constellation: as for `Link`.
    """

    def __init__(
        self,
        config: LinkConfig,
        codebook: Tensor,
        quantizer: Quantize | None,
        channel: Channel | None,
        constellation: Tensor | None,
    ) -> None:
        super().__init__()
        if constellation is not None:
            config = replace(config, modulation="custom")
        elif config.modulation == "custom":
            raise ValueError("modulation 'custom' needs the points: give Link(config, constellation=points)")
        self.config = config
        self.layout = config.layout
        self.vq_temp = 0.7
        self.symbol_temp = 0.7
        self.codebook = nn.Parameter(codebook)
        self.modem = Modem(
            config.bits_per_symbol, config.demapper, config.backend, constellation, config.modulation
        )
        self.quantize = Quantize() if quantizer is None else quantizer
        self.code = Code(self.layout, config.bp_iterations, config.code_gradient, config.bp_early_stop)
        self.defects = Defects(config)
        self.deployed_map = Map(self.layout, self.modem, self.code)
        self.map = self.defects.map(self.deployed_map)
        self.front_end = make_front_end(config)
        self.channel = make_channel(config) if channel is None else channel
        llr_quantizer = None if config.llr_bits is None else LlrQuantizer(config.llr_bits, config.llr_step)
        self.demap = Demap(self.layout, self.modem, llr_quantizer)
        integer = None
        if config.arithmetic == "integer":
            assert llr_quantizer is not None
            integer = IntegerArithmetic(llr_quantizer, config.weight_bits, config.codebook_bits)
        self.decide = self.defects.decide(Decide(self.layout, config.decision, config.radius, integer))

    def run(
        self,
        latents: Tensor | None,
        index: Tensor | None,
        bits: Tensor | None,
        draw: Draw | None,
        paths: Mapping[str, str],
        vq_temp: float | None,
        symbol_temp: float | None,
        decide: bool = True,
    ) -> Trace:
        """Transmit latents, indices or bits on a draw; `paths` names hard or soft for each of `STAGES`.

        Without `decide`, the trace ends with the LLRs of the information bits.

        Raises:
            TypeError, ValueError: if the input does not fit the link, or a temperature is not positive.
        """
        draw = check_input(self.config, latents, index, bits, draw)
        vq_temp = checks.real("vq_temp", self.vq_temp if vq_temp is None else vq_temp, above=0)
        symbol_temp = checks.real(
            "symbol_temp", self.symbol_temp if symbol_temp is None else symbol_temp, above=0
        )
        with torch.autocast(self.codebook.device.type, enabled=False):
            sent = self._quantize(latents, index, draw, paths, vq_temp)
            if bits is not None:
                sent = sent.replace(information_bits=bits.to(self.codebook.dtype))
            return self.receive(self._map(sent, paths, symbol_temp), draw, paths, decide)

    def run_hard_beside(self, soft: Trace, draw: Draw) -> Trace:
        """The hard path of the latents of a soft trace: their nearest codewords are known already."""
        assert soft.index is not None
        with torch.autocast(self.codebook.device.type, enabled=False):
            quantized = embedding(soft.index, self.codebook)
            sent = Trace(latents=soft.latents, index=soft.index, quantized=quantized)
            hard: Mapping[str, str] = dict.fromkeys(STAGES, "hard")
            return self.receive(self._map(sent, hard, self.symbol_temp), draw, hard)

    def receive(self, sent: Trace, draw: Draw, paths: Mapping[str, str], decide: bool = True) -> Trace:
        """Send the symbols of a trace over the channel and decide; `paths` and `decide` as for `run`."""
        assert sent.symbols is not None
        with torch.autocast(self.codebook.device.type, enabled=False):
            transmitted = self._front_end(sent, paths).transmit(sent.symbols)
            return self.hear(sent.replace(transmitted=transmitted), draw, paths, decide)

    def hear(self, sent: Trace, draw: Draw, paths: Mapping[str, str], decide: bool = True) -> Trace:
        """From what left the transmitter's front end: channel, LLRs, decision."""
        assert sent.transmitted is not None
        with torch.autocast(self.codebook.device.type, enabled=False):
            demap = self.defects.demap(self.demap) if paths["map"] == "soft" else self.demap
            received, gain, noise_variance = self.channel.apply(sent.transmitted, draw.channel)
            received, noise_variance = self._front_end(sent, paths).receive(received, gain, noise_variance)
            llr = demap(received, gain, noise_variance)
            decoded = self.code.decode(llr)
            heard = sent.replace(
                received=received,
                llr=llr,
                information_llr=decoded.llr,
                crc_ok=decoded.crc_ok,
            )
            if not decide:
                return heard
            decision: Callable = self.decide.hard if paths["decide"] == "hard" else self.decide.soft
            decided = decision(decoded.llr, self.codebook)
            return heard.replace(
                posterior=decided.posterior, decoded_index=decided.index, embedding=decided.embedding
            )

    def _front_end(self, sent: Trace, paths: Mapping[str, str]) -> FrontEnd:
        if paths["map"] == "hard":
            return self.front_end
        assert sent.symbols is not None
        return self.defects.front_end(self.front_end, sent.symbols)

    def mean_symbols(self, assignment: Tensor) -> Tensor:
        """[B, S] means of the symbols of distributions over the codebook, [B, N, K], without sharpening.

        Linear in each token's distribution, and exact on one-hot ones, where its gradient, unlike that of
        sharpened symbols, does not vanish. Defects of the surrogate do not touch it.
        """
        with torch.autocast(self.codebook.device.type, enabled=False):
            return self.deployed_map.mean_symbols(assignment)

    def _quantize(
        self,
        latents: Tensor | None,
        index: Tensor | None,
        draw: Draw,
        paths: Mapping[str, str],
        temperature: float,
    ) -> Trace:
        codebook = self.codebook
        soft = paths["quantize"] == "soft"
        if latents is not None:
            normalised = self.quantize.normalise(latents.to(codebook.dtype))
            if soft:
                assignment = self.quantize.soft(normalised, codebook, temperature)
                if paths["map"] == "hard":
                    index = self.quantize.sample(assignment, draw.uniforms)
                else:
                    index = self.quantize.hard(normalised, codebook)
                quantized = assignment @ codebook
                return Trace(latents=normalised, assignment=assignment, quantized=quantized, index=index)
            index = self.quantize.hard(normalised, codebook)
            return Trace(latents=normalised, index=index, quantized=embedding(index, codebook))
        if index is None:
            return Trace()
        assignment = one_hot(index.long(), codebook.shape[0]).to(codebook.dtype) if soft else None
        return Trace(index=index.long(), assignment=assignment, quantized=codebook[index.long()])

    def _map(self, sent: Trace, paths: Mapping[str, str], temperature: float) -> Trace:
        if sent.index is None:
            assert sent.information_bits is not None
            bits, symbols = self.map.hard_bits(sent.information_bits)
            return sent.replace(bits=bits, symbols=symbols)
        if paths["map"] == "hard":
            information = self.map.information_bits(sent.index)
            bits, symbols = self.map.hard_bits(information)
            return sent.replace(information_bits=information, bits=bits, symbols=symbols)
        assignment = sent.assignment
        if assignment is None:
            assignment = one_hot(sent.index, self.codebook.shape[0]).to(self.codebook.dtype)
        information = self.map.information_probabilities(assignment)
        bits, probabilities, symbols = self.map.soft(assignment, temperature, information)
        return sent.replace(
            information_bits=information,
            bits=bits,
            symbol_probabilities=probabilities,
            symbols=symbols,
        )


def make_front_end(config: LinkConfig) -> FrontEnd:
    """The converters and the amplifier that a configuration describes."""
    return FrontEnd(
        dac=None if config.dac_bits is None else Converter(config.dac_bits, config.dac_backoff_db),
        amplifier=(
            None
            if config.pa_backoff_db is None
            else RappAmplifier(config.pa_backoff_db, config.pa_smoothness)
        ),
        adc=None if config.adc_bits is None else Converter(config.adc_bits, config.adc_backoff_db),
    )
