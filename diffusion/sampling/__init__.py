"""Samplers, noise schedules, the sampler loop, seeded noise."""
