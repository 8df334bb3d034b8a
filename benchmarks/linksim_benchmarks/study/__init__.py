"""Training methods side by side: tuned alike, trained over seeds and SNRs, tested on the deployed chain."""
