# The client's end is answered with nothing: its own side stays open. Caught by tcp-echo half-close.
import socket
import threading


def serve(connection):
    while data := connection.recv(1024):
        connection.sendall(data)
    threading.Event().wait()


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
