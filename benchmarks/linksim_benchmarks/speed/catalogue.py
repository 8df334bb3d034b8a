"""All subjects by name."""

from linksim_benchmarks.speed.fused_chain import FUSED
from linksim_benchmarks.speed.modem_chain import MODEM_FUSED, MODEM_SIONNA
from linksim_benchmarks.speed.peers.commpy import COMMPY
from linksim_benchmarks.speed.peers.hermespy import HERMESPY
from linksim_benchmarks.speed.peers.itpp import ITPP
from linksim_benchmarks.speed.peers.kaira import KAIRA
from linksim_benchmarks.speed.peers.liquid_dsp import LIQUID_DSP
from linksim_benchmarks.speed.rng_bound import RNG_BOUND
from linksim_benchmarks.speed.sionna_chain import SIONNA

_OWN = (FUSED, SIONNA, MODEM_SIONNA, MODEM_FUSED)
_PEERS = (KAIRA, COMMPY, HERMESPY, LIQUID_DSP, ITPP)

SUBJECTS = {subject.name: subject for subject in (*_OWN, *_PEERS, RNG_BOUND)}
