"""Settings files of other tools to Project."""
