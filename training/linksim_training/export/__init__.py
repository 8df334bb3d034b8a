"""Deployment bundles: what `linksim.deploy` runs without PyTorch."""
