# SPDX-License-Identifier: Apache-2.0
"""What a mailed secret must not be found in."""
from client import wait_until
from tables import tables_holding


def assert_stored_nowhere(stack, admin, token, **query):
    """The link of the newest such message lies in no table, not in the archived copy of the mail, in no program's log."""
    message = wait_until(lambda: next(iter(admin.read("/v1/messages", **query)["messages"]), None))
    wait_until(lambda: admin.read(f"/v1/messages/{message['id']}")["status"] == "sent")
    source = admin.get(f"/v1/messages/{message['id']}/source")
    assert source.status_code == 200 and "Subject:" in source.text
    secret = token[-40:]  # what goes before may name what it is about
    assert secret not in source.text.replace("=\r\n", "") and secret[:20] not in source.text
    assert tables_holding(stack, secret) == set()
    logs = {log.name for log in stack.logs.glob("*.log") if secret in log.read_text(encoding="utf-8", errors="replace")}
    assert logs == set() and list(stack.logs.glob("*.log"))
