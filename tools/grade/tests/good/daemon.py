# A good server that leaves its starter: it forks twice, and begins a session of its own. Passes tcp-echo.
import os
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


# An address that is taken is said before there is nobody left to say it to.
server = socket.create_server(("127.0.0.1", 6797))
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
nowhere = os.open(os.devnull, os.O_RDWR)
for descriptor in range(3):
    os.dup2(nowhere, descriptor)
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
