"""Celery: hints travel from whoever commits a message to whoever writes replies."""
