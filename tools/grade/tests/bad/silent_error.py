# It catches the error of bind, says nothing, and ends as if all were well. Caught by tcp-echo port-taken.
import socket
import sys
import threading


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data)


try:
    server = socket.create_server(("127.0.0.1", 6797))
except OSError:
    sys.exit()
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
