# Nothing here ever waits: it asks all the time whether something has come. Caught by tcp-echo at-rest.
import socket

server = socket.create_server(("127.0.0.1", 6797))
server.setblocking(False)
clients = {}
while True:
    for client in list(clients):
        try:
            if clients[client]:
                taken = client.send(clients[client])
                clients[client] = clients[client][taken:]
                continue
            data = client.recv(4096)
        except BlockingIOError:
            continue
        except OSError:
            data = b""
        clients[client] = data
        if not data:
            del clients[client]
            client.close()
    try:
        connection, _ = server.accept()
        connection.setblocking(False)
        clients[connection] = b""
    except BlockingIOError:
        pass
