"""DICOM series and segmentations."""
