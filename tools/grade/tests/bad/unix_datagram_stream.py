# It listens for streams, and a datagram finds the wrong kind of socket. Caught by unix-datagram listens.
import os
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data)


server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(os.environ["SOCKET_PATH"])
server.listen()
while True:
    connection, _ = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
