# It has an address and a loop, and no socket that listens. Caught by tcp-echo listens.
import socket
import time

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
print("echo server on 127.0.0.1:6797", flush=True)
while True:
    time.sleep(1)
