"""Numbers that the simulator shares with what runs its link without PyTorch."""

LEAST_POWER = 1e-15
"""Of a gain; keeps a symbol that faded away finite, with LLRs of zero."""

LEAST_VARIANCE = 1e-20
"""Of noise; keeps the exponents of LLRs finite in float32."""

NORM_EPSILON = 1e-5
"""Added to the variance of a token by layer normalisation."""

LOOK_EVERY = 2
"""Iterations of belief propagation between two looks at the CRC."""
