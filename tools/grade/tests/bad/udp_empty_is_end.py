# It takes an empty datagram for the end, as 0 bytes are the end of a stream. Caught by udp-echo empty.
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 6797))
while True:
    data, client = server.recvfrom(65536)
    if not data:
        break
    server.sendto(data, client)
