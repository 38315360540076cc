# It takes the white space off, and the line end with it. Caught by tcp-echo one-line. Caught by tcp-once one-line.
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            message = data.decode("latin-1").strip()
            print("message:", message)
            connection.sendall(message.encode("latin-1"))


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
