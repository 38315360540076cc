# A path for a name: a stale file is replaced, nobody else's is touched, and its own goes with it. Passes unix-echo.
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


def stop(signal_number, frame):
    sys.exit()


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


signal.signal(signal.SIGTERM, stop)
server = listen()
try:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=[connection], daemon=True).start()
finally:
    os.unlink(PATH)
