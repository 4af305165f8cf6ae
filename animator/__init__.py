"""The frame loop and everything around it; the only package that knows all the others."""
