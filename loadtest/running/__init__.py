"""One run: an installation of a profile, the stand-in model, the users, and what is measured while they talk."""
