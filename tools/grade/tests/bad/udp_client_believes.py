# It takes the first datagram that comes for the answer, whoever sent it. Caught by udp-client stranger.
import os
import socket
import sys

server = (os.environ["HOST"], int(os.environ["PORT"]))
message = os.environ["MESSAGE"].encode()
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(2)
client.sendto(message, server)
try:
    answer, sender = client.recvfrom(65536)
except TimeoutError:
    sys.exit("no answer in two seconds")
print(answer.decode())
