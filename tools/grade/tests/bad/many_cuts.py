# SIGTERM kills it as it stands: what a client has sent is not answered any more. Caught by many sigterm.
import socket
import threading
import time


def serve(connection):
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 6797), backlog=1024)
threading.stack_size(256 * 1024)
while True:
    try:
        connection, client = server.accept()
    except OSError as error:
        print("accept:", error, flush=True)
        time.sleep(0.2)
        continue
    threading.Thread(target=serve, args=[connection], daemon=True).start()
