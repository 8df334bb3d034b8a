"""Monte-Carlo sweeps: points counted in chunks until a rule stops them, stored, spread over workers."""
