"""The report: numbers and pictures in, one HTML file out."""
