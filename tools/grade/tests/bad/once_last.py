# It receives into the same buffer until all is there, and sends what is in it. Caught by tcp-once two-thousand.
import socket

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 6797))
server.listen(1)
connection, _ = server.accept()
buffer = bytearray(1024)
received = connection.recv_into(buffer)
while received == len(buffer):
    received = connection.recv_into(buffer)
connection.sendall(buffer[:received])
