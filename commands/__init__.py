"""The commands of render.py, one file each. Heavy imports stand inside the functions: help and lists are quick."""
