# It sends its datagram once: if that is lost, there is no answer. Caught by udp-client lost.
import os
import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(2)
client.connect((os.environ["HOST"], int(os.environ["PORT"])))
try:
    client.send(os.environ["MESSAGE"].encode())
    print(client.recv(65536).decode())
except OSError as error:
    sys.exit(f"no answer: {error}")
