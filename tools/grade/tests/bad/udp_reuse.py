# It sets SO_REUSEADDR as a TCP server does: for UDP a second server may then take the address. Caught by udp-echo port-taken.
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 6797))
while True:
    data, client = server.recvfrom(65536)
    server.sendto(data, client)
