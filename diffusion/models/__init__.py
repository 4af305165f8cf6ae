"""Checkpoints, autoencoders, text encoders: identify, load, cache."""
