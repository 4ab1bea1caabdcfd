"""Cohorts of 2-D pictures: files of pictures joined with a clinical table."""
