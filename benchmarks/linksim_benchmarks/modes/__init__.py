"""Models with several modes: what each mode, routers and thresholds reach, and at which rate."""
