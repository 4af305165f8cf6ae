"""Clips: pictures that belong together in time, drawn by a motion module in windows."""
