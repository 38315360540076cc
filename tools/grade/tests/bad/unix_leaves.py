# SIGTERM ends it, and its file stays behind. Caught by unix-echo sigterm.
import os
import signal
import socket
import stat
import sys
import threading

PATH = os.environ["SOCKET_PATH"]


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data)


def listen():
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.exists(PATH):
        if not stat.S_ISSOCK(os.lstat(PATH).st_mode):
            sys.exit(f"{PATH} is no socket, and is left alone")
        try:
            server.connect(PATH)
            sys.exit(f"{PATH}: another server listens there")
        except ConnectionRefusedError:
            os.unlink(PATH)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.umask(0o177)
    server.bind(PATH)
    server.listen()
    return server


server = listen()
while True:
    connection, _ = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
