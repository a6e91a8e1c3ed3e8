# SPDX-License-Identifier: Apache-2.0
"""Logging in and out, and the end of access tokens (ACC-5)."""
import datetime
import hashlib
import statistics
import time

import pytest
from client import PASSWORD, Client, expect, password_token, problem, wait_until
from factory import user_body
from identifiers import new_email
from processes import in_role, processor_ns
from tables import tables_holding

END_SECONDS_MAX = 1
GUESSES = 5


@pytest.fixture
def user(stack, admin):
    """A user of this test alone, logged in."""
    made = admin.create("/v1/users", user_body())
    token = password_token(stack, made["email"])
    expect(Client(stack).post(f"/v1/auth/password-resets/{token}", {"new_password": PASSWORD}), 204)
    return Client(stack).log_in(made["email"], PASSWORD)


def again(user):
    """The same user with another token."""
    return Client(user.stack).log_in(user.user["email"], PASSWORD)


def token_of(user):
    return user.session.headers["Authorization"].removeprefix("Bearer ")


def token_hash(user):
    return hashlib.sha256(token_of(user).encode()).digest()


def is_out(user):
    return user.get("/v1/me").status_code == 401


def wait_until_out(user):
    """The rule gives it one second: whoever asks later is refused."""
    end = time.monotonic() + END_SECONDS_MAX
    while (asked := time.monotonic()) and not is_out(user):
        assert asked < end
    problem(user.get("/v1/me"), 401, "unauthenticated")


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────


def test_acc_5_token_is_opaque_and_stored_hashed(stack, user):
    """ACC-5: a token is 32 random bytes; only its hash is stored."""
    token = token_of(user)
    assert len(token) == 43 and token != token_of(again(user))
    assert stack.query("select count(*) from accounts.access_token where token_hash = %s", token_hash(user)) == [(1,)]
    assert tables_holding(stack, token) == set()


def test_acc_5_passwords_are_argon2id(stack, user):
    """ACC-5: the password is stored as argon2id and nowhere in clear."""
    ((stored,),) = stack.query("select password_hash from accounts.account_user where id = %s", user.user["id"])
    assert stored.startswith("$argon2id$")
    assert tables_holding(stack, PASSWORD) == set()


def test_acc_5_token_lasts_twelve_hours(user):
    """ACC-5: the login says when the token ends at the latest: in 12 hours."""
    said = user.post("/v1/auth/login", {"email": user.user["email"], "password": PASSWORD}).json()
    ends = datetime.datetime.fromisoformat(said["expires_at"].replace("Z", "+00:00"))
    left = ends - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=11, minutes=59) < left <= datetime.timedelta(hours=12)


@pytest.mark.parametrize("authorization", [
    None, "", "Bearer", "Bearer ", "Bearer x", "Bearer " + "A" * 43, "Bearer " + "A" * 10_000, "Basic YTpi",
    "Bearer a b", "Bearer é",
])
def test_acc_5_without_a_good_token_nobody_gets_in(anonymous, authorization):
    """ACC-5: no token, another scheme or an unknown token are 401, with WWW-Authenticate."""
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    refusal = anonymous.request("GET", "/v1/me", headers=headers)
    problem(refusal, 401, "unauthenticated")
    assert refusal.headers["WWW-Authenticate"].startswith("Bearer")


def test_acc_5_token_ends_after_30_minutes_without_use(stack, user):
    """ACC-5: a token not used for 30 minutes is ended; one used 29 minutes ago is good, and its use is noted."""
    other = again(user)
    note = "update accounts.access_token set used_at = now() - %s::interval where token_hash = %s"
    stack.query(note, "29 minutes", token_hash(other))
    stack.query(note, "30 minutes", token_hash(user))
    wait_until_out(user)

    def use_is_noted():
        other.read("/v1/me")
        ((idle,),) = stack.query("select now() - used_at < interval '1 minute' from accounts.access_token "
                                 "where token_hash = %s", token_hash(other))
        return idle
    wait_until(use_is_noted)


def test_acc_5_token_ends_after_12_hours(stack, user):
    """ACC-5: a token ends 12 hours after the login, used or not."""
    stack.query("update accounts.access_token set expires_at = now() where token_hash = %s", token_hash(user))
    wait_until_out(user)


# ── the end of tokens ───────────────────────────────────────────────────────────────────────────


def test_acc_5_logout_ends_this_token_only(user):
    """ACC-5: logout ends the token within a second, and no other of the user's."""
    other = again(user)
    assert user.post("/v1/auth/logout").status_code == 204
    wait_until_out(user)
    other.read("/v1/me")


def test_acc_5_password_change_ends_the_other_tokens(stack, user):
    """ACC-5: a changed password ends the user's other tokens within a second; the old password is no longer good."""
    other = again(user)
    change = {"current_password": PASSWORD, "new_password": "a wholly new password"}
    assert user.post("/v1/me/password", change).status_code == 204
    wait_until_out(other)
    user.read("/v1/me")
    login = {"email": user.user["email"], "password": PASSWORD}
    problem(Client(stack).post("/v1/auth/login", login), 401, "unauthenticated")
    Client(stack).log_in(user.user["email"], "a wholly new password")


def test_acc_5_password_change_needs_the_present_one(user):
    """ACC-5: a wrong present password is 422 at its field; nothing changes."""
    other = again(user)
    said = problem(user.post("/v1/me/password", {"current_password": "wrong", "new_password": PASSWORD * 2}),
                   422, "wrong_password")
    assert [error["pointer"] for error in said["errors"]] == ["/current_password"]
    other.read("/v1/me")
    again(user)


def test_acc_5_password_reset_ends_all_tokens(stack, admin, user):
    """ACC-5: a password set through a mailed link ends every token of the user."""
    mails = len(stack.mails(user.user["email"]))
    user.post("/v1/auth/password-resets", {"email": user.user["email"]})
    wait_until(lambda: len(stack.mails(user.user["email"])) > mails)
    token = password_token(stack, user.user["email"])
    expect(Client(stack).post(f"/v1/auth/password-resets/{token}", {"new_password": PASSWORD}), 204)
    wait_until_out(user)


def test_acc_5_role_change_ends_all_tokens(stack, admin, user):
    """ACC-5: a changed role ends the user's tokens within a second; the next token has the new role."""
    other = again(user)
    admin.change(f"/v1/users/{user.user['id']}", {"role": "admin"})
    wait_until_out(user)
    wait_until_out(other)
    assert again(user).read("/v1/settings")
    assert admin.delete(f"/v1/users/{user.user['id']}").status_code == 204


def test_acc_5_change_of_a_name_ends_no_token(admin, user):
    """ACC-5: only a changed role ends tokens, another change does not."""
    admin.change(f"/v1/users/{user.user['id']}", {"last_name": "Petit"})
    assert user.read("/v1/me")["last_name"] == "Petit"


def test_acc_5_disabling_ends_all_tokens(admin, user):
    """ACC-5: a disabled user's tokens end within a second."""
    assert admin.delete(f"/v1/users/{user.user['id']}").status_code == 204
    wait_until_out(user)


# ── what a refusal tells ────────────────────────────────────────────────────────────────────────


def login_refusal(anonymous, email, password):
    """All that a failed login says, but for the request's own name."""
    said = problem(anonymous.post("/v1/auth/login", {"email": email, "password": password}), 401, "unauthenticated")
    del said["instance"]
    return said


def test_acc_5_refused_login_tells_nothing(admin, anonymous, user):
    """ACC-5: unknown, invited, disabled and wrong password get one and the same answer."""
    invited, disabled = (admin.create("/v1/users", user_body())["email"] for _ in range(2))
    found = admin.read("/v1/users", q=disabled)["users"][0]
    assert admin.delete(f"/v1/users/{found['id']}").status_code == 204
    addresses = [user.user["email"], new_email("unknown"), invited, disabled]
    said = [login_refusal(anonymous, address, "not the password") for address in addresses]
    assert said == [said[0]] * len(said)


def test_acc_5_refused_login_takes_as_long_for_unknown_addresses(stack, anonymous, user):
    """ACC-5: an unknown address costs the same work as a wrong password, so that time does not tell either."""
    [worker] = in_role(stack.pid("accounts"), "slow")

    def work(email):
        before = processor_ns(worker)
        login_refusal(anonymous, email, "not the password")
        return processor_ns(worker) - before
    pairs = [(work(user.user["email"]), work(new_email("unknown"))) for _ in range(GUESSES)]
    known, unknown = map(statistics.median, zip(*pairs))
    assert known / 1.5 < unknown < known * 1.5


def test_acc_5_login_answers_with_the_user(user):
    """ACC-5: a login answers with the token and the user, without anything secret of the account."""
    said = expect(user.post("/v1/auth/login", {"email": user.user["email"], "password": PASSWORD}), 200)
    assert set(said) == {"access_token", "expires_at", "user"}
    assert said["user"]["email"] == user.user["email"]
    assert "password" not in str(said["user"])
