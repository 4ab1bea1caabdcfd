"""Tables: clinical tables of studies, and tables as images."""
