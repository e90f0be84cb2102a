"""on_pty.py TRANSCRIPT PROMPT KEYS [PROMPT KEYS]... -- COMMAND...

Runs COMMAND on a terminal of its own. When PROMPT appears, prints it and whether the terminal echoes, and types KEYS (with the
escapes of Python; "" types nothing). At the end prints the exit status and whether the terminal echoes. What the terminal showed goes to
TRANSCRIPT.
"""
import os, select, sys, termios, time

cut = sys.argv.index("--")
steps = list(zip(sys.argv[2:cut:2], sys.argv[3:cut:2]))
fd, keep = os.openpty()    # the settings of the second outlive the command
pid = os.fork()
if pid == 0:
    os.login_tty(keep)
    os.execvp(sys.argv[cut + 1], sys.argv[cut + 1:])


def echo():
    return "echo" if termios.tcgetattr(keep)[3] & termios.ECHO else "no echo"


shown, end = b"", time.monotonic() + 60
status = None
while status is None and time.monotonic() < end:
    if select.select([fd], [], [], 0.05)[0]:
        shown += os.read(fd, 4096)
        open(sys.argv[1], "wb").write(shown)
    if steps and steps[0][0].encode() in shown[shown.rfind(b"\n") + 1:]:
        prompt, keys = steps.pop(0)
        print(f"{prompt}{echo()}", flush=True)
        os.write(fd, keys.encode().decode("unicode_escape").encode())
        time.sleep(0.2)
    done, how = os.waitpid(pid, os.WNOHANG)
    if done:
        status = os.waitstatus_to_exitcode(how)
while select.select([fd], [], [], 0.2)[0]:
    shown += os.read(fd, 4096)
    open(sys.argv[1], "wb").write(shown)
for _ in range(50):
    if echo() == "echo":
        break
    time.sleep(0.1)
if status is None:
    os.kill(pid, 15)
print(f"exit {status}, {echo()}")
