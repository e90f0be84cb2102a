#!/usr/bin/python3
"""ask_udp.py ADDRESS PORT LOCAL-PORT TEXT: sends TEXT until echo_udp.py there answers it; prints the answer. 60 seconds at most."""
import socket, sys, time

at, port, local, text = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].encode()
s = socket.socket(socket.AF_INET6 if ":" in at else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", local))
s.connect((at, port))
s.settimeout(0.5)
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        s.send(text)
        while True:
            answer = s.recv(65535)
            if answer.endswith(b" " + text):        # not a late one to what was sent before
                print(answer.decode(), end="")
                sys.exit(0)
    except OSError:                                 # a timeout, or nobody listens yet
        time.sleep(0.05)
sys.exit(1)
