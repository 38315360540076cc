# It waits for an answer that may never come. Caught by udp-client silent-server.
import os
import socket

server = (os.environ["HOST"], int(os.environ["PORT"]))
message = os.environ["MESSAGE"].encode()
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(server)
client.send(message)
print(client.recv(65536).decode())
