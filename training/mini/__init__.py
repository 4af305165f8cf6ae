"""Trainers of the embedded model: python -m training.mini {data,vae,unet,depth}."""
