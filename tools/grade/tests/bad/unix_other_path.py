# It listens at a path of its own choice. Caught by unix-echo listens.
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data)


server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind("./echo.sock")
server.listen()
while True:
    connection, _ = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
