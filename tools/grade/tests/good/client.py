# Sends its message, reads until all of it has come back, and says so if it does not. Passes tcp-client.
import os
import socket
import sys

message = os.environ["MESSAGE"].encode()
answer = b""
try:
    with socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), timeout=5) as client:
        client.sendall(message)
        while len(answer) < len(message):
            data = client.recv(65536)
            if not data:
                sys.exit(f"the end after {len(answer)} of {len(message)} bytes")
            answer += data
except OSError as error:
    sys.exit(f"after {len(answer)} of {len(message)} bytes: {error}")
print(answer.decode())
