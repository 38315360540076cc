# It says nothing when the address is taken. Caught by tcp-once port-taken.
import os
import socket

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    server.bind(("127.0.0.1", 6797))
    server.listen(1)
except OSError:
    os._exit(1)
connection, _ = server.accept()
connection.sendall(connection.recv(1024))
