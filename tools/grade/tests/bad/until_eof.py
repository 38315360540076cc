# It collects until the end of the stream, and answers only then. Caught by tcp-echo one-line.
import socket
import threading


def serve(connection):
    with connection:
        message = b""
        while data := connection.recv(1024):
            message += data
        connection.sendall(message)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
