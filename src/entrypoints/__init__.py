"""The delivery shells: each parses what comes in, calls one use case and renders what comes out."""
