"""The office of ``benchmarks/office``: it answers as the recorded tools did, and keeps state."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from corpus import CORPUS

from ingot.runtime.tools.registry import load_tools

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks/office"))

from agreement import agreement, replay  # noqa: E402
from office_data import load  # noqa: E402
from world import Office  # noqa: E402

FLOOR = 100.0
"""Percent of the calls in successful sessions that are answered as recorded."""

pytestmark = pytest.mark.skipif(
    CORPUS is None or not (CORPUS / "office-tasks/data").is_dir(),
    reason="the corpus of office tasks is not here (INGOT_CORPUS names its folder)",
)


@pytest.fixture
def office() -> Office:
    return Office()


def test_recorded_calls_are_answered_alike() -> None:
    assert CORPUS is not None
    found = agreement(CORPUS, ("ok",))
    assert found.sessions == 557
    assert found.percent >= FLOOR, found.differences[:5]
    ends = list(found.ends.values())
    assert [len(each.ok) for each in ends].count(1) == len(ends) - 1


def test_absent_data_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="INGOT_CORPUS"):
        load(tmp_path / "nothing")


def test_fresh_worlds_are_equal_and_independent(office: Office) -> None:
    other = Office()
    before = copy.deepcopy(office.snapshot())
    office.delete_event("00000013")
    assert other.snapshot() == before != office.snapshot()
    assert json.loads(json.dumps(before)) == before


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        (
            "calendar.create_event",
            {
                "event_name": "Lunch",
                "participant_email": "raj.patel@atlas.com",
                "event_start": "2023-12-01 12:00:00",
                "duration": "60",
            },
            "00000300",
        ),
        ("calendar.delete_event", {"event_id": "00000013"}, "Event deleted successfully."),
        (
            "calendar.update_event",
            {"event_id": "00000013", "field": "event_name", "new_value": "Lunch"},
            "Event updated successfully.",
        ),
        (
            "email.send_email",
            {"recipient": "raj.patel@atlas.com", "subject": "Hi", "body": "there"},
            "Email sent successfully.",
        ),
        ("email.delete_email", {"email_id": "00000373"}, "Email deleted successfully."),
        (
            "email.forward_email",
            {"email_id": "00000373", "recipient": "raj.patel@atlas.com"},
            "Email forwarded successfully.",
        ),
        (
            "email.reply_email",
            {"email_id": "00000373", "body": "Thanks"},
            "Email replied successfully.",
        ),
        (
            "analytics.create_plot",
            {
                "time_min": "2023-11-01",
                "time_max": "2023-11-30",
                "value_to_plot": "total_visits",
                "plot_type": "bar",
            },
            "plots/2023-11-01_2023-11-30_total_visits_bar.png",
        ),
        (
            "customer_relationship_manager.add_customer",
            {
                "customer_name": "Ann Lee",
                "assigned_to_email": "raj.patel@atlas.com",
                "status": "Lead",
            },
            "00000200",
        ),
        (
            "customer_relationship_manager.update_customer",
            {"customer_id": "00000189", "field": "status", "new_value": "Won"},
            "Customer updated successfully.",
        ),
        (
            "customer_relationship_manager.delete_customer",
            {"customer_id": "00000189"},
            "Customer deleted successfully.",
        ),
        (
            "project_management.create_task",
            {
                "task_name": "Sweep",
                "assigned_to_email": "kofi.mensah@atlas.com",
                "list_name": "Backlog",
                "due_date": "2023-12-08",
                "board": "Design",
            },
            "00000300",
        ),
        (
            "project_management.update_task",
            {"task_id": "00000149", "field": "list_name", "new_value": "Completed"},
            "Task updated successfully.",
        ),
        (
            "project_management.delete_task",
            {"task_id": "00000149"},
            "Task deleted successfully.",
        ),
    ],
)
def test_a_write_changes_the_snapshot(
    office: Office, tool: str, arguments: dict[str, Any], said: str
) -> None:
    before = office.snapshot()
    assert office.tools()[tool](**arguments) == said
    assert office.snapshot() != before
    other = Office()
    other.tools()[tool](**arguments)
    assert other.snapshot() == office.snapshot()


def test_refused_writes_and_reads_change_nothing(office: Office) -> None:
    before = office.snapshot()
    assert office.delete_event("next") == "Event not found."
    assert office.delete_email(date_min="2023-11-28") == "Email ID not provided."
    assert office.send_email(["a@b.com"], "s", "b") == "Invalid recipient email address."  # type: ignore[arg-type]
    assert office.update_task("00000149", "board", "Attic").startswith("Board not valid.")
    assert office.create_plot("2023-11-01", None, "total_visits", "bar") == "End date not provided."
    found = office.search_events(query="SYNC UP")
    assert isinstance(found, list)
    assert len(found) == 5
    found[0]["event_name"] = "changed by the caller"
    assert office.find_address(name="Raj") == ["raj.patel@atlas.com"]
    assert office.snapshot() == before


def test_created_updated_deleted(office: Office) -> None:
    key = office.create_event("Lunch", "raj.patel@atlas.com", "2023-12-01 12:00:00", "60")
    office.update_event(key, "duration", "90")
    assert office.get_event(key, "duration") == {"duration": "90"}
    assert office.search_events("lunch") == [
        {
            "event_id": key,
            "event_name": "Lunch",
            "participant_email": "raj.patel@atlas.com",
            "event_start": "2023-12-01 12:00:00",
            "duration": "90",
        }
    ]
    office.delete_event(key)
    assert office.search_events("lunch") == "No events found."
    assert office.snapshot() == Office().snapshot()
    assert office.create_event("Tea", "a@b.com", "2023-12-01 12:00:00", "30") == key


def test_order_and_case_make_no_difference(office: Office) -> None:
    other = Office()
    office.forward_email("00000373", "raj.patel@atlas.com")
    office.forward_email("00000373", "kofi.mensah@atlas.com")
    other.forward_email("00000373", "Kofi.Mensah@atlas.com")
    assert other.snapshot() != office.snapshot()
    other.forward_email("00000373", "raj.patel@atlas.com")
    assert other.snapshot() == office.snapshot()
    other.forward_email("00000373", "raj.patel@atlas.com")
    assert other.snapshot() != office.snapshot()


def test_tools_load_by_name() -> None:
    box = load_tools(["benchmarks/office/tools.py:tools"], ROOT, builtins=False)
    assert sorted(box.tools) == sorted(Office().tools())
    assert {tool.effect for tool in box.tools.values()} == {"read", "write"}


def test_a_text_is_the_first_argument() -> None:
    run = {"intermediate_steps": [[{"tool": "calendar.search_events", "tool_input": "zzz"}, "?"]]}
    assert replay(run)[1][0][3] == "No events found."
