"""Chains of other simulators, each in the configuration in which it is fastest."""
