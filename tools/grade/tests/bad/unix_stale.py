# It never removes the file that an earlier run left behind, and cannot bind. Caught by unix-echo stale.
import os
import signal
import socket
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
