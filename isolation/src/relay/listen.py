import os, shutil, socket, sys, threading

directory, port = sys.argv[1], int(sys.argv[2])


def say(text):
    os.write(1, (text + "\n").encode())


def up(connection, path):
    try:
        with open(path, "wb", 0) as pipe:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    break
                pipe.write(piece)
    except (IOError, OSError):
        pass


def down(connection, path):
    try:
        with open(path, "rb", 0) as pipe:
            while True:
                piece = pipe.read(65536)
                if not piece:
                    break
                connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
    except (IOError, OSError):
        pass


def serve(connection, pipes):
    copies = [
        threading.Thread(target=up, args=(connection, pipes + ".o")),
        threading.Thread(target=down, args=(connection, pipes + ".i")),
    ]
    for copy in copies:
        copy.daemon = True
        copy.start()
    say(pipes)
    for copy in copies:
        copy.join()
    connection.close()
    for end in (".i", ".o"):
        os.unlink(pipes + end)


def end_with_the_owner():
    while os.read(0, 4096):
        pass
    shutil.rmtree(directory, True)
    os._exit(0)


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(128)
say("ready")
watch = threading.Thread(target=end_with_the_owner)
watch.daemon = True
watch.start()
number = 0
while True:
    connection = listener.accept()[0]
    number += 1
    pipes = os.path.join(directory, str(number))
    for end in (".i", ".o"):
        os.mkfifo(pipes + end, 0o600)
    thread = threading.Thread(target=serve, args=(connection, pipes))
    thread.daemon = True
    thread.start()
