# SPDX-License-Identifier: Apache-2.0
"""Settings: the seller, the dated lists (MON-2), and who may change them."""
import pytest
from client import expect, pointers, problem

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
    ({"seller": {"siren": "732829321"}}, "/seller/siren"),
    ({"seller": {"iban": "FR76"}}, "/seller/iban"),
    ({"seller": {"capital_cents": -1}}, "/seller/capital_cents"),
    ({"seller": {"capital_cents": 10**15 + 1}}, "/seller/capital_cents"),
    ({"public_url": "ftp://x"}, "/public_url"),
    ({"public_url": "https://user@x"}, "/public_url"),
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
