# It answers in capitals: that is a fine server, and no echo. Caught by udp-echo one-datagram.
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 6797))
while True:
    data, client = server.recvfrom(65536)
    server.sendto(data.upper(), client)
