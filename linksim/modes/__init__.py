"""Several links on one encoder and head, of which a router picks one for each frame."""
