# One client after another: the second waits until the first has left. Caught by tcp-echo five. Caught by tcp-once ends.
import socket

server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    with connection:
        try:
            while data := connection.recv(1024):
                connection.sendall(data)
        except OSError as error:
            print(client, error)
