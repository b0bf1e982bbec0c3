import os, socket, sys, threading

connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))


def up():
    try:
        while True:
            piece = os.read(0, 65536)
            if not piece:
                break
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
    except (IOError, OSError):
        pass


thread = threading.Thread(target=up)
thread.daemon = True
thread.start()
while True:
    piece = connection.recv(65536)
    if not piece:
        break
    while piece:
        piece = piece[os.write(1, piece) :]
