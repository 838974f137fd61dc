"""The calls of the HTTP interface, a file for each thing they are about."""
