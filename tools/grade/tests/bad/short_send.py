# It calls send where sendall is meant, with a time limit that makes send take a part. Caught by tcp-echo long.
import socket
import threading


def serve(connection):
    connection.settimeout(30)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with connection:
        while data := connection.recv(65536):
            connection.send(data)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
