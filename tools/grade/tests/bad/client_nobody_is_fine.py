# Where nobody listens it says so, and ends as if all were well. Caught by tcp-client nobody.
import os
import socket
import sys

message = os.environ["MESSAGE"].encode()
answer = b""
try:
    client = socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), timeout=5)
except OSError as error:
    print("the server is not there today:", error)
    sys.exit()
with client:
    client.sendall(message)
    while len(answer) < len(message):
        data = client.recv(65536)
        if not data:
            sys.exit(f"the end after {len(answer)} of {len(message)} bytes")
        answer += data
print(answer.decode())
