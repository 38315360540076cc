# It decodes piece by piece, as a text file is read: what is no text is replaced. Caught by tcp-echo not-text.
import codecs
import socket
import threading


def serve(connection):
    decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
    with connection:
        while data := connection.recv(1024):
            connection.sendall(decode(data).encode("utf-8"))


server = socket.create_server(("127.0.0.1", 6797))
while True:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
