"""Load clients in a process of their own: raw uvloop protocols, so that the client costs a fraction of what it measures.

`python -m loadtest.benchmarks.clients KIND OPTIONS` (JSON) connects and says `ready`, then obeys a word a line: `start` sending, `mark` the
beginning of the measured window, `end` it and send nothing more. It answers with one line of JSON and ends.
"""
