# It keeps 500,000 bytes for a client that does not read, and drops all that follows. Caught by tcp-echo late-reader.
import selectors
import socket

LIMIT = 500_000

ready = selectors.DefaultSelector()
server = socket.create_server(("127.0.0.1", 6797))
server.setblocking(False)
ready.register(server, selectors.EVENT_READ)


def step(connection, pending, events):
    """One step with a client; whether it goes on."""
    if events & selectors.EVENT_READ:
        data = connection.recv(4096)
        if not data:
            pending.ended = True
        elif not pending.full:
            pending.data += data
            # From here on for good: else it would hang on the moment how much is missing, and where.
            pending.full = len(pending.data) >= LIMIT
    if events & selectors.EVENT_WRITE and pending.data:
        taken = connection.send(pending.data)
        del pending.data[:taken]
    wanted = 0 if pending.ended else selectors.EVENT_READ
    if pending.data:
        wanted |= selectors.EVENT_WRITE
    if wanted:
        ready.modify(connection, wanted, pending)
    return wanted


class Pending:
    def __init__(self):
        self.data, self.full, self.ended = bytearray(), False, False


while True:
    for key, events in ready.select():
        if key.fileobj is server:
            connection, client = server.accept()
            connection.setblocking(False)
            ready.register(connection, selectors.EVENT_READ, Pending())
            continue
        try:
            goes_on = step(key.fileobj, key.data, events)
        except OSError:
            goes_on = False
        if not goes_on:
            ready.unregister(key.fileobj)
            key.fileobj.close()
