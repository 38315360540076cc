# It serves one client and ends: accept stands outside the loop. Caught by tcp-echo next-client.
import socket

server = socket.create_server(("127.0.0.1", 6797))
connection, client = server.accept()
with connection:
    while data := connection.recv(1024):
        connection.sendall(data)
