# A good server that thinks for 300 ms before each answer. Passes tcp-echo.
import socket
import threading
import time


def serve(connection):
    with connection:
        while data := connection.recv(65536):
            time.sleep(0.3)
            connection.sendall(data)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
