"""Gates of the embedded models: python -m training.evaluate {pictures,depth}."""
