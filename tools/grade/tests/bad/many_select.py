# select knows 1024 descriptors, and the next client ends it. Caught by many idle-thousand.
import select
import signal
import socket

server = socket.create_server(("127.0.0.1", 6797), backlog=1024)
server.setblocking(False)
clients = {}
stopping = []
signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
while not stopping or clients:
    writing = [client for client, pending in clients.items() if pending]
    reading = [client for client, pending in clients.items() if not pending]
    readable, writable, _ = select.select([server] + reading, writing, [], 0 if stopping else 1)
    if stopping and not writable and readable in ([], [server]):
        break
    for one in readable + writable:
        if one is server:
            connection, _ = server.accept()
            connection.setblocking(False)
            clients[connection] = b""
            continue
        try:
            pending = clients[one] or one.recv(4096)
            clients[one] = pending[one.send(pending):]
        except BlockingIOError:
            continue
        except OSError:
            pending = b""
        if not pending:
            del clients[one]
            one.close()
