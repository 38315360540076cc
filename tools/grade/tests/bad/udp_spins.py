# It asks without end whether a datagram has come. Caught by udp-echo at-rest.
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 6797))
server.setblocking(False)
while True:
    try:
        data, client = server.recvfrom(65536)
    except BlockingIOError:
        continue
    server.sendto(data, client)
