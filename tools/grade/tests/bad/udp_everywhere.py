# It takes datagrams at every address of the machine. Caught by udp-echo listens.
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 6797))
while True:
    data, client = server.recvfrom(65536)
    server.sendto(data, client)
