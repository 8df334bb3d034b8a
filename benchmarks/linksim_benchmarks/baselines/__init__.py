"""Baselines to hold a trained semantic link against: what classical and simpler schemes reach."""
