# On SIGTERM it notes that it should end, and recvfrom goes on waiting. Caught by udp-echo sigterm.
import signal
import socket

running = True


def stop(signal_number, frame):
    global running
    running = False


signal.signal(signal.SIGTERM, stop)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 6797))
while running:
    data, client = server.recvfrom(65536)
    server.sendto(data, client)
