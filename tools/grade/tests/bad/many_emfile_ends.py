# No descriptor is left for one client, and it ends for all of them. Caught by many no-descriptor-left.
import os
import socket
import sys
import threading
import traceback


def serve(connection):
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 6797), backlog=1024)
threading.stack_size(256 * 1024)
while True:
    try:
        connection, client = server.accept()
    except OSError:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    threading.Thread(target=serve, args=[connection], daemon=True).start()
