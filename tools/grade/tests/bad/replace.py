# It decodes and encodes again, and what is no text becomes a question mark. Caught by tcp-echo cut-utf8.
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            text = data.decode("utf-8", errors="replace")
            connection.sendall(text.encode("utf-8"))


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
