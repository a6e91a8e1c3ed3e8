# SPDX-License-Identifier: Apache-2.0
"""What a person reads who follows a link while the service behind it is away."""
from client import Client, wait_until
from factory import funded_client, new_project
from funding_calls import review_of, sent_call
from interference import down

BROWSER = {"Accept": "text/html,*/*;q=0.8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"} | BROWSER


def test_a_page_says_that_the_service_is_away(admin, stack):
    """503 in words, for reading and for an answer; the answer is not recorded and can be given later."""
    call = sent_call(admin, new_project(admin, funded_client(admin)), 5_000)
    path, visitor = review_of(stack, call), Client(stack)
    with down(stack, "funding"):
        for act in (lambda: visitor.request("GET", path, headers=BROWSER),
                    lambda: visitor.post(path, raw="decision=accept", headers=FORM, allow_redirects=False)):
            (answer,) = wait_until(lambda: [said for said in [act()] if said.status_code == 503])
            assert answer.headers["Content-Type"].startswith("text/html") and int(answer.headers["Retry-After"]) > 0
            assert "momentanément indisponible" in answer.text and "Rien n’a été enregistré" in answer.text
    wait_until(lambda: visitor.request("GET", path, headers=BROWSER).status_code == 200)
    assert admin.read(f"/v1/funding-calls/{call['id']}")["status"] == "sent"
