"""What a run leaves on the disk."""

import json

from loadtest.output import save
from tests.unit.loadtest.report_documents import result

HALF_A_PAIR = "half of a pair: \ud83d, and a whole one: \U0001f600"


def test_a_result_is_kept_whatever_text_a_server_has_sent(tmp_path):
    document = {**result(), "examples": [HALF_A_PAIR]}
    report = save(document, tmp_path, "result.json")
    assert json.loads((tmp_path / "result.json").read_bytes())["examples"] == [HALF_A_PAIR]
    assert "half of a pair" in report.read_text(encoding="utf-8")
