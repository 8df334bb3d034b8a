"""Policies to compare agents with."""
