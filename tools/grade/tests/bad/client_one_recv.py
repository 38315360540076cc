# It calls recv once, and takes a piece for the answer. Caught by tcp-client two-pieces.
import os
import socket
import sys

message = os.environ["MESSAGE"].encode()
with socket.create_connection((os.environ["HOST"], int(os.environ["PORT"]))) as client:
    client.sendall(message)
    answer = client.recv(1024)
print(answer.decode())
if not message.startswith(answer) or not answer:
    sys.exit("this is no echo")
