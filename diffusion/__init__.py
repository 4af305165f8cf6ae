"""Text and pictures to pictures; the only place with latents."""
