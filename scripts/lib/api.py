# SPDX-License-Identifier: Apache-2.0
"""A small client of the gateway's API for the scripts; the standard library is all it needs."""
import json
import pathlib
import ssl
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_SECONDS = 30


class Refused(Exception):
    """The API answered with a problem, or not at all."""

    def __init__(self, text, status=None, problem=None):
        super().__init__(text)
        self.status = status
        self.problem = problem or {}


class Api:
    """One caller of one gateway."""

    def __init__(self, url, ca_file):
        self.url = url
        self.token = None
        self.tls = ssl.create_default_context(cafile=ca_file)

    @classmethod
    def from_access_file(cls, path):
        """Logged in as the administrator that access.json names."""
        access = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        api = cls(access["url"], access["ca_file"])
        login = {"email": access["email"], "password": access["password"]}
        api.token = api.post("/v1/auth/login", login)["access_token"]
        return api

    def request(self, verb, path, body=None, *, key=None, timeout=TIMEOUT_SECONDS):
        """The answer's JSON; `key` is an Idempotency-Key."""
        headers = {"Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        request = urllib.request.Request(self.url + path, data, headers, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.tls) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise Refused(f"{verb} {path}: {error.code} {text}", error.code, parsed(text)) from None
        except OSError as error:
            raise Refused(f"{verb} {path}: {error}") from None
        return json.loads(text) if text else None

    def get(self, path, **query):
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path, body=None, key=None):
        return self.request("POST", path, body, key=key)

    def patch(self, path, body):
        return self.request("PATCH", path, body)

    def missing(self):
        """The services that /readyz misses; None when the gateway itself does not answer."""
        try:
            self.request("GET", "/readyz", timeout=2)
        except Refused as refusal:
            return refusal.problem.get("missing")
        return []


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return {}
