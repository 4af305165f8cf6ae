"""Trainers of the embedded model: python -m training.mini --help."""
