# It reads a client's first message before it calls accept again. Caught by tcp-echo silent-first.
import socket
import threading


def serve(connection, first):
    with connection:
        connection.sendall(first)
        while data := connection.recv(4096):
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    try:
        first = connection.recv(4096)
    except OSError:
        connection.close()
        continue
    threading.Thread(target=serve, args=[connection, first], daemon=True).start()
