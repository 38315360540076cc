# It reads whole lines: half a line is not answered. Caught by tcp-echo no-line-end. Caught by tcp-once no-line-end.
import socket
import threading


def serve(connection):
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            connection.sendall(line)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
