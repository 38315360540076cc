# It says who it is before the client has said anything. Caught by tcp-echo one-line.
import socket
import threading


def serve(connection):
    with connection:
        connection.sendall(b"Welcome to the echo server\n")
        while data := connection.recv(1024):
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
