# On SIGTERM it notes that it should end, and accept goes on waiting. Caught by tcp-echo sigterm.
import signal
import socket
import threading

running = True


def stop(signal_number, frame):
    global running
    running = False


def serve(connection):
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data)


signal.signal(signal.SIGTERM, stop)
server = socket.create_server(("127.0.0.1", 6797))
while running:
    connection, client = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
