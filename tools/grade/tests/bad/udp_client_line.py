# It adds a line end to what it was told to send. Caught by udp-client one-answer.
import os
import socket

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(2)
client.connect((os.environ["HOST"], int(os.environ["PORT"])))
client.send(os.environ["MESSAGE"].encode() + b"\n")
print(client.recv(65536).decode())
