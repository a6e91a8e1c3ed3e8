# SPDX-License-Identifier: Apache-2.0
"""What holds for every list: pages, filters, search."""
import pytest
from client import pointers, problem
from factory import funded_client, new_client, new_project, wait_for_status
from identifiers import new_siren


def pages(caller, path, **query):
    """All pages of a list, as lists of their items."""
    token = None
    while True:
        page = caller.read(path, **query, **({"page_token": token} if token else {}))
        token = page.pop("next_page_token", None)
        yield next(iter(page.values()))
        if token is None:
            return


def test_list_is_paged_newest_first(operator):
    """Pages of the asked size, newest first, no token on the last."""
    mark = f"Pagé {new_siren()}"
    made = [new_client(operator, name=f"{mark} {number}")["id"] for number in range(5)]
    found = list(pages(operator, "/v1/clients", q=mark, page_size=2))
    assert [len(page) for page in found] == [2, 2, 1]
    assert [client["id"] for page in found for client in page] == made[::-1]


def test_list_whose_last_page_is_full_has_no_further_token(operator):
    """A list that ends with a full page does not promise another."""
    mark = f"Plein {new_siren()}"
    for _ in range(2):
        new_client(operator, name=mark)
    assert [len(page) for page in pages(operator, "/v1/clients", q=mark, page_size=2)] == [2]


def test_list_is_stable_under_inserts(operator):
    """What is created between two pages neither repeats nor hides anything."""
    mark = f"Stable {new_siren()}"
    made = [new_client(operator, name=mark)["id"] for _ in range(4)]
    walk = pages(operator, "/v1/clients", q=mark, page_size=2)
    first = next(walk)
    new_client(operator, name=mark)
    assert [client["id"] for client in first + next(walk)] == made[::-1]


@pytest.mark.parametrize("size", ["0", "201", "-1"])
def test_page_size_is_1_to_200(operator, size):
    """A page has 1 to 200 items."""
    assert pointers(operator.get("/v1/clients", page_size=size)) == ["/page_size"]
    assert operator.get("/v1/clients", page_size="200").status_code == 200


@pytest.mark.parametrize("token", ["x", "!!!!", "bm90IGEgdXVpZA", "A" * 40, "=", "MQ",
                                   "MDE5OWY4ZjQtN2E1ZC03YzNlLTgwMDAtMDEyMzQ1Njc4OWFiAHg"])
def test_page_token_that_is_none_of_ours_is_refused(operator, token):
    """A page token that no list gave is 422, never the first page again."""
    said = problem(operator.get("/v1/clients", page_token=token), 422, "invalid")
    assert [(error["pointer"], error["code"]) for error in said["errors"]] == [("/page_token", "invalid_page_token")]


@pytest.mark.parametrize("query, code, pointer", [
    ("size=1", "unknown_parameter", "/size"), ("iban=FR", "unknown_parameter", "/iban"),
    ("status=active&status=pending", "repeated_parameter", "/status"), ("page_size=ten", "wrong_type", "/page_size"),
])
def test_query_parameters_are_checked(operator, query, code, pointer):
    """An unknown, repeated or mistyped query parameter is 400 and named."""
    said = problem(operator.get(f"/v1/clients?{query}"), 400, code)
    assert [error["pointer"] for error in said["errors"]] == [pointer]


@pytest.mark.parametrize("query", ["q=%ff", "q=%C0%AF", "q=%00", "q=%ED%A0%80"])
def test_query_that_is_no_text_is_refused(operator, query):
    """A query that is not percent-encoded UTF-8 text is refused."""
    assert operator.get(f"/v1/clients?{query}").status_code in (400, 422)


def test_list_filters_by_state(operator):
    """A filter keeps what has this value; an unknown word is 422."""
    mark = f"État {new_siren()}"
    active = new_client(operator, name=mark)
    pending = operator.create("/v1/clients", {"name": mark})
    for status, client in (("active", active), ("pending", pending)):
        assert [each["id"] for each in operator.read("/v1/clients", q=mark, status=status)["clients"]] == [client["id"]]
    assert pointers(operator.get("/v1/clients", status="open")) == ["/status"]


def test_projects_are_filtered_by_state(admin, operator):
    """What is open and what is closed of a client, each alone; an unknown word is 422."""
    client = funded_client(admin)
    still_open, closed = (new_project(operator, client) for _ in range(2))
    operator.act(f"/v1/projects/{closed['id']}/close")
    wait_for_status(operator, f"/v1/projects/{closed['id']}", "closed")
    for status, found in (("open", [still_open]), ("closed", [closed]), ("closing", [])):
        listed = operator.read("/v1/projects", client_id=client["id"], status=status)["projects"]
        assert [each["id"] for each in listed] == [each["id"] for each in found]
    assert pointers(operator.get("/v1/projects", status="lost")) == ["/status"]


@pytest.mark.parametrize("written", ["ecole francaise", "ÉCOLE FRANÇAISE", "École", "cœur", "COEUR"])
def test_search_ignores_case_and_accents(operator, written):
    """q finds names whatever their case and accents."""
    mark = new_siren()
    client = new_client(operator, name=f"{mark} École française du cœur")
    found = operator.read("/v1/clients", q=written, page_size=200)["clients"]
    assert client["id"] in [each["id"] for each in found]
    assert [each["id"] for each in operator.read("/v1/clients", q=mark)["clients"]] == [client["id"]]


@pytest.mark.parametrize("wild", ["%", "_", "\\"])
def test_search_takes_no_wildcards(operator, wild):
    """Characters that a database might read as wildcards are searched as themselves."""
    mark = new_siren()
    new_client(operator, name=f"Plain {mark}")
    client = new_client(operator, name=f"Wild{wild}{mark}")
    assert [each["id"] for each in operator.read("/v1/clients", q=f"{wild}{mark}")["clients"]] == [client["id"]]
