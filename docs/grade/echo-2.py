import socket

listener = socket.socket()
listener.bind(("127.0.0.1", 6797))
listener.listen()
while True:
    connection, _ = listener.accept()
    while message := connection.recv(1024):
        connection.sendall(message)
    connection.close()
