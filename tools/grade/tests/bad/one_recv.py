# One recv, one send, and the end: a stream is not one message. Caught by tcp-echo conversation.
import socket
import threading


def serve(connection):
    with connection:
        data = connection.recv(1024)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1024):
            pass


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
