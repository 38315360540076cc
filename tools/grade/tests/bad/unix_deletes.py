# It removes whatever stands at its path, be it a socket or somebody's file. Caught by unix-echo regular-file.
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
    try:
        server.connect(PATH)
        sys.exit(f"{PATH}: another server listens there")
    except FileNotFoundError:
        pass
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
