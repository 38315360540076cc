# A thread for each client. Passes tcp-echo.
import os
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


server = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
