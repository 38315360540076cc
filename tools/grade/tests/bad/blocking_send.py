# One thread and select, but send waits: who does not read stops everybody. Caught by tcp-echo never-reads.
import select
import socket

server = socket.create_server(("127.0.0.1", 6797))
clients = []
while True:
    readable, _, _ = select.select([server] + clients, [], [])
    for one in readable:
        if one is server:
            clients.append(server.accept()[0])
            continue
        try:
            data = one.recv(4096)
            one.sendall(data)
        except OSError:
            data = b""
        if not data:
            clients.remove(one)
            one.close()
