"""Locust users of imcore who check every answer: their own, whole, once, in order, and as the history has it.

With Locust's web page: `locust -f loadtest/locustfile.py --host http://127.0.0.1:8000 --class-picker`.
Without: `python -m loadtest.users --host http://127.0.0.1:8000 --scenario websocket --users 100 --seconds 60 --out result.jsonl`.
"""
