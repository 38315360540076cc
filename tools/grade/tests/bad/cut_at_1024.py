# It takes more than it gives back: what is behind the first 1024 bytes is lost. Caught by tcp-echo two-thousand.
import socket
import threading

LIMIT = 1024


def serve(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data[:LIMIT])


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
