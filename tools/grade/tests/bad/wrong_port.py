# It listens on 8080, the port of another exercise. Caught by tcp-echo listens.
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 8080))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
