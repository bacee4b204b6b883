"""One verb a file, composed from the rooms below."""
