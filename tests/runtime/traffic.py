# SPDX-License-Identifier: Apache-2.0
"""Callers that ask again and again and never repeat a request: whatever fails stays on record."""
import contextlib
import itertools
import threading

import requests
from client import TIMEOUT_SECONDS, wait_until

numbers = itertools.count(1)


class Caller(threading.Thread):
    """One caller: reads, or writes with or without a key, over one connection or a new one each time."""

    def __init__(self, stack, authorization, *, writes=False, keyed=False, reconnects=False):
        super().__init__(daemon=True)
        self.url, self.writes, self.keyed, self.reconnects = stack.url, writes, keyed, reconnects
        self.session = requests.Session()
        self.session.verify, self.session.trust_env = stack.ca_file, False
        self.session.headers["Authorization"] = authorization
        self.number, self.count = next(numbers), 0
        self.answered, self.failures, self.created = 0, [], []
        self.ended = False

    def ask(self):
        headers = {"Connection": "close"} if self.reconnects else {}
        if not self.writes:
            return self.session.get(f"{self.url}/v1/clients?page_size=1", headers=headers, timeout=TIMEOUT_SECONDS)
        self.count += 1
        name = f"Traffic-{self.number}-{self.count}"
        if self.keyed:
            headers["Idempotency-Key"] = name
        answer = self.session.post(f"{self.url}/v1/clients", json={"name": name}, headers=headers,
                                   timeout=TIMEOUT_SECONDS)
        if answer.status_code == 201:
            self.created.append(name)
        return answer

    def run(self):
        while not self.ended:
            try:
                answer = self.ask()
            except requests.RequestException as failure:
                self.failures.append(repr(failure))
                continue
            if answer.ok:
                self.answered += 1
            else:
                self.failures.append(f"{answer.status_code} {answer.text}")


@contextlib.contextmanager
def traffic(stack, client, *kinds):
    """Callers of these kinds, at work from before the first line to after the last."""
    callers = [Caller(stack, client.session.headers["Authorization"], **kind) for kind in kinds]
    for caller in callers:
        caller.start()
    try:
        go_on(callers)
        yield callers
        go_on(callers)
    finally:
        for caller in callers:
            caller.ended = True
        for caller in callers:
            caller.join()


def go_on(callers, answers=3):
    """Waits until each of them was answered some times more."""
    before = [caller.answered for caller in callers]

    def answered():
        return all(caller.answered >= count + answers for caller, count in zip(callers, before))
    wait_until(answered)
