# SPDX-License-Identifier: Apache-2.0
"""Pages for people without an account: funding review and password, in a real browser whose scripts are off."""
import re
import uuid

import pytest
from browser import DESKTOP, PHONE, Browser
from client import PASSWORD, Client, mail_text, password_token, problem, wait_until
from factory import funded_client, new_project, user_body
from facts import facts
from identifiers import forged

REVIEW_LINK = re.compile(r"https?://\S+(/v1/funding-reviews/[\w.~-]+)")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


def sent_call(stack, admin, locale="fr", **project):
    """The path of the review of a call that was just sent, and the call."""
    client = funded_client(admin, locale=locale, name="ACME & Fils <SA>")
    project = new_project(admin, client, **({"name": "Académie « Vente » & co"} | project))
    wait_until(lambda: stack.query("select 1 from funding.client where id = %s", client["id"]))
    call = admin.create(f"/v1/projects/{project['id']}/funding-calls", {"requested_cents": 200_000})
    admin.act(f"/v1/funding-calls/{call['id']}/send")
    mail = stack.mail(client["billing_contact"]["email"], "/v1/funding-reviews/")
    return REVIEW_LINK.search(mail_text(mail)).group(1), call


@pytest.fixture(scope="module")
def waiting(stack, admin):
    """The path of a call that waits for its answer; tests that use it leave it so."""
    return sent_call(stack, admin)[0]


def invited(stack, admin):
    user = admin.create("/v1/users", user_body())
    return user, f"/v1/auth/password-resets/{password_token(stack, user['email'])}"


def send_form(caller, path, body, accept=BROWSER):
    return caller.post(path, raw=body, headers=FORM | {"Accept": accept}, allow_redirects=False)


# ── in a browser ────────────────────────────────────────────────────────────────────────────────


def test_fun_4_a_client_adjusts_on_a_phone(stack, admin, browser, tmp_path):
    """FUN-4: shown, mistyped, told beside the field what is wrong with what was typed kept, then adjusted."""
    path, call = sent_call(stack, admin)
    page = browser.page(PHONE).open(stack.url + path)
    assert page.shortcomings() == []
    shown = page.text()
    for words in ("Appel de fonds", "2 000,00 €", "Académie « Vente » & co", "ACME & Fils <SA>", "Réponse attendue"):
        assert words in shown
    page.picture(tmp_path / "waiting.png")
    page.click("input[value=adjust]")
    page.type("#granted_cents", "1.500")
    page.type("#comment", "Deux groupes\nde moins")
    page.submit()
    assert page.statuses[-1] == 422 and page.shortcomings() == []
    assert "ne se lit pas sans ambiguïté" in page.text()
    assert page.evaluate("document.querySelector('#granted_cents').value") == "1.500"
    assert page.evaluate("document.querySelector('#comment').value") == "Deux groupes\nde moins"
    assert page.evaluate("document.querySelector('input[value=adjust]').checked")
    page.picture(tmp_path / "mistyped.png")
    page.type("#granted_cents", "1 500,00")
    page.submit()
    assert page.statuses[-1] == 200 and page.shortcomings() == []
    assert "1 500,00 € accordés sur 2 000,00 € demandés" in page.text()
    page.picture(tmp_path / "decided.png")
    decided = admin.read(f"/v1/funding-calls/{call['id']}")
    assert (decided["status"], decided["decision"], decided["granted_cents"]) == ("accepted", "adjust", 150_000)
    assert {url.split("/")[2] for url in page.requested} == {stack.url.split("/")[2]}


def test_fun_4_a_client_declines_on_a_desktop_in_english(stack, admin, browser, tmp_path):
    """FUN-4: the client's locale decides, whatever the browser asks for."""
    path, call = sent_call(stack, admin, locale="en")
    page = browser.page(DESKTOP, "fr-FR").open(stack.url + path)
    assert page.shortcomings() == [] and page.evaluate("document.documentElement.lang") == "en"
    assert "€2,000.00" in page.text()
    page.submit()
    assert page.statuses[-1] == 422 and "Choose an answer" in page.text()
    page.picture(tmp_path / "nothing-chosen.png")
    page.click("input[value=decline]")
    page.submit()
    assert "this funding call is declined" in page.text() and page.evaluate("document.querySelector('form')") is None
    page.picture(tmp_path / "declined.png")
    assert admin.read(f"/v1/funding-calls/{call['id']}")["status"] == "declined"


def test_acc_4_a_user_sets_a_password(stack, admin, browser, tmp_path):
    """ACC-4, ACC-8: too short, then typed in two ways, then set; the link has ended then."""
    user, path = invited(stack, admin)
    page = browser.page(PHONE, "en-GB", "dark").open(stack.url + path)
    assert page.shortcomings() == [] and "Choose your password" in page.text()
    for passwords, complaint in ((("short", "short"), "too short"), ((PASSWORD, PASSWORD + "!"), "passwords differ")):
        for field, password in zip(("#new_password", "#new_password_again"), passwords):
            page.type(field, password)
        page.submit()
        assert page.statuses[-1] == 422 and complaint in page.text() and page.shortcomings() == []
        assert page.evaluate("document.querySelector('#new_password').value") == ""
        page.picture(tmp_path / f"{complaint.split()[-1]}.png")
    for field in ("#new_password", "#new_password_again"):
        page.type(field, PASSWORD)
    page.submit()
    assert page.statuses[-1] == 200 and "You can log in now" in page.text() and page.shortcomings() == []
    page.picture(tmp_path / "set.png")
    Client(stack).log_in(user["email"], PASSWORD)
    page.open(stack.url + path)
    assert page.statuses[-1] == 410 and "This link has ended" in page.text()


def test_pages_fit_and_can_be_read(stack, browser, tmp_path, waiting):
    """Every kind of page at both widths, light and dark: it fits, its contrast is 4.5, fields have labels."""
    page = browser.page()
    for number, path in enumerate((waiting, "/v1/auth/password-resets/nonsense", "/", "/problems/gone")):
        page.open(stack.url + path)
        for size in (PHONE, DESKTOP):
            for scheme in ("light", "dark"):
                page.dress(size, scheme)
                assert page.shortcomings() == [], (path, size, scheme)
                page.picture(tmp_path / f"{number}-{size[0]}-{scheme}.png")


@pytest.mark.parametrize("path", ["/docs", "/docs/flows"])
def test_reference_pages_keep_to_their_policy(stack, browser, path):
    """The browser refuses nothing of them: their own style is applied."""
    page = browser.page().open(stack.url + path)
    assert page.complaints == [] and page.evaluate("[...document.styleSheets].some(sheet => sheet.cssRules.length)")


# ── as HTTP ─────────────────────────────────────────────────────────────────────────────────────


def get(stack, path, **headers):
    return Client(stack).request("GET", path, headers=headers)


def test_pages_only_for_who_prefers_them(stack, waiting):
    """Accept decides: text/html before JSON is a page, all else is JSON as ever."""
    for accept, kind in ((BROWSER, "text/html"), ("text/html", "text/html"), ("*/*", "application/json"),
                         ("application/json, text/html;q=0.5", "application/json")):
        answer = get(stack, waiting, Accept=accept)
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith(kind), accept


def test_pages_have_a_strict_policy(stack, waiting):
    """One style by its hash, forms to ourselves, no script, no frame, no referrer, nothing kept."""
    answer = get(stack, waiting, Accept="text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'self'; "
                        r"frame-ancestors 'none'", policy)
    assert (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"], answer.headers["X-Frame-Options"]) == (
        "no-referrer", "no-store", "DENY")
    assert "<script" not in answer.text and "style=" not in answer.text
    assert set(re.findall(r"""(?:src|href|action)=["']([^"']*)""", answer.text)) <= set()


@pytest.mark.parametrize("language, words", [("en-GB,en;q=0.9", "not recognised"), ("fr", "Lien non reconnu"),
                                             ("de", "Lien non reconnu"), (None, "Lien non reconnu")])
def test_acc_8_a_link_that_is_not_ours_says_what_to_do(stack, waiting, language, words):
    """ACC-8: 404 as a page in the browser's language, French unless it asks for English."""
    headers = {"Accept": BROWSER} | ({"Accept-Language": language} if language else {})
    answer = get(stack, forged(waiting), **headers)
    assert answer.status_code == 404 and words in answer.text


def test_fun_4_opening_the_page_never_acts(stack, waiting):
    """FUN-4: neither GET nor HEAD changes anything, whatever the query says."""
    before = facts(stack, "funding")
    for path in (waiting, waiting + "?decision=accept"):
        get(stack, path, Accept=BROWSER)
        Client(stack).request("HEAD", path, headers={"Accept": BROWSER})
    assert facts(stack, "funding") == before


@pytest.mark.parametrize("body, status, words", [
    ("", 422, "Choisissez une réponse"),
    ("decision=adjust", 422, "Indiquez le montant"),
    ("decision=adjust&granted_cents=0", 422, "supérieur à zéro"),
    ("decision=adjust&granted_cents=99%20999%20999%20999%20999,00", 422, "plausible"),
    ("decision=adjust&granted_cents=mille", 422, "sans ambiguïté"),
    ("decision=accept&granted_cents=5", 422, "effacez"),
    ("decision=perhaps", 422, "Choisissez une réponse"),
    ("decision=accept&comment=" + "x" * 5001, 422, "trop long"),
    ("decision=accept&decision=decline", 400, "illisible"),
    ("decision=accept&colour=red", 400, "illisible"),
    ("decision=accept&token=other", 400, "illisible"),
    ("decision=%FF", 400, "illisible"),
    ("decision=%0", 400, "illisible"),
    ("decision=accept%00", 400, "illisible"),
    ("comment=" + "x" * 70_000, 413, "illisible"),
])
def test_fun_4_forms_that_are_refused(stack, waiting, body, status, words):
    """FUN-4: told on a page in words, and nothing changes."""
    before = facts(stack, "funding")
    answer = send_form(Client(stack), waiting, body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8"), answer.text
    assert words in answer.text
    assert facts(stack, "funding") == before


def test_fun_4_what_was_typed_is_shown_as_text(stack, waiting):
    """What comes back in the page is escaped: no element, no attribute comes of it."""
    evil = "\"><script>alert(1)</script>'"
    answer = send_form(Client(stack), waiting, {"decision": "adjust", "granted_cents": evil, "comment": "</textarea>" + evil})
    assert answer.status_code == 422 and "<script" not in answer.text and answer.text.count("</textarea>") == 1


def test_fun_4_the_same_answer_again_and_another_one(stack, admin):
    """FUN-4: sent back to the page, twice alike; another answer is 409 on the page that shows the first."""
    path, call = sent_call(stack, admin)
    for _ in range(2):
        answer = send_form(Client(stack), path, "decision=accept")
        assert (answer.status_code, answer.headers["Location"]) == (303, path)
    answer = send_form(Client(stack), path, "decision=decline")
    assert answer.status_code == 409 and "a déjà reçu une autre réponse" in answer.text and "<form" not in answer.text
    assert admin.read(f"/v1/funding-calls/{call['id']}")["granted_cents"] == 200_000


def test_fun_4_a_call_taken_back_says_so(stack, admin):
    """FUN-4, FUN-1: the page of a cancelled call has no form; an answer is 409."""
    path, call = sent_call(stack, admin)
    admin.act(f"/v1/funding-calls/{call['id']}/cancel")
    assert "est annulé" in get(stack, path, Accept=BROWSER).text
    answer = send_form(Client(stack), path, "decision=accept")
    assert answer.status_code == 409 and "n’attend plus de réponse" in answer.text


def test_forms_are_taken_only_where_there_is_a_page(stack, operator):
    """A browser's form elsewhere is 415, as JSON; a page's answer that the caller won't take is 406."""
    problem(operator.post("/v1/clients", raw="name=ACME", headers=FORM), 415, "unsupported_media_type")
    assert send_form(Client(stack), f"/v1/funding-reviews/{uuid.uuid4()}", "decision=accept",
                     "application/json").status_code == 406
