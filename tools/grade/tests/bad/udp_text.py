# It decodes the bytes, and ends where they are no text. Caught by udp-echo binary.
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 6797))
while True:
    data, client = server.recvfrom(65536)
    message = data.decode()
    print(client, "says", repr(message))
    server.sendto(message.encode(), client)
