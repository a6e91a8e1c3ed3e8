# SPDX-License-Identifier: Apache-2.0
"""Funding calls and their reviews by clients: FUN-1 to FUN-4, the funding side of BUD-14 and BUD-17."""
import concurrent.futures
import time
import uuid

import pytest
from client import Client, mail_text, pointers, problem, wait_until
from facts import facts, refused, wait_until_settled
from factory import budget, envelope, funded_client, new_client, new_project, wait_for_budget, wait_for_status
from funding_calls import calls_of, link, new_call, path_of, review_of, seconds_of, spend

MONEY_MAX = 10**15
DAY_SECONDS = 24 * 3600


@pytest.fixture(scope="module")
def client(admin):
    return funded_client(admin, 100_000_000)


@pytest.fixture
def project(admin, client):
    return new_project(admin, client)


@pytest.fixture
def draft(admin, project):
    return new_call(admin, project, 200_000)


@pytest.fixture
def sent(admin, draft):
    return admin.act(path_of(draft, "send"))


# ── by hand ─────────────────────────────────────────────────────────────────────────────────────


def test_fun_3_a_manual_call_begins_as_a_draft(operator, project):
    """FUN-3: any positive amount; today's date unless said."""
    call = new_call(operator, project, 1, comment="Two more groups", call_date="2026-12-24")
    assert call.items() >= {
        "project_id": project["id"], "client_id": project["client_id"], "reason": "manual", "status": "draft",
        "currency": "EUR", "requested_cents": 1, "paid_cents": 0, "call_date": "2026-12-24",
        "comment": "Two more groups", "version": 1}.items()
    assert not {"granted_cents", "sent_at", "decided_at", "expires_at", "decision"} & set(call)
    assert operator.read(path_of(call)) == call
    assert new_call(operator, project, MONEY_MAX)["requested_cents"] == MONEY_MAX


@pytest.mark.parametrize("field, value", [
    ("requested_cents", 0), ("requested_cents", -1), ("requested_cents", MONEY_MAX + 1), ("requested_cents", None),
    ("requested_cents", 1.5), ("currency", "USD"), ("call_date", "2026-02-30"), ("granted_cents", 5),
    ("status", "sent"), ("comment", "x" * 5001), ("comment", "a\u0000b"), ("colour", "red"),
])
def test_fun_3_what_a_call_cannot_be(admin, stack, project, field, value):
    """FUN-3, MON-1, MON-4: refused at the door, nothing is stored."""
    wait_until_settled(stack)
    before = facts(stack, "funding")
    body = {"requested_cents": 100} | {field: value}
    assert admin.post(f"/v1/projects/{project['id']}/funding-calls", body).status_code in (400, 422)
    assert facts(stack, "funding") == before


def test_fun_1_a_draft_can_be_changed(admin, draft):
    """FUN-1: amount, day and comment; null clears the comment only."""
    changed = admin.change(path_of(draft), {"requested_cents": 5, "call_date": "2026-12-01", "comment": "C"})
    assert (changed["requested_cents"], changed["call_date"], changed["comment"]) == (5, "2026-12-01", "C")
    assert "comment" not in admin.change(path_of(draft), {"comment": None})
    assert pointers(admin.patch(path_of(draft), {"requested_cents": None})) == ["/requested_cents"]
    assert pointers(admin.patch(path_of(draft), {"requested_cents": 0})) == ["/requested_cents"]


def test_fun_1_a_stale_if_match_changes_nothing(admin, stack, draft):
    """FUN-1: 412 on PATCH and actions once the draft has changed."""
    etag = admin.get(path_of(draft)).headers["ETag"]
    admin.change(path_of(draft), {"comment": "C"}, if_match=etag)
    for act in (lambda: admin.patch(path_of(draft), {"comment": "D"}, if_match=etag),
                lambda: admin.post(path_of(draft, "send"), if_match=etag),
                lambda: admin.post(path_of(draft, "cancel"), if_match=etag)):
        refused(stack, "funding", act, 412, "precondition_failed")


def test_fun_1_sending_starts_the_thirty_days(admin, draft):
    """FUN-1, FUN-4: sent now, valid as long as the setting says."""
    sent = admin.act(path_of(draft, "send"))
    assert sent["status"] == "sent" and sent["version"] == 2
    days = admin.read("/v1/settings")["review_link_days"]
    assert seconds_of(sent["expires_at"]) - seconds_of(sent["sent_at"]) == days * DAY_SECONDS


@pytest.mark.parametrize("way, action", [
    (["send"], "send"), (["cancel"], "send"), (["cancel"], "cancel"), (["send", "cancel"], "send"),
])
def test_fun_1_states_that_do_not_follow(admin, stack, draft, way, action):
    """FUN-1: draft → sent → cancelled, draft → cancelled; every other change of state is 409."""
    for step in way:
        admin.act(path_of(draft, step))
    refused(stack, "funding", lambda: admin.post(path_of(draft, action)), 409, "wrong_state")


def test_fun_1_only_a_draft_can_be_changed(admin, stack, sent):
    """FUN-1: what the client was asked stays as it was asked."""
    refused(stack, "funding", lambda: admin.patch(path_of(sent), {"requested_cents": 5}), 409,
            "wrong_state")


def test_fun_1_unknown_ids(admin):
    """FUN-1: an unknown id in the path is 404."""
    nowhere = str(uuid.uuid4())
    problem(admin.get(f"/v1/funding-calls/{nowhere}"), 404, "not_found")
    problem(admin.patch(f"/v1/funding-calls/{nowhere}", {"comment": "C"}), 404, "not_found")
    problem(admin.post(f"/v1/funding-calls/{nowhere}/send"), 404, "not_found")
    problem(admin.post(f"/v1/projects/{nowhere}/funding-calls", {"requested_cents": 1}), 404, "not_found")


def test_fun_1_lists_are_filtered_and_newest_first(admin, project):
    """FUN-1: by project and state, in pages."""
    first, second, third = (new_call(admin, project, amount) for amount in (1, 2, 3))
    admin.act(path_of(second, "send"))

    def listed(path, **query):
        return [entry["id"] for entry in admin.read(path, **query)["funding_calls"]]
    own = f"/v1/projects/{project['id']}/funding-calls"
    assert listed(own) == [third["id"], second["id"], first["id"]]
    assert listed(own, status="draft") == [third["id"], first["id"]]
    assert listed("/v1/funding-calls", project_id=project["id"], status="sent") == [second["id"]]
    page = admin.read(own, page_size=2)
    assert listed(own, page_size=2, page_token=page["next_page_token"]) == [first["id"]]


# ── by themselves ───────────────────────────────────────────────────────────────────────────────


def test_fun_2_the_threshold_of_the_worked_example(admin, stack, project):
    """FUN-2, step 3: 8 100.00 of 10 000.00 opens exactly one call, sent, for 2 000.00; nobody sees a draft."""
    spend(admin, project, 750_000)
    assert calls_of(admin, project) == []
    spend(admin, project, 60_000)
    [call] = calls_of(admin, project)
    assert (call["reason"], call["status"], call["requested_cents"], call["version"]) == ("threshold", "sent", 200_000, 1)
    assert stack.query("select type from funding.event_log where subject = %s order by sequence", call["id"]) == [
        ("funding.FundingCallCreated",), ("funding.FundingCallSent",)]


def test_fun_2_an_overrun_asks_for_the_greater(admin, client):
    """FUN-2: max(refill_bp × initial budget, overrun)."""
    small, great = (new_project(admin, client, 100_000, refill_bp=1000) for _ in range(2))
    spend(admin, small, 105_000)
    spend(admin, great, 150_000)
    assert [(call["reason"], call["requested_cents"]) for call in calls_of(admin, small)] == [("overrun", 10_000)]
    assert [(call["reason"], call["requested_cents"]) for call in calls_of(admin, great)] == [("overrun", 50_000)]


def test_fun_2_a_project_that_wants_no_calls_gets_none(admin, client):
    """FUN-2: auto_funding_call off."""
    project = new_project(admin, client, 100_000, auto_funding_call=False)
    spend(admin, project, 80_000)
    spend(admin, project, 80_000)
    assert calls_of(admin, project) == []


def test_fun_2_a_refill_of_0_tells_operators_instead(admin, stack, client):
    """FUN-2: refill_bp 0 opens no call, at the threshold and in an overrun; the event alerts operators."""
    project = new_project(admin, client, 100_000, refill_bp=0)
    spend(admin, project, 80_000)
    spend(admin, project, 80_000)
    assert calls_of(admin, project) == []
    assert stack.query("select type from funding.event_log where project = %s", project["id"]) == [
        ("funding.FundingCallNotOpened",)] * 2


def test_fun_2_a_project_that_opened_with_nothing_has_no_measure_for_a_call(admin, stack, client):
    """FUN-2: a share of an initial budget of 0 is 0; operators are told, and why."""
    project = new_project(admin, client, 0)
    admin.create(f"/v1/projects/{project['id']}/allocations", {"amount_cents": 100_000})
    spend(admin, project, 80_000)
    assert calls_of(admin, project) == []
    told = wait_until(lambda: [alert for alert in admin.read("/v1/alerts", page_size=200)["alerts"]
                               if (alert["kind"], alert.get("project_id")) == ("funding_call_not_opened", project["id"])])
    assert "its refill rate or its initial budget is 0" in told[0]["summary"]


@pytest.mark.parametrize("action", [None, "send"])
def test_fun_2_an_undecided_call_stands_for_the_new_one(admin, project, draft, action):
    """FUN-2: none is opened while one is draft or sent, not even for an overrun."""
    if action:
        admin.act(path_of(draft, action))
    spend(admin, project, 800_000)
    spend(admin, project, 800_000)
    assert [call["id"] for call in calls_of(admin, project)] == [draft["id"]]


def test_bud_14_one_threshold_call_in_24_hours(admin, stack, anonymous, project):
    """BUD-14: the threshold reached again within a day opens none; an overrun always does."""
    spend(admin, project, 800_000)
    [call] = calls_of(admin, project)
    anonymous.act(review_of(stack, call), {"decision": "adjust", "granted_cents": 400_000})
    wait_for_budget(admin, project, budget_cents=1_400_000, state="ok")
    spend(admin, project, 400_000)
    assert budget(admin, project)["state"] == "alert"
    assert len(calls_of(admin, project)) == 1
    spend(admin, project, 400_000)
    assert [(call["reason"], call["requested_cents"]) for call in calls_of(admin, project)] == [
        ("threshold", 200_000), ("overrun", 200_000)]


def test_bud_14_a_threshold_call_of_yesterday_does_not_count(admin, stack, anonymous, project):
    """BUD-14: after 24 hours the threshold opens a call again."""
    spend(admin, project, 800_000)
    [call] = calls_of(admin, project)
    anonymous.act(review_of(stack, call), {"decision": "adjust", "granted_cents": 400_000})
    wait_for_budget(admin, project, budget_cents=1_400_000, state="ok")
    stack.query("update funding.funding_call set created_at = created_at - interval '24 hours' where id = %s", call["id"])
    spend(admin, project, 400_000)
    assert [call["reason"] for call in calls_of(admin, project)] == ["threshold", "threshold"]


def test_bud_14_a_declined_overrun_that_did_not_grow_opens_no_call(admin, stack, anonymous, project):
    """BUD-14: operators are told, nobody is asked for the same again."""
    spend(admin, project, 1_500_000)
    [call] = calls_of(admin, project)
    anonymous.act(review_of(stack, call), {"decision": "decline"})
    wait_until_settled(stack)
    assert len(calls_of(admin, project)) == 1


@pytest.mark.parametrize("decision, requested_cents", [
    ({"decision": "decline"}, 700_000), ({"decision": "accept"}, 200_000),
    ({"decision": "adjust", "granted_cents": 100_000}, 600_000),
])
def test_bud_14_an_overrun_that_outgrew_the_call_opens_one_more(admin, stack, anonymous, project, decision,
                                                                requested_cents):
    """BUD-14: asked for 5 000.00, overrun by 7 000.00 when decided: one new call for what is left."""
    spend(admin, project, 1_500_000)
    spend(admin, project, 200_000)
    [call] = calls_of(admin, project)
    assert call["requested_cents"] == 500_000
    anonymous.act(review_of(stack, call), decision)
    wait_until_settled(stack)
    assert [(one["reason"], one["requested_cents"]) for one in calls_of(admin, project)[1:]] == [
        ("overrun", requested_cents)]


# ── the client's answer ─────────────────────────────────────────────────────────────────────────


def test_fun_4_the_link_shows_the_call_and_never_acts(admin, stack, anonymous, client, project, sent):
    """FUN-4: GET shows it without a token of ours and changes nothing."""
    before = facts(stack, "funding")
    review = anonymous.read(review_of(stack, sent))
    assert review == {
        "project_name": project["name"], "client_name": client["name"], "currency": "EUR",
        "requested_cents": 200_000, "call_date": sent["call_date"], "expires_at": sent["expires_at"], "status": "sent",
        "locale": "fr", "seller_name": admin.read("/v1/settings")["seller"]["name"]}
    assert facts(stack, "funding") == before


def test_fun_4_the_billing_contact_gets_the_link(stack, client, sent):
    """FUN-4, ACC-8: the mail carries the link that the service makes when it is asked, valid as long as the call."""
    mail = stack.mail(client["billing_contact"]["email"], containing=review_of(stack, sent))
    assert "2\u00a0000,00" in mail_text(mail)


@pytest.mark.parametrize("answer, status, granted_cents", [
    ({"decision": "accept"}, "accepted", 200_000),
    ({"decision": "adjust", "granted_cents": 150_000, "comment": "Less, please"}, "accepted", 150_000),
    ({"decision": "adjust", "granted_cents": 300_000}, "accepted", 300_000),
    ({"decision": "decline", "comment": "Not now"}, "declined", None),
])
def test_fun_4_deciding(admin, stack, anonymous, project, sent, answer, status, granted_cents):
    """FUN-4, BUD-7: accepted for what was asked or another amount, or declined; the budget follows."""
    decided = anonymous.act(review_of(stack, sent), answer)
    assert (decided["status"], decided["decision"], decided.get("granted_cents")) == (
        status, answer["decision"], granted_cents)
    assert anonymous.read(review_of(stack, sent)) == decided
    call = admin.read(path_of(sent))
    assert (call["status"], call.get("granted_cents"), call.get("decision_comment"), call.get("source")) == (
        status, granted_cents, answer.get("comment"), "new_funds" if granted_cents else None)
    assert call["decided_at"] and call["paid_cents"] == 0
    wait_for_budget(admin, project, budget_cents=1_000_000 + (granted_cents or 0))


def test_fun_4_the_worked_example(admin, stack, anonymous):
    """FUN-4, step 4: adjusted to 1 500.00: budget 11 500.00, threshold 9 200.00, ok; 1 500.00 unpaid."""
    client = funded_client(admin)
    project = new_project(admin, client)
    spend(admin, project, 810_000)
    [call] = calls_of(admin, project)
    anonymous.act(review_of(stack, call), {"decision": "adjust", "granted_cents": 150_000})
    figures = wait_for_budget(admin, project, budget_cents=1_150_000)
    assert (figures["threshold_cents"], figures["state"]) == (920_000, "ok")
    now = envelope(admin, client)
    assert (now["funded_cents"], now["of_which_unpaid_cents"], now["available_cents"]) == (10_150_000, 150_000, 9_000_000)


@pytest.mark.parametrize("answer", [
    {"decision": "accept"}, {"decision": "adjust", "granted_cents": 5}, {"decision": "decline", "comment": "No"},
])
def test_fun_4_the_same_answer_again_is_the_same_another_is_409(stack, anonymous, sent, answer):
    """FUN-4: once decided it stays; repeating is harmless."""
    path = review_of(stack, sent)
    decided = anonymous.act(path, answer)
    before = facts(stack, "funding")
    assert anonymous.act(path, answer) == decided
    assert facts(stack, "funding") == before
    for other in ({"decision": "accept"}, {"decision": "adjust", "granted_cents": 6}, {"decision": "decline"}):
        if other["decision"] != answer["decision"] or "granted_cents" in other:
            refused(stack, "funding", lambda other=other: anonymous.post(path, other), 409, "already_decided")


def test_fun_4_twenty_answers_at_once_are_one(stack, sent):
    """FUN-4: one decision is taken, told once; the others are the same answer or 409."""
    path = review_of(stack, sent)
    answers = [{"decision": "accept"}, {"decision": "decline"}] * 10
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda body: Client(stack).post(path, body), answers)]
    assert sorted(statuses) == [200] * 10 + [409] * 10
    wait_until_settled(stack)
    told = stack.query("select type from funding.event_log where subject = %s order by sequence", sent["id"])
    assert len(told) == 3


@pytest.mark.parametrize("answer, culprits", [
    ({}, ["/decision"]), ({"decision": "perhaps"}, None), ({"decision": "adjust"}, ["/granted_cents"]),
    ({"decision": "adjust", "granted_cents": 0}, ["/granted_cents"]),
    ({"decision": "adjust", "granted_cents": -1}, ["/granted_cents"]),
    ({"decision": "adjust", "granted_cents": MONEY_MAX + 1}, ["/granted_cents"]),
    ({"decision": "accept", "granted_cents": 200_000}, ["/granted_cents"]),
    ({"decision": "decline", "granted_cents": 1}, ["/granted_cents"]),
    ({"decision": "accept", "currency": "USD"}, ["/currency"]),
    ({"decision": "accept", "requested_cents": 1}, None),
])
def test_fun_4_answers_that_are_none(stack, anonymous, sent, answer, culprits):
    """FUN-4: an adjustment needs a positive amount, the other answers have none; nothing changes."""
    before = facts(stack, "funding")
    refusal = anonymous.post(review_of(stack, sent), answer)
    assert refusal.status_code in (400, 422)
    if culprits:
        assert pointers(refusal) == culprits
    assert facts(stack, "funding") == before


def test_fun_4_links_that_are_not_ours_or_have_ended(stack, anonymous, sent):
    """FUN-4, ACC-8: forged, altered, for another purpose or another call: 404; expired: 410."""
    expiry = seconds_of(sent["expires_at"])
    genuine = link(stack, sent["id"], expiry)
    for forged in ("/v1/funding-reviews/nonsense", genuine[:-2] + ("AA" if genuine[-2:] != "AA" else "BB"),
                   genuine + "A", link(stack, sent["id"], expiry, "password"), link(stack, str(uuid.uuid4()), expiry)):
        problem(anonymous.get(forged), 404, "not_found")
        refused(stack, "funding", lambda path=forged: anonymous.post(path, {"decision": "accept"}), 404, "not_found")
    ended = link(stack, sent["id"], int(time.time()) - 1)
    problem(anonymous.get(ended), 410, "gone")
    refused(stack, "funding", lambda: anonymous.post(ended, {"decision": "accept"}), 410, "gone")


def test_fun_4_a_call_taken_back_takes_no_answer(admin, stack, anonymous, sent):
    """FUN-4, FUN-1: the link of a cancelled call shows so and decides nothing."""
    admin.act(path_of(sent, "cancel"))
    assert anonymous.read(review_of(stack, sent))["status"] == "cancelled"
    path = review_of(stack, sent)
    refused(stack, "funding", lambda: anonymous.post(path, {"decision": "accept"}), 409, "wrong_state")


# ── closing and archiving ───────────────────────────────────────────────────────────────────────


def test_bud_17_closing_cancels_what_is_undecided(admin, stack, project, draft):
    """BUD-17: draft and sent calls are cancelled, a decided one stays; a closed project takes no call."""
    declined, sent = (admin.act(path_of(new_call(admin, project, 5), "send")) for _ in range(2))
    Client(stack).act(review_of(stack, declined), {"decision": "decline"})
    admin.act(f"/v1/projects/{project['id']}/close")
    wait_for_status(admin, f"/v1/projects/{project['id']}", "closed")
    wait_until(lambda: [call["status"] for call in calls_of(admin, project)] == ["cancelled", "declined", "cancelled"])
    again = {"requested_cents": 5}
    refused(stack, "funding", lambda: admin.post(f"/v1/projects/{project['id']}/funding-calls", again), 409,
            "wrong_state")


def test_acc_3_an_undecided_call_stands_in_the_way_of_archiving(admin):
    """ACC-3: the refusal names it."""
    client = new_client(admin)
    new_call(admin, new_project(admin, client, 0), 100)
    said = problem(admin.delete(f"/v1/clients/{client['id']}"), 409, "client_has_obligations")
    assert "1 funding call is undecided" in said["detail"]
