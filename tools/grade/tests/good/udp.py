# Each datagram goes back to whom it came from; an empty one is a datagram, too. Passes udp-echo.
import os
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    data, client = server.recvfrom(65536)
    server.sendto(data, client)
