# SPDX-License-Identifier: Apache-2.0
"""A test that answers in a service's place, with its key: what the service is asked can be seen, and answered late,
otherwise or not at all."""
import contextlib
import os
import signal
import types

from client import wait_until
from event_messages import message_type
from interference import children, stopped
from processes import title
from test_broker import ALIVE, DONE, FORWARD, LEAVE, READY, control, dealer, receive


UNAVAILABLE = 12
BY_ITSELF = (".ListTroubles", ".ListEvents")  # what services ask each other, whatever callers do


class StandIn:
    """One worker of a lane, that takes one request at a time."""

    def __init__(self, stack, service, lane):
        place = types.SimpleNamespace(keys=stack.place.keys, addresses=stack.place.broker_addresses(1))
        self.socket = dealer(place, service, "workers")
        self.socket.send(control(READY, 0, 1, f"{service}.{lane}".encode()))
        assert receive(self.socket)[0][4] == ALIVE

    def take(self):
        """The sender and the header of the next request that somebody's call is behind; what it is to be answered with is
        kept."""
        while True:
            frames = receive(self.socket)
            if frames[0][4] == FORWARD:
                self.number = int.from_bytes(frames[0][5:13], "big")
                header = message_type("wire.RequestHeader").FromString(frames[1])
                if header.method.endswith(BY_ITSELF):
                    self.answer(status=UNAVAILABLE)
                elif header.method.endswith(".Health"):
                    self.answer()
                else:
                    return frames[0][17:].decode(), header

    def answer(self, **header):
        said = message_type("wire.ReplyHeader")(**header).SerializeToString()
        self.socket.send_multipart([control(DONE, self.number), said, b""])

    def leave(self):
        """As a service that is restarted does."""
        self.socket.send(control(LEAVE, 0, 1))

    def close(self):
        """As one that dies does."""
        self.socket.close(linger=1000)


@contextlib.contextmanager
def in_place_of(stack, service, lane):
    """Opens stand-ins while the workers of a lane are gone; they are back at the end."""
    opened = []

    def stand_in():
        opened.append(StandIn(stack, service, lane))
        return opened[-1]
    with stopped(stack.pid(service)):
        workers = children(stack, service, lane)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        # One that still dies would be given the request first.
        wait_until(lambda: not any(title(worker) for worker in workers))
        try:
            yield stand_in
        finally:
            for each in opened:
                each.close()
