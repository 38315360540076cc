# It takes the end of the stream for a failure. Caught by tcp-once only-end.
import socket
import sys

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 6797))
server.listen(1)
connection, _ = server.accept()
message = connection.recv(1024)
if not message:
    sys.exit("recv: nothing was received")
connection.sendall(message)
