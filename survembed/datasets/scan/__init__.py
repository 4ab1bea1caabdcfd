"""Scans of one subject: files, voxel grid, NIfTI."""
