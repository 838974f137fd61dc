"""The stand-in model: a server that speaks OpenAI's chat completions, says what can be checked, as slowly and as badly as it is asked to.

python -m loadtest.model --port 9100 --seed 1 --first-token-s lognormal:0.6,0.5 --tokens-per-s 20 --tokens 40 --faults 429:0.01,cut:0.005

What a call gets (text, length, pace, fault) depends on the seed, the text of its last message and how often that was asked before, never on
the order of arrival. `replies` derives the text, so whoever asks can tell whether an answer is its own, whole and of one call.
`GET /stand-in/seen` tells what it has seen, `DELETE /stand-in/seen` tells it and forgets.

Measured with 1,000 streams at once on one shared core: about 50,000 tokens a CPU-second when they are paced (one write each; 1,000 streams
at 20 a second take 0.4 of a core), 1.8 million as fast as they go.
"""
