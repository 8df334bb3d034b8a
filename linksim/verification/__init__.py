"""What holds of the simulator: its laws, independent references, and the checks of `linksim verify`.

Everything here raises `linksim.verification.broken.Broken` where something does not hold; nothing relies on
`assert`, so that it also works under `python -O`.
"""
