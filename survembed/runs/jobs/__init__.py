"""Jobs of a sweep: folder, locks, local and cluster workers. Imports no training code."""
