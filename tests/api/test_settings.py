# SPDX-License-Identifier: Apache-2.0
"""Settings: the seller, the dated lists (MON-2), and who may change them."""
import pytest
from client import Client, expect, mail_text, pointers, problem, wait_until
from factory import funded_client, new_project, user_body
from funding_calls import sent_call

DRY_RUN = {"Prefer": "dry-run"}
SELLER = {"name", "legal_form", "capital_cents", "address", "siren", "rcs_city", "vat_number", "iban", "bic",
          "activity_declaration_number", "vat_on_debits"}


def tried(admin, change):
    """The settings as they would be after a change."""
    return expect(admin.patch("/v1/settings", change, headers=DRY_RUN), 200)["reply"]


def test_settings_start_complete(admin, stack):
    """INV-6: a new installation has a seller, rates and sentences, so that invoices can be issued."""
    settings = admin.read("/v1/settings")
    assert SELLER <= set(settings["seller"])
    assert settings["public_url"] == stack.url
    assert all(settings[name] for name in ("commission_vat_rates", "late_penalty_rates", "legal_sentences"))
    assert {sentence["locale"] for sentence in settings["legal_sentences"]} == {"fr", "en"}
    assert (settings["review_link_days"], settings["reminder_days"]) == (30, [7, 14])


def test_seller_is_merged(admin):
    """A change of the seller keeps the members that it does not name."""
    before = admin.read("/v1/settings")["seller"]
    after = tried(admin, {"seller": {"rcs_city": "Lyon", "address": {"line2": "Étage 2"}}})["seller"]
    assert after == before | {"rcs_city": "Lyon", "address": before["address"] | {"line2": "Étage 2"}}


def test_null_clears_what_is_optional(admin):
    """Null clears an optional member; a mandatory one cannot be cleared."""
    assert "bic" not in tried(admin, {"seller": {"bic": None}})["seller"]
    for name in ("public_url", "mail_from", "review_link_days", "require_mfa"):
        assert pointers(admin.patch("/v1/settings", {name: None})) == [f"/{name}"]


def test_mon_6_the_sellers_vat_number_follows_from_its_siren(admin):
    """MON-6: computed when absent, checked when given."""
    seller = admin.read("/v1/settings")["seller"]
    assert tried(admin, {"seller": {"vat_number": None}})["seller"] == seller
    assert tried(admin, {"seller": {"siren": "404833048"}})["seller"]["vat_number"] == "FR83404833048"
    refusal = admin.patch("/v1/settings", {"seller": {"siren": "404833048", "vat_number": "FR44732829320"}})
    assert pointers(refusal) == ["/seller/vat_number"]


def test_mon_2_rates_are_a_dated_list_replaced_whole(admin):
    """MON-2: the rates of our own invoice lines are a dated list; a change replaces it whole."""
    rates = [{"valid_from": "2014-01-01", "valid_to": "2026-12-31", "rate_bp": 2000},
             {"valid_from": "2027-01-01", "rate_bp": 2100}]
    assert tried(admin, {"commission_vat_rates": rates})["commission_vat_rates"] == rates


@pytest.mark.parametrize("change, pointer", [
    ({"commission_vat_rates": [{"valid_from": "2026-01-01", "rate_bp": 10001}]}, "/commission_vat_rates/0/rate_bp"),
    ({"commission_vat_rates": [{"valid_from": "2026-01-01", "rate_bp": -1}]}, "/commission_vat_rates/0/rate_bp"),
    ({"commission_vat_rates": [{"rate_bp": 2000}]}, "/commission_vat_rates/0/valid_from"),
    ({"late_penalty_rates": [{"valid_from": "2026-02-30", "rate_bp": 1}]}, "/late_penalty_rates/0/valid_from"),
    ({"late_penalty_rates": [{"valid_from": "2026-02-01", "valid_to": "2026-01-31", "rate_bp": 1}]},
     "/late_penalty_rates/0/valid_to"),
    ({"legal_sentences": [{"key": "discount", "locale": "fr", "valid_from": "2026-01-01"}]},
     "/legal_sentences/0/text"),
    ({"legal_sentences": [{"key": "discuont", "locale": "fr", "valid_from": "2026-01-01", "text": "x"}]},
     "/legal_sentences/0/key"),
    ({"seller": {"siren": "732829321"}}, "/seller/siren"),
    ({"seller": {"iban": "FR76"}}, "/seller/iban"),
    ({"seller": {"capital_cents": -1}}, "/seller/capital_cents"),
    ({"seller": {"capital_cents": 10**15 + 1}}, "/seller/capital_cents"),
    ({"public_url": "ftp://x"}, "/public_url"),
    ({"public_url": "https://user@x"}, "/public_url"),
    ({"public_url": "https://x/?a=1"}, "/public_url"),
    ({"web_ui_url": "https://x/#a"}, "/web_ui_url"),
    ({"mail_from": "nobody"}, "/mail_from"),
    ({"review_link_days": 0}, "/review_link_days"),
    ({"review_link_days": 366}, "/review_link_days"),
    ({"reminder_days": [7, 0]}, "/reminder_days/1"),
    ({"reminder_days": list(range(1, 12))}, "/reminder_days"),
    ({"cors_origins": ["ui"]}, "/cors_origins/0"),
])
def test_settings_that_break_a_rule_are_refused(admin, change, pointer):
    """MON-2, MON-4 to MON-6 hold in the settings too; the refusal names the place in the list."""
    before = admin.read("/v1/settings")
    assert pointers(admin.patch("/v1/settings", change)) == [pointer]
    assert admin.read("/v1/settings") == before


@pytest.mark.parametrize("change", [{"id": "x"}, {"version": 1}, {"updated_at": "2026-01-01T00:00:00Z"}])
def test_settings_own_bookkeeping_is_immutable(admin, change):
    """What the settings are named and counted by cannot be changed."""
    said = problem(admin.patch("/v1/settings", change), 422, "invalid")
    assert [error["code"] for error in said["errors"]] == ["immutable"]


def test_stale_change_of_settings_is_412(admin):
    """If-Match guards the settings as any other object."""
    answer = admin.get("/v1/settings")
    seller = {"seller": {"name": answer.json()["seller"]["name"]}}
    changed = admin.patch("/v1/settings", seller, if_match=answer.headers["ETag"])
    assert changed.headers["ETag"] != answer.headers["ETag"]
    problem(admin.patch("/v1/settings", seller, if_match=answer.headers["ETag"]), 412, "precondition_failed")


def test_settings_are_for_administrators(operator):
    """ACC-6: operators neither read nor change the settings."""
    problem(operator.get("/v1/settings"), 403, "forbidden")
    problem(operator.patch("/v1/settings", {"review_link_days": 3}), 403, "forbidden")


# ── what they change from then on ───────────────────────────────────────────────────────────────


@pytest.fixture
def settings(admin, stack):
    """Changes settings until the end of a test; returns when every service knows them."""
    services = [schema for (schema,) in stack.query("select schemaname from pg_tables where tablename = 'settings'")]
    before = admin.read("/v1/settings")

    def change(**values):
        version = admin.change("/v1/settings", values)["version"]
        wait_until(lambda: all(stack.query(f"select 1 from {service}.settings where version >= %s", version)
                               for service in services))
    yield change
    names = ("public_url", "web_ui_url", "mail_from", "cors_origins")
    change(seller={"name": before["seller"]["name"]}, **{name: before.get(name) for name in names})


def call_mail(admin, stack):
    """The mail of a call that is sent now."""
    client = funded_client(admin)
    sent_call(admin, new_project(admin, client), 5_000)
    return stack.mail(client["billing_contact"]["email"], "funding-reviews/")


def invitation(admin, stack):
    user = admin.create("/v1/users", user_body())
    return stack.mail(user["email"], "password-resets/")


@pytest.mark.parametrize("base", ["https://ui.example", "https://ui.example/app//"])
def test_links_lead_to_the_web_ui_from_then_on(admin, stack, settings, base):
    """web_ui_url: mails of reviews and passwords lead there, however it is written; null leads back to our pages."""
    settings(web_ui_url=base)
    assert f" {base.rstrip('/')}/funding-reviews/" in " " + mail_text(call_mail(admin, stack)).replace("\n", " ")
    assert f" {base.rstrip('/')}/password-resets/" in " " + mail_text(invitation(admin, stack)).replace("\n", " ")
    settings(web_ui_url=None)
    assert f"{stack.url}/v1/funding-reviews/" in mail_text(call_mail(admin, stack))
    assert f"{stack.url}/v1/auth/password-resets/" in mail_text(invitation(admin, stack))


def test_our_own_links_begin_with_the_public_url_from_then_on(admin, stack, settings):
    """public_url: mails and tickets; a link that was sent before stays good."""
    before = mail_text(call_mail(admin, stack))
    settings(public_url="https://api.example/")
    assert "https://api.example/v1/funding-reviews/" in mail_text(call_mail(admin, stack))
    assert "https://api.example/v1/auth/password-resets/" in mail_text(invitation(admin, stack))
    assert admin.create("/v1/tickets", {"path": "/v1/me"})["url"].startswith("https://api.example/v1/me?ticket=")
    path = next(word for word in before.split() if "/v1/funding-reviews/" in word).removeprefix(stack.url)
    assert Client(stack).read(path)["status"] == "sent"


def test_mails_and_pages_name_the_seller_from_then_on(admin, stack, settings):
    """mail_from and the seller's name: the next mail's sender, the page that it leads to."""
    settings(mail_from="billing@seller.example", seller={"name": "Formations Réunies"})
    mail = call_mail(admin, stack)
    (sender,) = mail["From"].addresses
    assert (sender.addr_spec, sender.display_name) == ("billing@seller.example", "Formations Réunies")
    path = next(word for word in mail_text(mail).split() if "/v1/funding-reviews/" in word).removeprefix(stack.url)
    assert "Formations Réunies" in Client(stack).request("GET", path, headers={"Accept": "text/html"}).text


def test_origins_are_admitted_and_refused_from_then_on(admin, stack, anonymous, settings):
    """cors_origins: every gateway hears of it, without a restart."""
    origin = "https://ui.other.example"

    def admitted():
        answer = anonymous.request("GET", "/livez", headers={"Origin": origin})
        return answer.headers.get("Access-Control-Allow-Origin") == origin
    assert not admitted()
    settings(cors_origins=[origin])
    wait_until(admitted)
    settings(cors_origins=[])
    wait_until(lambda: not admitted())
