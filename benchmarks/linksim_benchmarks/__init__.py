"""Benchmarks over a linksim link: bit error rate, accuracy against SNR, audit, pictures."""
