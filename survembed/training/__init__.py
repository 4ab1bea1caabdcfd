"""Training of a model: batches, optimisers, loop, checkpoints."""
