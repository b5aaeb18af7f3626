"""Training: photo streams, losses, one loop, export. Needs the `train` extra (torch)."""
