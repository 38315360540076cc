# One thread for all. It reads no further than its clients do, and SIGTERM lets it finish what has come. Passes tcp-echo.
# Passes many.
import selectors
import signal
import socket

BACKLOG = 1024


class Client:
    def __init__(self, connection):
        self.connection, self.pending = connection, b""

    def step(self):
        """Receives, or sends what is left; whether the client goes on."""
        try:
            if not self.pending:
                self.pending = self.connection.recv(16384)
                if not self.pending:
                    return False
            self.pending = self.pending[self.connection.send(self.pending):]
        except BlockingIOError:
            pass
        except OSError:
            return False
        ready.modify(self.connection, selectors.EVENT_WRITE if self.pending else selectors.EVENT_READ, self)
        return True


def accept():
    """Takes the next client; False if there is no descriptor for it."""
    try:
        connection, _ = server.accept()
    except BlockingIOError:
        return True
    except OSError:
        return False
    connection.setblocking(False)
    ready.register(connection, selectors.EVENT_READ, Client(connection))
    return True


ready = selectors.DefaultSelector()
server = socket.create_server(("127.0.0.1", 6797), backlog=BACKLOG)
server.setblocking(False)
ready.register(server, selectors.EVENT_READ)
wake, woken = socket.socketpair()
woken.setblocking(False)
signal.set_wakeup_fd(woken.fileno())
signal.signal(signal.SIGTERM, lambda number, frame: None)
ready.register(wake, selectors.EVENT_READ)
stopping, pausing = False, False
while True:
    events = ready.select(0 if stopping else 0.2 if pausing else None)
    if stopping and not events:
        break
    if pausing:
        ready.register(server, selectors.EVENT_READ)
        pausing = False
    for key, _ in events:
        if key.fileobj is wake:
            stopping = True
            ready.unregister(wake)
        elif key.fileobj is server:
            if stopping or not accept():
                # No descriptor is left, or no client is wanted: not to be asked again for a while.
                ready.unregister(server)
                pausing = not stopping
        elif not key.data.step():
            ready.unregister(key.fileobj)
            key.fileobj.close()
