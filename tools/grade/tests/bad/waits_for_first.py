# It waits until the client has said something, also when the client has ended. Caught by tcp-echo only-end.
import socket
import threading


def serve(connection):
    with connection:
        data = b""
        while not data:
            data = connection.recv(1024)
        while data:
            connection.sendall(data)
            data = connection.recv(1024)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
