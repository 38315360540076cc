# It reads to the end, and does not look whether all of its message came back. Caught by tcp-client short.
import os
import socket

message = os.environ["MESSAGE"].encode()
answer = b""
with socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), timeout=5) as client:
    client.sendall(message)
    while len(answer) < len(message):
        data = client.recv(65536)
        if not data:
            break
        answer += data
print(answer.decode())
