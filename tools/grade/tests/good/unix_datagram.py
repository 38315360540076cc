# Part three's datagrams: a name for the server, and one for each client that wants an answer. Passes unix-datagram.
import os
import signal
import socket
import stat
import sys

PATH = os.environ["SOCKET_PATH"]


def stop(signal_number, frame):
    sys.exit()


def bind():
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if os.path.exists(PATH):
        if not stat.S_ISSOCK(os.lstat(PATH).st_mode):
            sys.exit(f"{PATH} is no socket, and is left alone")
        try:
            server.connect(PATH)
            sys.exit(f"{PATH}: another server waits there")
        except ConnectionRefusedError:
            os.unlink(PATH)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    os.umask(0o177)
    server.bind(PATH)
    return server


signal.signal(signal.SIGTERM, stop)
server = bind()
try:
    while True:
        data, client = server.recvfrom(65536)
        if not client:
            print("a client without a name: no answer")
            continue
        try:
            server.sendto(data, client)
        except OSError as error:
            print(client, error)
finally:
    os.unlink(PATH)
