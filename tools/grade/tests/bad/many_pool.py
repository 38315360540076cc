# Fifty workers serve two hundred clients: the fifty-first waits until one has left. Caught by many two-hundred.
import socket
from concurrent.futures import ThreadPoolExecutor


def serve(connection):
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 6797), backlog=1024)
with ThreadPoolExecutor(max_workers=50) as workers:
    while True:
        connection, client = server.accept()
        workers.submit(serve, connection)
