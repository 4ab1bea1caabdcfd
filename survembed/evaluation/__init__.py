"""Out-of-sample predictions and their scores."""
