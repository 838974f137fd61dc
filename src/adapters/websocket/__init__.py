"""Who is connected, what each connection is still to be sent, and how all of it looks as JSON. Knows no web framework."""
