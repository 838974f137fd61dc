"""The fault suite: real processes on loopback, killed for real, and an account of every message. See docs/faults.md."""
