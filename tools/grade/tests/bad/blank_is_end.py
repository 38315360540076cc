# It takes a piece of nothing but white space for "the client is done". Caught by tcp-echo byte-by-byte.
import socket
import threading


def serve(connection):
    with connection:
        while True:
            data = connection.recv(1024)
            if not data.strip():
                break
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
