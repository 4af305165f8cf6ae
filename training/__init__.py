"""The painter and the trainers of models/mini."""
