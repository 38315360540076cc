# It listens on every address of the machine, not on loopback alone. Caught by tcp-echo listens. Caught by tcp-once listens.
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data)


server = socket.create_server(("", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
