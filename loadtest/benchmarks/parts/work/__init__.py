"""One part of imcore at work in a process of its own, of the checkout that is measured.

`python -m loadtest.benchmarks.parts.work MODULE:CLASS OPTIONS` (JSON) makes a `Load` of this package, which obeys as clients do.
"""
