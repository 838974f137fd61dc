"""The reports say what their documents say, whatever is missing."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from loadtest.report import write, write_any, write_capacity, write_comparison
from loadtest.report.__main__ import main
from loadtest.report.capacity_page import capacity_page
from loadtest.report.comparison_page import comparison_page
from loadtest.report.result_page import result_page
from tests.unit.loadtest.report_documents import PAGES, Page, capacity, comparison, result


def test_a_clean_run_has_passed_and_shows_its_six_zeros() -> None:
    page = result_page(result())
    assert "verdict passed" in Page(page).classes("div")
    assert page.count("<dd>0</dd>") >= 6
    assert "must be 0" not in page


def test_a_lost_message_turns_the_verdict_red_and_shows_the_count_even_if_the_document_claims_that_it_passed() -> None:
    document = result()
    document["counts"]["lost"] = 3
    page = Page(result_page(document))
    assert "verdict failed" in page.classes("div")
    assert "wrong" in page.classes("div")
    assert "lost: 3" in page.text


def test_a_finding_of_the_audit_turns_the_verdict_red() -> None:
    document = result()
    document["audit"]["double_replies"] = 1
    assert "verdict failed" in Page(result_page(document)).classes("div")


def test_a_count_that_was_not_measured_is_no_zero_and_the_run_has_not_passed() -> None:
    document = result()
    del document["counts"]["doubled"]
    page = Page(result_page(document))
    assert "verdict unknown" in page.classes("div")
    assert "Not measured: doubled." in page.text


def test_a_store_that_no_other_process_can_read_is_not_audited_and_may_pass() -> None:
    page = Page(result_page(result() | {"audit": None}))
    assert "verdict passed" in page.classes("div")
    assert "not measured" in page.text


def test_the_page_says_from_when_on_all_users_were_there() -> None:
    document = result()
    assert "when all users were there" not in result_page(document)
    document["summary"]["steady_from_s"] = 2.1
    assert "from 2.10 s on, when all users were there" in " ".join(Page(result_page(document)).text.split())


def test_availability_is_never_rounded_up_to_all() -> None:
    document = result()
    document["summary"]["availability"] = 0.9999999
    assert "99.999 %" in result_page(document)


def test_missing_series_draw_no_line_but_the_page_is_written() -> None:
    document = result()
    for each in document["series"]:
        del each["queue_depth"], each["broker_queue_length"]
        each["first_token_ms"] = {"p50": None}
    full, sparse = result_page(result()), result_page(document)
    assert full.count('<path class="line') - sparse.count('<path class="line') == 2 * (2 + 3)  # swatch and line
    assert sparse.count("Not measured.") == 2


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("left", [None, 0, "", [], {}])
def test_a_document_with_any_part_missing_still_has_its_page(kind: str, left: object) -> None:
    render, make = PAGES[kind]
    for name in make():
        document = make()
        document[name] = deepcopy(left)
        assert "</html>" in render(document)
    assert "</html>" in render({})


def test_a_comparison_says_its_verdict_in_words_and_shows_broken_promises_of_either_side() -> None:
    document = comparison()
    document["b"][1]["counts"]["doubled"] = 2
    page = Page(comparison_page(document))
    assert "A is better in 1 of 2 figures; 1 is inside the noise." in page.text
    assert "1 of 2 rounds failed" in page.text
    assert page.classes("div").count("wrong") == 1


def test_a_comparison_draws_an_interval_where_there_is_one_and_the_rounds_faintly() -> None:
    source = comparison_page(comparison())
    assert source.count('class="interval a"') == 1
    assert 'class="interval noise"' not in source
    assert source.count('<path class="line c1 faint"') == 2 * 12
    assert source.count('stroke-dasharray="5.5 5"') == 2 * 12  # B, and its swatch


def test_a_comparison_names_the_settings_that_differ() -> None:
    document = comparison()
    document["b"][0]["profile"]["settings"]["LEASE_S"] = "60"
    page = Page(comparison_page(document))
    assert "profile.settings.LEASE_S" in page.text
    assert "machine.cpus" not in page.text


def test_a_capacity_search_shows_the_highest_load_its_limits_and_which_steps_kept_them() -> None:
    source = capacity_page(capacity())
    assert "200 users is the highest load that kept the limits." in Page(source).text
    assert source.count('<line class="limit"') == 1  # no time to the first token was measured, so its limit has no plot
    assert source.count('class="word broken"') == 1
    assert source.count("<circle") == 2 * 4
    assert source.count('<path class="cross') == 4


def test_a_message_lost_at_any_load_is_told_on_top_of_a_capacity_search() -> None:
    document = capacity()
    for step in document["steps"]:
        step["counts"] = result()["counts"]
    assert "verdict failed" not in Page(capacity_page(document)).classes("div")
    document["steps"][1]["counts"] = result()["counts"] | {"lost": 1}
    page = Page(capacity_page(document))
    assert "verdict failed" in page.classes("div")
    assert "lost: 1" in page.text


def test_every_try_of_a_load_is_drawn_and_the_line_goes_through_their_median() -> None:
    document = capacity()
    again = json.loads(json.dumps(document["steps"][1]))
    again["summary"]["sends_per_s"] = 70.1
    source = capacity_page(document | {"steps": [*document["steps"], again]})
    assert source.count('<path class="cross') == 2 * 4
    assert "<title>400 users\nsends: 65.1/s" in source


def test_the_users_and_the_model_are_not_counted_as_servers() -> None:
    document = comparison()
    for side in (*document["a"], *document["b"]):
        for each in side["series"]:
            each["cpu_cores"] |= {"client": 5.0, "model": 5.0}
    assert "<desc>A: 0.70 cores to 0.70 cores" in comparison_page(document)


def test_a_search_in_which_no_step_kept_the_limits_says_so() -> None:
    assert "No step kept the limits." in capacity_page(capacity() | {"highest": None})


def test_the_command_writes_the_page_beside_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "result.json").write_text(json.dumps(result()))
    main([str(tmp_path / "result.json")])
    assert "PostgreSQL and Celery" in (tmp_path / "result.html").read_text()
    assert capsys.readouterr().out == f"{tmp_path / 'result.html'}\n"


@pytest.mark.parametrize("content", ["{}", "[]", "{", None])
def test_the_command_says_what_is_wrong_with_a_document_it_cannot_read(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "x.json")])
    assert stopped.value.code == 1
    assert "x.json" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_each_kind_of_document_is_known_by_what_it_holds(tmp_path: Path) -> None:
    for save, document in ((write, result()), (write_comparison, comparison()), (write_capacity, capacity())):
        save(document, tmp_path / "named.html")
        write_any(document, tmp_path / "guessed.html")
        assert (tmp_path / "named.html").read_bytes() == (tmp_path / "guessed.html").read_bytes()


def test_half_a_character_from_a_server_does_not_stop_the_report(tmp_path: Path) -> None:
    write(result("broken \ud83d emoji"), tmp_path / "page.html")
    assert "broken ? emoji" in (tmp_path / "page.html").read_text()
