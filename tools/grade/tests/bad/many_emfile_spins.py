# No descriptor is left, and it asks accept again at once, without end. Caught by many no-descriptor-left.
import socket
import threading


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
        continue
    threading.Thread(target=serve, args=[connection], daemon=True).start()
