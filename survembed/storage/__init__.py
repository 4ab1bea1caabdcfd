"""Atomic files, HDF5, locks, NIfTI."""
