"""Faults of the model: each message ends in success or in a failure that says why; none is silent, none harms another message."""

from __future__ import annotations

from collections.abc import Mapping

from tests.faults.crowd import Load
from tests.faults.evidence import Evidence
from tests.faults.fault import EVERYWHERE, Fault, FaultCheck
from tests.faults.scene import Scene
from tests.faults.verdict import FAILED, SUCCESS

MARKED_EVERY = 3
SETTINGS: Mapping[str, object] = {"LLM_FIRST_TOKEN_TIMEOUT_S": 3, "LLM_TIMEOUT_S": 8}
PATIENT: Mapping[str, object] = {"LLM_TIMEOUT_S": 60}


async def as_marked(scene: Scene) -> None:
    """The harm is in the messages themselves: the stand-in fails as they ask."""
    scene.breaks("the model fails at every third message of a user")
    scene.mended = 0.0  # nothing has to recover


def marked_end_with(marker: str, *codes: str) -> FaultCheck:
    """Those with the marker fail with one of `codes` (no codes: they succeed), all others succeed."""

    async def check(scene: Scene, evidence: Evidence) -> None:
        for said in evidence.said:
            for record in said.records:
                text = said.user.texts[record["user_message_id"]]
                wanted = (FAILED, codes) if marker in text and codes else (SUCCESS, (None,))
                is_so = record["status"] == wanted[0] and record["error_code"] in wanted[1]
                scene.check(is_so, f"{text!r} ended with status {record['status']}, {record['error_code']}")

    return check


def _fault(name: str, about: str, marker: str, *codes: str, settings: Mapping[str, object] = SETTINGS) -> Fault:
    return Fault(
        name,
        about,
        as_marked,
        databases=EVERYWHERE,
        load=Load(marker=marker, marked_every=MARKED_EVERY),
        model=True,
        settings=settings,
        check=marked_end_with(marker, *codes),
    )


FAULTS = (
    _fault("model-hangs", "headers, then nothing", "[hang]", "llm_timeout"),
    _fault("model-stalls", "two tokens, then nothing", "[stall]", "llm_timeout"),
    _fault("model-429-once", "429 with Retry-After, then an answer", "[status-429 once]", settings=PATIENT),
    _fault("model-429", "429 with Retry-After, always", "[status-429]", "llm_rate_limited", settings=PATIENT),
    _fault("model-500", "500, always", "[status-500]", "llm_unavailable", settings=PATIENT),
    _fault("model-cut", "a clean end without a finish reason", "[cut]", "llm_stream_cut"),
    _fault("model-breaks", "the connection is dropped", "[break]", "llm_stream_cut", "llm_unavailable"),
    _fault("model-malformed", "a chunk that is no JSON", "[malformed]", "llm_stream_cut", "llm_bad_output"),
    _fault("model-slow", "a token a second", "[slow]", settings=PATIENT),
)
