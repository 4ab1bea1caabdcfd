"""One file a command, callable from Python; nothing here prints."""
