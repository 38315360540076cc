# It adds a line end to what it was told to send. Caught by tcp-client one-answer.
import os
import socket
import sys

message = os.environ["MESSAGE"].encode() + b"\n"
answer = b""
with socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), timeout=5) as client:
    client.sendall(message)
    while len(answer) < len(message):
        data = client.recv(65536)
        if not data:
            sys.exit(f"the end after {len(answer)} of {len(message)} bytes")
        answer += data
print(answer.decode())
