"""Many runs in one folder: cells, locks, and the ways to run them; light, and without knowledge of training."""
