"""The outside world, one technology a folder; the folders are strangers to each other."""
