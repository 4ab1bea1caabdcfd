"""The command line: one file a command, which parses, calls the workflow of the same name and renders."""
