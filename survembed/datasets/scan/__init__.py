"""Scans of one subject: files, voxel grids, NIfTI, orientation."""
