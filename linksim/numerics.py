"""Numbers that the simulator and the runtime of bundles share, which keep a receiver's arithmetic finite."""

LEAST_POWER = 1e-15
"""Of a gain; keeps a symbol that faded away finite, with LLRs of zero."""

LEAST_VARIANCE = 1e-20
"""Of noise; keeps the exponents of LLRs finite in float32."""

LOOK_EVERY = 2
"""Iterations of belief propagation between two looks at the CRC."""
