"""Cohorts of volumes with any number of image and label channels, each on a grid of its own."""
