# SPDX-License-Identifier: Apache-2.0
"""Users and their invitations (ACC-4); the secret links that set a password (ACC-8)."""
import concurrent.futures
import contextlib

import pytest
from client import PASSWORD, Client, expect, mail_text, password_token, problem, wait_until
from factory import client_body, user_body
from hidden import assert_stored_nowhere
from identifiers import forged


def invite(stack, admin, **changes):
    """A user who was invited, and the secret of the mailed link."""
    user = admin.create("/v1/users", user_body(**changes))
    return user, password_token(stack, user["email"])


def set_password(stack, token, password=PASSWORD):
    return Client(stack).post(f"/v1/auth/password-resets/{token}", {"new_password": password})


def new_user(stack, admin, **changes):
    """An active user, logged in."""
    user, token = invite(stack, admin, **changes)
    expect(set_password(stack, token), 204)
    return Client(stack).log_in(user["email"], PASSWORD)


@contextlib.contextmanager
def no_other_admins(stack, *emails):
    """Makes these the only administrators while it lasts."""
    others = [row[0] for row in stack.query(
        "update accounts.account_user set role = 'operator' where role = 'admin' and email <> all(%s) returning id",
        list(emails))]
    try:
        yield
    finally:
        stack.query("update accounts.account_user set role = 'admin' where id = any(%s::uuid[])", others)


# ── ACC-4 ───────────────────────────────────────────────────────────────────────────────────────


def test_acc_4_invited_user_sets_a_password_through_the_mailed_link(stack, admin):
    """ACC-4: an administrator invites; the link in the mail sets the password and makes the user active."""
    body = user_body()
    answer = admin.post("/v1/users", body)
    user = expect(answer, 201)
    assert answer.headers["Location"] == f"/v1/users/{user['id']}"
    assert {name: user[name] for name in body} == body
    assert (user["status"], user["totp_enabled"]) == ("invited", False)
    expect(set_password(stack, password_token(stack, user["email"])), 204)
    assert admin.read(f"/v1/users/{user['id']}")["status"] == "active"
    logged_in = Client(stack).log_in(user["email"].upper(), PASSWORD)
    assert logged_in.read("/v1/me")["id"] == user["id"]
    assert admin.read(f"/v1/users/{user['id']}")["last_login_at"] >= user["created_at"]


def test_acc_4_invitation_mail_is_in_french_with_one_link(stack, admin):
    """ACC-4: the invitation is a French mail from the seller with the link in it."""
    user = admin.create("/v1/users", user_body(first_name="Hélène"))
    mail = stack.mail(user["email"], containing="Escarcelle")
    assert mail["Subject"] == "Votre accès à Escarcelle"
    assert "Hélène" in mail_text(mail)
    assert f"{stack.url}/v1/auth/password-resets/" in mail_text(mail)


@pytest.mark.parametrize("spelling", [str, str.upper, str.title])
def test_acc_4_email_is_unique_without_regard_to_case(admin, spelling):
    """ACC-4: an e-mail address belongs to one user, whatever its case."""
    body = user_body()
    admin.create("/v1/users", body)
    refusal = problem(admin.post("/v1/users", body | {"email": spelling(body["email"])}), 409, "conflict")
    assert "email" in refusal["detail"]


@pytest.mark.parametrize("changes, pointer", [
    ({"email": "nobody"}, "/email"), ({"role": "root"}, "/role"), ({"first_name": ""}, "/first_name"),
    ({"last_name": "x" * 101}, "/last_name"),
])
def test_acc_4_invitation_needs_address_names_and_role(admin, changes, pointer):
    """ACC-4: an invitation without a proper address, name or role is 422."""
    said = problem(admin.post("/v1/users", user_body(**changes)), 422, "invalid")
    assert [error["pointer"] for error in said["errors"]] == [pointer]


def test_acc_4_users_are_found_by_name_and_state(admin):
    """ACC-4: the list of users is filtered by state and searched by name and address."""
    user = admin.create("/v1/users", user_body(last_name="Œillet-Ângström"))
    found = admin.read("/v1/users", q="ANGSTROM", status="invited", page_size=200)["users"]
    assert user["id"] in [each["id"] for each in found]
    assert [each["id"] for each in admin.read("/v1/users", q=user["email"])["users"]] == [user["id"]]
    assert admin.read("/v1/users", q=user["email"], status="disabled")["users"] == []


def test_acc_4_users_change_their_own_names_only(stack, admin):
    """ACC-4: /v1/me changes names; role and address are the administrators' to change."""
    user = new_user(stack, admin)
    assert user.change("/v1/me", {"first_name": "Ève"})["first_name"] == "Ève"
    for member in ({"role": "admin"}, {"email": "other@escarcelle.example"}):
        said = problem(user.patch("/v1/me", member), 422, "invalid")
        assert [error["code"] for error in said["errors"]] == ["immutable"]


def test_acc_4_stale_change_of_ones_own_names_is_412(stack, admin):
    """ACC-4: If-Match on /v1/me compares with the caller's own account, not with somebody else's."""
    user = new_user(stack, admin)
    stale = user.get("/v1/me").headers["ETag"]
    user.change("/v1/me", {"first_name": "Ève"}, if_match=stale)
    problem(user.patch("/v1/me", {"first_name": "Anne"}, if_match=stale), 412, "precondition_failed")
    assert user.read("/v1/me")["first_name"] == "Ève"


def test_acc_4_disabled_user_is_out(stack, admin):
    """ACC-4: a disabled user cannot log in, is disabled once, and stays in the list."""
    user = new_user(stack, admin)
    path = f"/v1/users/{user.user['id']}"
    assert admin.delete(path).status_code == 204
    assert admin.read(path)["status"] == "disabled"
    problem(Client(stack).post("/v1/auth/login", {"email": user.user["email"], "password": PASSWORD}), 401,
            "unauthenticated")
    problem(admin.delete(path), 409, "wrong_state")


def test_acc_4_last_administrator_stays(stack, admin):
    """ACC-4: the last active administrator can be neither disabled nor demoted; invited ones don't count."""
    last = new_user(stack, admin, role="admin")
    path = f"/v1/users/{last.user['id']}"
    with no_other_admins(stack, last.user["email"]):
        last.create("/v1/users", user_body("admin"))
        problem(last.delete(path), 409, "last_administrator")
        problem(last.patch(path, {"role": "operator"}), 409, "last_administrator")
        last.change(path, {"role": "admin", "first_name": "Admin"})
        assert last.read("/v1/me")["role"] == "admin"


def test_acc_4_two_administrators_do_not_remove_each_other(stack, admin):
    """ACC-4: of two administrators who disable each other at once, one stays."""
    pair = [new_user(stack, admin, role="admin") for _ in range(2)]
    emails = [each.user["email"] for each in pair]
    with no_other_admins(stack, *emails), concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda who: who[0].delete(f"/v1/users/{who[1].user['id']}"), [pair, pair[::-1]]))
        left = stack.query("select count(*) from accounts.account_user where role = 'admin' and status = 'active'")
    assert left == [(1,)]


def test_acc_4_another_administrator_can_be_demoted(stack, admin):
    """ACC-4: with another one left, an administrator can be demoted."""
    other = admin.create("/v1/users", user_body("admin"))
    assert admin.change(f"/v1/users/{other['id']}", {"role": "operator"})["role"] == "operator"


@pytest.mark.parametrize("verb, path", [("GET", "/v1/users"), ("POST", "/v1/users"), ("PATCH", "/v1/users/{id}"),
                                        ("DELETE", "/v1/users/{id}"), ("GET", "/v1/users/{id}")])
def test_acc_4_users_are_for_administrators(operator, verb, path):
    """ACC-4 with ACC-6: operators neither see nor change users."""
    problem(operator.request(verb, path.format(id=operator.user["id"])), 403, "forbidden")


# ── ACC-8 ───────────────────────────────────────────────────────────────────────────────────────


def test_acc_8_link_is_good_once(stack, admin):
    """ACC-8: a link that was used is 410, and the first password stays."""
    user, token = invite(stack, admin)
    expect(set_password(stack, token), 204)
    problem(set_password(stack, token, "another good password"), 410, "gone")
    Client(stack).log_in(user["email"], PASSWORD)


def test_acc_8_forged_link_is_unknown(stack, admin):
    """ACC-8: a link that was altered or made up is 404 and changes nothing."""
    user, token = invite(stack, admin)
    altered = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    for forged in (altered, token[:-4], token + "AAAA", "x", "A" * len(token)):
        problem(set_password(stack, forged), 404, "not_found")
    assert admin.read(f"/v1/users/{user['id']}")["status"] == "invited"
    expect(set_password(stack, token), 204)


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 201])
def test_acc_8_weak_password_leaves_the_link_usable(stack, admin, password):
    """ACC-8: a password that is too short or too long is 422, and the link can be used again."""
    _, token = invite(stack, admin)
    said = problem(set_password(stack, token, password), 422, "invalid")
    assert [error["pointer"] for error in said["errors"]] == ["/new_password"]
    expect(set_password(stack, token), 204)


def test_acc_8_link_ends(stack, admin):
    """ACC-8: a link whose time is over is 410."""
    user, token = invite(stack, admin)
    stack.query("update accounts.password_link set expires_at = now() where user_id = %s", user["id"])
    problem(set_password(stack, token), 410, "gone")


def test_acc_8_link_ends_with_its_user(stack, admin):
    """ACC-8: the link of a user who was disabled meanwhile is 410."""
    user, token = invite(stack, admin)
    assert admin.delete(f"/v1/users/{user['id']}").status_code == 204
    problem(set_password(stack, token), 410, "gone")


def test_acc_8_link_at_once_from_two_sides_sets_one_password(stack, admin):
    """ACC-8: of parallel uses of one link exactly one succeeds."""
    _, token = invite(stack, admin)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: set_password(stack, token, f"{PASSWORD} {number}"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 410, 410, 410]


def test_acc_8_a_link_tells_whose_password_it_sets(stack, admin, anonymous):
    """ACC-8: as often as it is asked, until it is used; 404 for a forged one."""
    user, token = invite(stack, admin)
    path = f"/v1/auth/password-resets/{token}"
    shown = anonymous.read(path)
    assert shown == anonymous.read(path) and set(shown) == {"email", "expires_at"} and shown["email"] == user["email"]
    problem(anonymous.get(forged(path)), 404, "not_found")
    expect(set_password(stack, token), 204)
    problem(anonymous.get(path), 410, "gone")


def test_acc_8_reset_answers_alike_for_everybody(stack, admin, anonymous):
    """ACC-8: asking for a reset is 202 with the same answer, known or unknown; only the known one gets a mail."""
    user = new_user(stack, admin)
    known = anonymous.post("/v1/auth/password-resets", {"email": user.user["email"].upper()})
    unknown = anonymous.post("/v1/auth/password-resets", {"email": client_body()["billing_contact"]["email"]})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, unknown.content)
    own = ("X-Request-Id", "Date")
    assert ({name: value for name, value in known.headers.items() if name not in own}
            == {name: value for name, value in unknown.headers.items() if name not in own})
    assert stack.mail(user.user["email"], containing="Réinitialisation")["Subject"] == (
        "Réinitialisation de votre mot de passe")


def reset_token(stack, anonymous, user):
    """The secret of a link newly asked for."""
    before = len(stack.mails(user["email"]))
    assert anonymous.post("/v1/auth/password-resets", {"email": user["email"]}).status_code == 202
    wait_until(lambda: len(stack.mails(user["email"])) > before)
    return password_token(stack, user["email"])


def test_acc_8_reset_sets_a_new_password_and_ends_the_other_links(stack, admin, anonymous):
    """ACC-8: a reset sets the new password, ends the old one and every earlier link."""
    user = new_user(stack, admin).user
    first, second = (reset_token(stack, anonymous, user) for _ in range(2))
    expect(set_password(stack, second, "a wholly new password"), 204)
    problem(set_password(stack, first), 410, "gone")
    problem(anonymous.post("/v1/auth/login", {"email": user["email"], "password": PASSWORD}), 401, "unauthenticated")
    Client(stack).log_in(user["email"], "a wholly new password")
    activated = stack.query("select count(*) from accounts.event_log where type = 'accounts.UserActivated' and subject = %s",
                            user["id"])
    assert activated == [(1,)], "by the first password only"


def test_acc_8_disabled_user_gets_no_reset(stack, admin, anonymous):
    """ACC-8: nobody resets the password of a disabled account."""
    user = admin.create("/v1/users", user_body())
    assert admin.delete(f"/v1/users/{user['id']}").status_code == 204
    assert anonymous.post("/v1/auth/password-resets", {"email": user["email"]}).status_code == 202
    assert stack.query("select count(*) from accounts.password_link where user_id = %s and created_at > "
                       "(select updated_at from accounts.account_user where id = %s)",
                       user["id"], user["id"]) == [(0,)]


def test_acc_8_secret_links_are_stored_nowhere(stack, admin, anonymous):
    """ACC-8: neither events nor tables, logs nor the archived copy of the mail hold the links, used or not; the copies
    have them struck out."""
    user, invitation = invite(stack, admin)
    assert_stored_nowhere(stack, admin, invitation, recipient=user["email"], kind="invitation")
    expect(set_password(stack, invitation), 204)
    reset = reset_token(stack, anonymous, user)
    assert_stored_nowhere(stack, admin, reset, recipient=user["email"], kind="password_reset")
    expect(set_password(stack, reset), 204)
    for token in (invitation, reset):
        assert_stored_nowhere(stack, admin, token, recipient=user["email"])


def test_acc_8_security_mails_are_for_administrators(stack, admin, operator):
    """ACC-8 with NOT-3: operators do not see invitations and resets in the archive."""
    user, _ = invite(stack, admin)
    message = wait_until(lambda: next(iter(admin.read("/v1/messages", recipient=user["email"])["messages"]), None))
    assert operator.read("/v1/messages", recipient=user["email"])["messages"] == []
    assert operator.get(f"/v1/messages/{message['id']}").status_code in (403, 404)
    assert operator.get(f"/v1/messages/{message['id']}/source").status_code in (403, 404)
