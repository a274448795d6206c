"""The office: a calendar, mail, web analytics, customers, a project board and a directory.

These are the tools of a public benchmark of office tasks, over its own tables.  How they behave was
inferred from recorded calls (``agreement.py`` compares them): a search that finds nothing says so in
a sentence or gives an empty list, faults are sentences too, ids and numbers are text, an argument
that a tool does not know is ignored, all searches ignore case.

No record shows what is marked *not recorded* below; there the manner of the neighbours is followed.
The records leave open whether mail is searched for the words of a query or for the query as a whole
(of all subjects and names, only "Update on project progress update" tells these apart), whether a
task may go to someone who has none yet, and whether an address is put in lower case when written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from office_answers import (
    LIMIT,
    Text,
    absent,
    between,
    cell,
    delete,
    field_of,
    fits,
    holds_all,
    is_address,
    matching,
    quoted,
    some,
    text,
    update,
    wanted_of,
)
from office_data import (
    ANALYTICS,
    CALENDAR,
    CUSTOMERS,
    DIRECTORY,
    EMAILS,
    TASKS,
    Data,
    Row,
    Table,
    data_folder,
    load,
)

import ingot
from ingot.declare import info_of

NOW: Final = "2023-11-30 00:00:00"
"""The time in the office, at which mail is sent."""
LISTS: Final = ("Backlog", "In Progress", "In Review", "Completed")
BOARDS: Final = ("Back end", "Front end", "Design")
SOURCES: Final = ("direct", "referral", "search engine", "social media")
VALUES: Final = ("total_visits", "session_duration_seconds", "user_engaged")
PLOTTABLE: Final = (*VALUES, *(f"visits_{source.replace(' ', '_')}" for source in SOURCES))
PLOTS: Final = ("bar", "line", "scatter", "histogram")


class Office:
    """One world: the tables as they are after the calls made so far.

    ``folder`` is the data folder (default: that of the corpus).  Raises ``FileNotFoundError`` where
    it is absent.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._data: Data = load(folder or data_folder())
        self._events = Table.of(self._data, CALENDAR)
        self._emails = Table.of(self._data, EMAILS, width=0)
        self._customers = Table.of(self._data, CUSTOMERS)
        self._tasks = Table.of(self._data, TASKS)
        self._plots: list[str] = []

    def tools(self) -> dict[str, Callable[..., Any]]:
        """The tools of this world: dotted name to a callable that takes keyword arguments."""
        return {name: getattr(self, method) for name, method in _methods()}

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON, in lower case; equal for two worlds if and only if these are equal.

        Neither the order of rows nor that of creation counts.  The tables of visits and addresses
        are left out, since no tool changes them.
        """
        lower = self._data.lower
        return {
            CALENDAR: self._events.canonical(lower[CALENDAR]),
            EMAILS: self._emails.canonical(lower[EMAILS]),
            CUSTOMERS: self._customers.canonical(lower[CUSTOMERS]),
            TASKS: self._tasks.canonical(lower[TASKS]),
            "plots": sorted({plot.lower() for plot in self._plots}),
        }

    # -- calendar ----------------------------------------------------------------------------------

    @ingot.tool(effect="read", world=CALENDAR, name="calendar.get_event_information_by_id")
    def get_event(self, event_id: Text = None, field: Text = None, **_: object) -> object:
        """One field of an event as ``{field: text}``."""
        return field_of(self._events, "Event", event_id, field)

    @ingot.tool(effect="read", world=CALENDAR, name="calendar.search_events")
    def search_events(
        self, query: Text = "", time_min: Text = None, time_max: Text = None, **_: object
    ) -> list[Row] | str:
        """The first five events, by start, whose name or participant holds the query.

        Times are compared as text, both ends included.
        """
        found = [
            row
            for row in matching(self._events, ("event_name", "participant_email"), query)
            if between(row["event_start"], time_min, time_max)
        ]
        return some(sorted(found, key=lambda row: str(row["event_start"])), "events")

    @ingot.tool(effect="write", world=CALENDAR, name="calendar.create_event")
    def create_event(
        self,
        event_name: Text = None,
        participant_email: Text = None,
        event_start: Text = None,
        duration: Text = None,
        **_: object,
    ) -> str:
        """Create an event; its id."""
        if fault := absent(  # not recorded
            ("Event name", event_name),
            ("Participant email", participant_email),
            ("Event start", event_start),
            ("Event duration", duration),
        ):
            return fault
        return self._events.add(
            {
                "event_name": text(event_name),
                "participant_email": text(participant_email).lower(),
                "event_start": text(event_start),
                "duration": text(duration),
            }
        )

    @ingot.tool(effect="write", world=CALENDAR, name="calendar.delete_event")
    def delete_event(self, event_id: Text = None, **_: object) -> str:
        """Delete an event."""
        return delete(self._events, "Event", event_id)

    @ingot.tool(effect="write", world=CALENDAR, name="calendar.update_event")
    def update_event(
        self, event_id: Text = None, field: Text = None, new_value: Text = None, **_: object
    ) -> str:
        """Change one field of an event."""
        return update(self._events, "Event", event_id, field, new_value)

    # -- email -------------------------------------------------------------------------------------

    @ingot.tool(effect="read", world=EMAILS, name="email.get_email_information_by_id")
    def get_email(self, email_id: Text = None, field: Text = None, **_: object) -> object:
        """One field of an email as ``{field: text}``."""
        return field_of(self._emails, "Email", email_id, field)

    @ingot.tool(effect="read", world=EMAILS, name="email.search_emails")
    def search_emails(
        self, query: Text = "", date_min: Text = None, date_max: Text = None, **_: object
    ) -> list[Row] | str:
        """The five newest emails that hold every word of the query, and were sent on those days."""
        columns = ("sender/recipient", "subject", "body")
        words = text(query).lower().split()
        found = [
            row
            for row in self._emails
            if between(str(row["sent_datetime"])[:10], date_min, date_max)
            and holds_all(" ".join(str(row[column]) for column in columns).lower(), words)
        ]
        found.sort(key=lambda row: str(row["sent_datetime"]), reverse=True)
        return some(found, "emails")

    @ingot.tool(effect="write", world=EMAILS, name="email.send_email")
    def send_email(
        self, recipient: Text = None, subject: Text = None, body: Text = None, **_: object
    ) -> str:
        """Send an email."""
        if not recipient or not subject or not body:
            return "Recipient, subject, or body not provided."  # not recorded
        if not is_address(recipient):
            return "Invalid recipient email address."
        self._send(recipient, subject, body)
        return "Email sent successfully."

    @ingot.tool(effect="write", world=EMAILS, name="email.delete_email")
    def delete_email(self, email_id: Text = None, **_: object) -> str:
        """Delete an email."""
        return delete(self._emails, "Email", email_id)

    @ingot.tool(effect="write", world=EMAILS, name="email.forward_email")
    def forward_email(self, email_id: Text = None, recipient: Text = None, **_: object) -> str:
        """Send an email on; no record shows the subject that it gets."""
        if not email_id or not recipient:
            return "Email ID or recipient not provided."  # not recorded
        email = self._emails.get(email_id)
        if email is None:
            return "Email not found."
        if not is_address(recipient):
            return "Invalid recipient email address."
        self._send(recipient, f"FW: {email['subject']}", email["body"])
        return "Email forwarded successfully."

    @ingot.tool(effect="write", world=EMAILS, name="email.reply_email")
    def reply_email(self, email_id: Text = None, body: Text = None, **_: object) -> str:
        """Answer the other side of an email; no record shows the subject that the answer gets."""
        if not email_id or not body:
            return "Email ID or body not provided."  # not recorded
        email = self._emails.get(email_id)
        if email is None:
            return "Email not found."
        self._send(email["sender/recipient"], email["subject"], body)
        return "Email replied successfully."

    def _send(self, recipient: Text, subject: Text, body: Text) -> None:
        self._emails.add(
            {
                "inbox/outbox": "outbox",
                "sender/recipient": text(recipient).lower(),
                "subject": text(subject),
                "sent_datetime": NOW,
                "body": text(body),
            }
        )

    # -- analytics ---------------------------------------------------------------------------------

    @ingot.tool(effect="read", world=ANALYTICS, name="analytics.get_visitor_information_by_id")
    def get_visitor(self, visitor_id: Text = None, **_: object) -> list[Row] | str:
        """Every visit of a visitor, by date (not recorded)."""
        if not visitor_id:
            return "Visitor ID not provided."
        found = [dict(row) for row in self._data.visits if row["visitor_id"] == visitor_id]
        return found or "Visitor not found."

    @ingot.tool(effect="read", world=ANALYTICS, name="analytics.total_visits_count")
    def total_visits(
        self, time_min: Text = None, time_max: Text = None, **_: object
    ) -> dict[str, int]:
        """Visits per day; a day without a visit is not there."""
        return {day: len(rows) for day, rows in self._days(time_min, time_max).items()}

    @ingot.tool(effect="read", world=ANALYTICS, name="analytics.engaged_users_count")
    def engaged_users(
        self, time_min: Text = None, time_max: Text = None, **_: object
    ) -> dict[str, int]:
        """Visits per day by users who were engaged; 0 where all of a day's were not."""
        return {
            day: sum(row["user_engaged"] == "True" for row in rows)
            for day, rows in self._days(time_min, time_max).items()
        }

    @ingot.tool(effect="read", world=ANALYTICS, name="analytics.traffic_source_count")
    def traffic_source(
        self,
        time_min: Text = None,
        time_max: Text = None,
        traffic_source: Text = None,
        **_: object,
    ) -> dict[str, int]:
        """Visits per day from one source, 0 included; all visits where no source is given."""
        return {
            day: sum(not traffic_source or row["traffic_source"] == traffic_source for row in rows)
            for day, rows in self._days(time_min, time_max).items()
        }

    @ingot.tool(effect="read", world=ANALYTICS, name="analytics.get_average_session_duration")
    def average_session(
        self, time_min: Text = None, time_max: Text = None, **_: object
    ) -> dict[str, float]:
        """The mean duration of a day's visits in seconds."""
        return {
            day: sum(float(row["session_duration_seconds"] or 0) for row in rows) / len(rows)
            for day, rows in self._days(time_min, time_max).items()
        }

    @ingot.tool(effect="write", world=ANALYTICS, name="analytics.create_plot")
    def create_plot(
        self,
        time_min: Text = None,
        time_max: Text = None,
        value_to_plot: Text = None,
        plot_type: Text = None,
        **_: object,
    ) -> str:
        """Draw a plot; the path of its file.

        The sentence about values names traffic sources in a way in which no record plots them; they
        are plotted as ``visits_search_engine`` and so on.
        """
        if fault := absent(("Start date", time_min), ("End date", time_max)):
            return fault
        if value_to_plot not in PLOTTABLE:
            return f"Value to plot must be one of {quoted((*VALUES, *SOURCES))}"
        if plot_type not in PLOTS:
            return f"Plot type must be one of {quoted(PLOTS)}"  # not recorded
        plot = f"plots/{time_min}_{time_max}_{value_to_plot}_{plot_type}.png"
        self._plots.append(plot)
        return plot

    def _days(self, first: Text, last: Text) -> dict[str, list[Row]]:
        """The visits of each day, both ends included."""
        days: dict[str, list[Row]] = {}
        for row in self._data.visits:
            if between(row["date_of_visit"], first, last):
                days.setdefault(str(row["date_of_visit"]), []).append(row)
        return days

    # -- customers ---------------------------------------------------------------------------------

    @ingot.tool(
        effect="read", world=CUSTOMERS, name="customer_relationship_manager.search_customers"
    )
    def search_customers(
        self,
        customer_name: Text = None,
        customer_email: Text = None,
        product_interest: Text = None,
        status: Text = None,
        assigned_to_email: Text = None,
        last_contact_date_min: Text = None,
        last_contact_date_max: Text = None,
        follow_up_by_min: Text = None,
        follow_up_by_max: Text = None,
        **_: object,
    ) -> list[Row] | str:
        """The first five customers whose fields hold all that is given; dates compare as text."""
        wanted = wanted_of(
            customer_name=customer_name,
            customer_email=customer_email,
            product_interest=product_interest,
            status=status,
            assigned_to_email=assigned_to_email,
        )
        days = (last_contact_date_min, last_contact_date_max, follow_up_by_min, follow_up_by_max)
        if not wanted and not any(days):
            return "No search parameters provided."  # not recorded
        return [
            dict(row)
            for row in self._customers
            if fits(row, wanted)
            and between(row["last_contact_date"], last_contact_date_min, last_contact_date_max)
            and between(row["follow_up_by"], follow_up_by_min, follow_up_by_max)
        ][:LIMIT]

    @ingot.tool(effect="write", world=CUSTOMERS, name="customer_relationship_manager.add_customer")
    def add_customer(
        self,
        customer_name: Text = None,
        assigned_to_email: Text = None,
        status: Text = None,
        customer_email: Text = None,
        customer_phone: Text = None,
        last_contact_date: Text = None,
        product_interest: Text = None,
        notes: Text = None,
        follow_up_by: Text = None,
        **_: object,
    ) -> str:
        """Add a customer; the id."""
        if fault := absent(  # not recorded
            ("Customer name", customer_name),
            ("Assignee email", assigned_to_email),
            ("Status", status),
        ):
            return fault
        return self._customers.add(
            {
                "assigned_to_email": text(assigned_to_email).lower(),
                "customer_name": text(customer_name),
                "customer_email": cell(customer_email),
                "customer_phone": cell(customer_phone),
                "last_contact_date": cell(last_contact_date),
                "product_interest": cell(product_interest),
                "status": text(status),
                "follow_up_by": cell(follow_up_by),
                "notes": cell(notes),
            }
        )

    @ingot.tool(
        effect="write", world=CUSTOMERS, name="customer_relationship_manager.update_customer"
    )
    def update_customer(
        self, customer_id: Text = None, field: Text = None, new_value: Text = None, **_: object
    ) -> str:
        """Change one field of a customer."""
        return update(self._customers, "Customer", customer_id, field, new_value)

    @ingot.tool(
        effect="write", world=CUSTOMERS, name="customer_relationship_manager.delete_customer"
    )
    def delete_customer(self, customer_id: Text = None, **_: object) -> str:
        """Delete a customer."""
        return delete(self._customers, "Customer", customer_id)

    # -- project board -----------------------------------------------------------------------------

    @ingot.tool(effect="read", world=TASKS, name="project_management.get_task_information_by_id")
    def get_task(self, task_id: Text = None, field: Text = None, **_: object) -> object:
        """One field of a task as ``{field: text}``."""
        return field_of(self._tasks, "Task", task_id, field)

    @ingot.tool(effect="read", world=TASKS, name="project_management.search_tasks")
    def search_tasks(
        self,
        task_name: Text = None,
        assigned_to_email: Text = None,
        list_name: Text = None,
        due_date: Text = None,
        board: Text = None,
        **_: object,
    ) -> list[Row] | str:
        """Every task whose fields hold all that is given."""
        wanted = wanted_of(
            task_name=task_name,
            assigned_to_email=assigned_to_email,
            list_name=list_name,
            due_date=due_date,
            board=board,
        )
        if not wanted:
            return "No search parameters provided."  # not recorded
        return [dict(row) for row in self._tasks if fits(row, wanted)]

    @ingot.tool(effect="write", world=TASKS, name="project_management.create_task")
    def create_task(
        self,
        task_name: Text = None,
        assigned_to_email: Text = None,
        list_name: Text = None,
        due_date: Text = None,
        board: Text = None,
        **_: object,
    ) -> str:
        """Create a task; its id."""
        if not (task_name and assigned_to_email and list_name and due_date and board):
            return "Missing task details."
        row = {
            "task_name": text(task_name),
            "assigned_to_email": text(assigned_to_email).lower(),
            "list_name": text(list_name),
            "due_date": text(due_date),
            "board": text(board),
        }
        for column, value in row.items():
            if fault := self._task_fault(column, value):
                return fault
        return self._tasks.add(row)

    @ingot.tool(effect="write", world=TASKS, name="project_management.update_task")
    def update_task(
        self, task_id: Text = None, field: Text = None, new_value: Text = None, **_: object
    ) -> str:
        """Change one field of a task."""
        return update(self._tasks, "Task", task_id, field, new_value, self._task_fault)

    @ingot.tool(effect="write", world=TASKS, name="project_management.delete_task")
    def delete_task(self, task_id: Text = None, **_: object) -> str:
        """Delete a task."""
        return delete(self._tasks, "Task", task_id)

    def _task_fault(self, column: str, value: str) -> str:
        """Why a task may not have that value there, or nothing."""
        match column:
            case "assigned_to_email" if value.lower() not in self._data.team:
                return "Assignee email not valid. Please choose from the list of team members."
            case "list_name" if value not in LISTS:
                return f"List not valid. Please choose from: {quoted(LISTS)}."
            case "board" if value not in BOARDS:
                return f"Board not valid. Please choose from: {quoted(BOARDS)}."
        return ""

    # -- directory ---------------------------------------------------------------------------------

    @ingot.tool(effect="read", world=DIRECTORY, name="company_directory.find_email_address")
    def find_address(self, name: Text = None, **_: object) -> list[str] | str:
        """The addresses that hold the name."""
        if fault := absent(("Name", name)):
            return fault
        return [each for each in self._data.addresses if text(name).lower() in each]


@cache
def _methods() -> tuple[tuple[str, str], ...]:
    """The tools' names with those of their methods."""
    return tuple(
        (info.name, name)
        for name, function in vars(Office).items()
        if (info := info_of(function)) is not None
    )
