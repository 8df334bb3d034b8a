"""Throughput of whole uncoded chains, linksim's beside those of other simulators."""
