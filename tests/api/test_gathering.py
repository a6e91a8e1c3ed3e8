# SPDX-License-Identifier: Apache-2.0
"""NOT-1: more than three notices of a kind within ten minutes become one mail; time passes by making rows old."""
import concurrent.futures

import pytest
from client import mail_text, wait_until
from factory import funded_client, new_project, new_session, new_training
from identifiers import new_email
from interference import held, kill

NO_BREAK_SPACE = "\u00a0"


def plain(text):
    return text.replace(NO_BREAK_SPACE, " ").replace("\r\n", "\n")


class Listed:
    """A client's project and somebody on its mailing list."""

    def __init__(self, stack, admin, budget_cents=0, **client):
        self.stack, self.admin, self.address = stack, admin, new_email("list")
        self.client = funded_client(admin, **client)
        self.project = self.new_project(budget_cents)

    def new_project(self, budget_cents=0, client=None, **changes):
        return new_project(self.admin, client or self.client, budget_cents, mailing_list=[{"email": self.address}],
                           auto_funding_call=False, **changes)

    def plan(self, *titles, project=None):
        """Plans sessions, each told before the next is planned."""
        for title in titles:
            told = len(self.messages())
            new_session(self.admin, project or self.project, title=title)
            wait_until(lambda told=told: len(self.messages()) > told)

    def messages(self, **filters):
        """What was queued for the address, oldest first."""
        return self.admin.read("/v1/messages", recipient=self.address, page_size=200, **filters)["messages"][::-1]

    def statuses(self, **filters):
        return [message["status"] for message in self.messages(**filters)]

    def pass_minutes(self, minutes):
        """Makes all that was queued so much older."""
        self.stack.query("update notifications.message set created_at = created_at - %s * interval '1 minute', "
                         "due_at = due_at - %s * interval '1 minute' where recipient = %s", minutes, minutes,
                         self.address)

    def wait_for_gathered(self, kind="sessions_gathered"):
        return wait_until(lambda: self.messages(kind=kind, status="sent"))[-1]


@pytest.fixture
def listed(stack, admin):
    made = Listed(stack, admin)
    yield made
    made.pass_minutes(10)
    wait_until(lambda: not {"held", "queued"} & set(made.statuses()))


def test_not_1_the_fourth_notice_within_ten_minutes_is_held(listed):
    """Three are told at once; the fourth and what follows wait, and one mail lists them when the time is over."""
    listed.plan("Un", "Deux", "Trois", "Quatre", "Cinq", "Six")
    wait_until(lambda: listed.statuses() == ["sent"] * 3 + ["held"] * 3)
    ((seconds,),) = listed.stack.query(
        "select distinct extract(epoch from due_at - (select min(created_at) from notifications.message "
        "where status = 'held' and recipient = %s))::int from notifications.message "
        "where status = 'held' and recipient = %s", listed.address, listed.address)
    assert seconds == 600
    listed.pass_minutes(10)
    gathered = listed.wait_for_gathered()
    assert [m.get("gathered_in") for m in listed.messages(status="gathered")] == [gathered["id"]] * 3
    assert gathered["project_id"] == listed.project["id"]
    mail = listed.stack.mail(listed.address, "3 nouvelles")
    assert plain(mail["Subject"]) == "Sessions de formation : 3 nouvelles de vos projets"
    text = plain(mail_text(mail))
    for title in ("Quatre", "Cinq", "Six"):
        assert f"Projet Sales academy : session « {title} » planifiée\nDates : du 1er au 2 décembre 2026" in text
    assert "Trois" not in text and len(listed.stack.mails(listed.address)) == 4


def test_not_1_a_gathered_mail_is_in_the_clients_language(stack, admin):
    listed = Listed(stack, admin, locale="en")
    listed.plan("One", "Two", "Three", "Four", "Five")
    listed.pass_minutes(10)
    listed.wait_for_gathered()
    mail = stack.mail(listed.address, "2 updates")
    assert mail["Subject"] == "Training sessions: 2 updates of your projects"
    assert "Project Sales academy: session “Four” planned\nDates: from 1 to 2 December 2026" in plain(mail_text(mail))


def test_not_1_a_notice_that_stayed_alone_is_told_as_itself(listed):
    listed.plan("Un", "Deux", "Trois", "Quatre")
    listed.pass_minutes(10)
    wait_until(lambda: listed.statuses() == ["sent"] * 4)
    assert listed.stack.mail(listed.address, "« Quatre » planifiée".replace(" ", NO_BREAK_SPACE, 1).replace(
        " »", NO_BREAK_SPACE + "»"))


def test_not_1_three_in_ten_minutes_are_told_at_once(listed):
    """The ten minutes slide: what is older does not count."""
    listed.plan("Un", "Deux", "Trois")
    listed.pass_minutes(10)
    listed.plan("Quatre", "Cinq", "Six")
    wait_until(lambda: listed.statuses() == ["sent"] * 6)
    listed.plan("Sept")
    assert listed.statuses()[-1] == "held"


def test_not_1_planned_completed_and_cancelled_are_one_kind(listed):
    """The kind is the one that an entry of a mailing list chooses."""
    listed.plan("Un", "Deux")
    first = listed.admin.read(f"/v1/projects/{listed.project['id']}/sessions")["sessions"][0]
    listed.admin.act(f"/v1/sessions/{first['id']}/cancel")
    wait_until(lambda: len(listed.messages()) == 3)
    listed.plan("Trois")
    wait_until(lambda: listed.statuses() == ["sent"] * 3 + ["held"])
    assert [m["kind"] for m in listed.messages()] == ["session_planned"] * 2 + ["session_cancelled", "session_planned"]


def test_not_1_projects_of_a_client_are_gathered_and_other_kinds_not(listed):
    """Notices of two projects count together and share a mail; a budget's alert is another kind."""
    other = listed.new_project(100_000)
    listed.plan("Un", "Deux")
    listed.plan("Trois", "Quatre", project=other)
    listed.plan("Cinq")
    wait_until(lambda: listed.statuses() == ["sent"] * 3 + ["held"] * 2)
    session = listed.admin.read(f"/v1/projects/{other['id']}/sessions")["sessions"][0]
    new_training(listed.admin, session, 150_000)
    wait_until(lambda: listed.statuses(kind="budget_overrun") == ["sent"])
    listed.pass_minutes(10)
    gathered = listed.wait_for_gathered()
    assert "project_id" not in gathered and gathered["client_id"] == listed.client["id"]


def test_not_1_clients_are_told_apart(stack, admin, listed):
    """No mail speaks of two clients."""
    stranger = listed.new_project(client=funded_client(admin))
    listed.plan("Un", "Deux", "Trois")
    listed.plan("Quatre", project=stranger)
    wait_until(lambda: listed.statuses() == ["sent"] * 4)


def test_not_1_budget_alerts_are_gathered(stack, admin):
    """Four budgets that overrun: the fourth is held and told with the fifth."""
    listed = Listed(stack, admin)
    for number in range(5):
        project = listed.new_project(100_000, name=f"Projet {number}")
        session = new_session(admin, project)
        told = len(listed.messages(kind="budget_overrun"))
        new_training(admin, session, 150_000)
        wait_until(lambda told=told: len(listed.messages(kind="budget_overrun")) > told)
    wait_until(lambda: listed.statuses(kind="budget_overrun") == ["sent"] * 3 + ["held"] * 2)
    listed.pass_minutes(10)
    listed.wait_for_gathered("budgets_gathered")
    text = plain(mail_text(stack.mail(listed.address, "2 alertes")))
    assert "Projet Projet 4 : budget dépassé" in text and "Dépassement : 500,00 €" in text


def test_not_1_funding_calls_and_invoices_are_never_gathered(stack, admin):
    """Five of each within a moment are five mails."""
    listed = Listed(stack, admin, 1_000)
    calls = [admin.create(f"/v1/projects/{listed.project['id']}/funding-calls", {"requested_cents": 1000 + number})
             for number in range(5)]
    for call in calls:
        admin.act(f"/v1/funding-calls/{call['id']}/send")
    wait_until(lambda: listed.statuses(kind="funding_call") == ["sent"] * 5)
    for number in range(5):
        project = listed.new_project(100_000, name=f"Projet {number}")
        admin.act(f"/v1/projects/{project['id']}/close")
    wait_until(lambda: listed.statuses(kind="invoice") == ["sent"] * 5)


def test_not_1_held_notices_survive_a_kill(stack, admin, listed):
    """They are rows: a service that died tells them when it is there again, once."""
    listed.plan("Un", "Deux", "Trois", "Quatre", "Cinq")
    kill(stack, "notifications")
    wait_until(lambda: admin.get("/v1/messages").status_code == 200)
    listed.pass_minutes(10)
    listed.wait_for_gathered()
    assert listed.statuses(kind="sessions_gathered") == ["sent"]
    wait_until(lambda: listed.statuses(kind="session_planned") == ["sent"] * 3 + ["gathered"] * 2)


def test_acc_3_joining_and_sending_again_hold_the_client(stack, admin, listed):
    """ACC-3: what is queued from what waits or was sent is cancelled by the archiving, or not made after it."""
    listed.plan("Un", "Deux", "Trois", "Quatre", "Cinq")
    sent = wait_until(lambda: listed.messages(status="sent"))[0]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for begin in (lambda: admin.post(f"/v1/messages/{sent['id']}/resend"), lambda: listed.pass_minutes(10)):
            with held(stack, "select 1 from notifications.client where id = %s for update", listed.client["id"]) as wait_for:
                begun = pool.submit(begin)
                wait_for("notifications")
            begun.result()
    listed.wait_for_gathered()


def test_archiving_a_client_cancels_what_is_held(stack, admin, listed):
    """ACC-3: nothing is told any more, and the words are gone."""
    listed.plan("Un", "Deux", "Trois", "Quatre")
    for session in admin.read(f"/v1/projects/{listed.project['id']}/sessions")["sessions"]:
        admin.act(f"/v1/sessions/{session['id']}/cancel")
    admin.act(f"/v1/projects/{listed.project['id']}/close")
    waiting = wait_until(lambda: listed.messages(status="held"))[0]["id"]
    admin.create(f"/v1/clients/{listed.client['id']}/envelope/credits",
                 {"amount_cents": 10_000_000, "reverses": admin.read(
                     f"/v1/clients/{listed.client['id']}/envelope/credits")["credits"][0]["id"]})
    wait_until(lambda: admin.delete(f"/v1/clients/{listed.client['id']}").status_code in (204, 404))
    wait_until(lambda: admin.read(f"/v1/messages/{waiting}")["status"] == "cancelled")
    assert stack.query("select recipient, words::text, search_text from notifications.message where id = %s",
                       waiting) == [(None, "[]", None)]
