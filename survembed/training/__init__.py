"""How a model is trained: batches, recipe and loop."""
