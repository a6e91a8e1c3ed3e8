# SPDX-License-Identifier: Apache-2.0
"""A session of requests that spends much less on each of them: the tests make tens of thousands."""
import contextlib
import http.client
import json as json_text
import re
import ssl
import urllib.parse

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.util.wait import wait_for_read

# What goes over the wire as it stands; anything else is left to requests.
PLAIN_URL = re.compile(r"https://([\w.-]+):(\d+)(/[\w/~-]*(?:\?[\w=&,.:%+~-]*)?)", re.ASCII)


class Session(requests.Session):
    """Answers and exceptions are those of requests, but no redirect is followed and no cookie kept. Threads may share it."""

    def __init__(self, ca_file):
        super().__init__()
        self.verify, self.trust_env = ca_file, False
        self.idle = []  # (host and port, connection), open from the last request

    def request(self, method, url, params=None, data=None, headers=None, timeout=None, json=None, **options):
        query = {name: value for name, value in (params or {}).items() if value is not None}
        plain = PLAIN_URL.fullmatch(url + ("?" + urllib.parse.urlencode(query, doseq=True) if query else ""))
        if not plain or not isinstance(data, (bytes, str, type(None))):
            return super().request(method, url, params=params, data=data, headers=headers, timeout=timeout, json=json,
                                   **options)
        asked = requests.PreparedRequest()
        asked.method, asked.url, asked.body = method, plain[0], data.encode() if isinstance(data, str) else data
        asked.headers = CaseInsensitiveDict(self.headers)
        asked.headers.update(headers or {})
        if not data and json is not None:
            asked.body = json_text.dumps(json, allow_nan=False).encode()
            asked.headers.setdefault("Content-Type", "application/json")
        if asked.body or method != "GET":
            asked.headers.setdefault("Content-Length", str(len(asked.body or b"")))
        return self.ask(asked, *plain.groups(), timeout)

    def ask(self, asked, host, port, target, timeout):
        connection = self.connection((host, port), timeout)
        try:
            with contextlib.suppress(BrokenPipeError):  # answered before all was read
                connection.request(asked.method, target, asked.body or None,
                                   {name: value for name, value in asked.headers.items() if value is not None})
            answer = connection.getresponse()
            content = whole(answer)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            kind = requests.ReadTimeout if isinstance(error, TimeoutError) else requests.ConnectionError
            raise kind(error, request=asked) from error
        self.idle.append(((host, port), connection))
        return response(asked, answer, content)

    def connection(self, place, timeout):
        """One that is open still and says nothing, or a new one."""
        while self.idle:
            with contextlib.suppress(IndexError):  # another thread took it
                known, connection = self.idle.pop()
                if known == place and connection.sock and not wait_for_read(connection.sock, 0):
                    connection.sock.settimeout(timeout)
                    return connection
                connection.close()
        connection = http.client.HTTPSConnection(*place, timeout=timeout,
                                                 context=ssl.create_default_context(cafile=self.verify))
        try:
            connection.connect()
        except ssl.SSLError as error:
            raise requests.exceptions.SSLError(error) from error
        except OSError as error:
            kind = requests.ConnectTimeout if isinstance(error, TimeoutError) else requests.ConnectionError
            raise kind(error) from error
        return connection

    def close(self):
        super().close()
        while self.idle:
            self.idle.pop()[1].close()


def whole(answer):
    """The body; less, without a word, where the connection was cut within it, as with requests."""
    try:
        return answer.read()
    except http.client.IncompleteRead as error:
        return error.partial


def response(asked, answer, content):
    made = requests.Response()
    made.request, made.url = asked, asked.url
    made.status_code, made.reason = answer.status, answer.reason
    for name, value in answer.getheaders():
        made.headers[name] = f"{made.headers[name]}, {value}" if name in made.headers else value
    made.encoding = get_encoding_from_headers(made.headers)
    made._content, made._content_consumed = content, True  # pylint: disable=protected-access
    return made
