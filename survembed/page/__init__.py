"""The local page of `survembed explore`: a small server, who may ask it, and the files of the page in `static/`."""
