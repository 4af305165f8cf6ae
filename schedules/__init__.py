"""Text to numbers over time; no torch."""
