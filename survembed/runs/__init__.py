"""Run folders: configuration, weights, metrics, latents."""
