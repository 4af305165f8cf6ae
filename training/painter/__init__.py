"""The painter: captioned procedural scenes with exact depth and motion, what the mini models are trained on."""
