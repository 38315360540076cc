# It remembers its first client and answers to that one for ever. Caught by udp-echo two-clients.
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 6797))
peer = None
while True:
    data, client = server.recvfrom(65536)
    peer = peer or client
    server.sendto(data, peer)
