# It puts what waits into one answer, as if datagrams were a stream. Caught by udp-echo three-datagrams.
import select
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 6797))
while True:
    data, client = server.recvfrom(65536)
    while select.select([server], [], [], 0)[0]:
        more, client = server.recvfrom(65536)
        data += more
    for start in range(0, max(len(data), 1), 65507):
        server.sendto(data[start:start + 65507], client)
