"""One file a figure: numbers in, PNG and PDF out."""
