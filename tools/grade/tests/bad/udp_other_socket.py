# It answers with a new socket, which has another port than the client has sent to. Caught by udp-echo one-datagram.
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 6797))
while True:
    data, client = server.recvfrom(65536)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answer:
        answer.sendto(data, client)
