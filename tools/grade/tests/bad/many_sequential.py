# One client after another, as part one's exercise 4 wants it. Caught by many two-hundred.
import socket

server = socket.create_server(("127.0.0.1", 6797), backlog=1024)
while True:
    connection, client = server.accept()
    with connection:
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        except OSError as error:
            print(client, error)
