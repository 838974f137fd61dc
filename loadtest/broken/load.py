"""The load that meets a rare defect within a minute: short replies, and many of them."""

from __future__ import annotations

from collections.abc import Mapping

QUICK: Mapping[str, str] = {"users": "40", "first_token_s": "fixed:0", "tokens_per_s": "fixed:100", "tokens": "fixed:8"}
