"""The local web page of `survembed explore`: server, access control, and the files of the page in `static/`."""
