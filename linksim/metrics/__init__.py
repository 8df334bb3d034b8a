"""Confidence intervals for counted results, and closed-form error rates to hold them against."""
