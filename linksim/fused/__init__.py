"""Square QAM in compiled loops: LLRs, their gradients, and the whole uncoded chain counted in one pass."""
