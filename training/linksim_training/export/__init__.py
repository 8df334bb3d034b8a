"""Deployment bundles: what `linksim.deploy` runs without PyTorch."""

from linksim_training.export.bundle import WordLengths, write_bundle

__all__ = ["WordLengths", "write_bundle"]
