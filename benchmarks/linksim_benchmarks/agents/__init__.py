"""Policies and agents in the environments of `linksim_envs`, compared on the same episodes."""
