# It is a TCP server: a datagram finds nobody at its port. Caught by udp-echo listens.
import socket

server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data)
