# No answer came, and it ends as if one had come. Caught by udp-client silent-server.
import os
import socket

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(2)
client.connect((os.environ["HOST"], int(os.environ["PORT"])))
try:
    client.send(os.environ["MESSAGE"].encode())
    print(client.recv(65536).decode())
except OSError as error:
    print("no answer:", error)
