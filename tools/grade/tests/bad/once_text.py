# It decodes what it has received. Caught by tcp-once not-text.
import socket

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 6797))
server.listen(1)
connection, _ = server.accept()
message = connection.recv(1024).decode()
print("received", message)
connection.sendall(message.encode())
