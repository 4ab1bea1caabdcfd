"""Files that are written whole or not at all, HDF5, locks, NIfTI."""
