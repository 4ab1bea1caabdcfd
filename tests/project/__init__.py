"""The project as a whole: what is published, and the files around the code."""
