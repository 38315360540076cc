# Once it has been spoken to it never stops answering. Caught by tcp-echo one-line.
import socket
import threading


def serve(connection):
    with connection:
        data = connection.recv(1024)
        while data:
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
