"""Where pixels go: geometry, and the models that see it."""
