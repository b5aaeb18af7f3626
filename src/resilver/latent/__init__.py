"""Latent search: faces that a prior can draw and that shrink to a given tiny one [extra: train]."""
