# It takes one recv for one line, and forgets what stands behind it. Caught by tcp-echo joined.
import socket
import threading


def serve(connection):
    with connection:
        while data := connection.recv(4096):
            line, line_end, rest = data.partition(b"\n")
            connection.sendall(line + line_end)


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
