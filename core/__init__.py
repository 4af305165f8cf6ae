"""Ground floor: what every part of Driftloop shares, and nothing else."""
