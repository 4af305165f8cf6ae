"""More or fewer frames from frames."""
