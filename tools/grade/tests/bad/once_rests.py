# It does not set SO_REUSEADDR. Caught by tcp-once restart.
import socket

server = socket.socket()
server.bind(("127.0.0.1", 6797))
server.listen(1)
connection, _ = server.accept()
connection.sendall(connection.recv(1024))
