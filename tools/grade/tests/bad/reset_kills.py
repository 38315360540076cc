# select and no try: the reset of one client ends the server for all. Caught by tcp-echo reset.
import select
import socket

server = socket.create_server(("127.0.0.1", 6797))
server.setblocking(False)
clients = {}
while True:
    writing = [client for client, pending in clients.items() if pending]
    reading = [client for client, pending in clients.items() if not pending]
    readable, writable, _ = select.select([server] + reading, writing, [])
    for one in writable:
        taken = one.send(clients[one])
        clients[one] = clients[one][taken:]
    for one in readable:
        if one is server:
            connection, _ = server.accept()
            connection.setblocking(False)
            clients[connection] = b""
        elif data := one.recv(4096):
            clients[one] = data
        else:
            del clients[one]
            one.close()
