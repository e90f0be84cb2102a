#!/usr/bin/python3
"""What it costs to start programs: startup.py RUNS COMMAND...

Each COMMAND (words, no shell) runs RUNS times, in turn with the others, so that what else the machine does meets
all of them. Prints for each the least time from start to end and the median of processor time, in ms.
"""
import os, sys, time

runs, commands = int(sys.argv[1]), [c.split() for c in sys.argv[2:]]
null = os.open("/dev/null", os.O_RDWR)
took = [([], []) for _ in commands]
for _ in range(runs):
    for c, (wall, cpu) in zip(commands, took):
        begin = time.perf_counter()
        pid = os.posix_spawnp(c[0], c, os.environ, file_actions=[
            (os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
        _, status, used = os.wait4(pid, 0)
        wall.append(time.perf_counter() - begin)
        cpu.append(used.ru_utime + used.ru_stime)
        if status != 0:
            sys.exit(f"startup: {' '.join(c)}: status {status}")
for wall, cpu in took:
    print(f"{min(wall) * 1e3:.1f} {sorted(cpu)[runs // 2] * 1e3:.1f}")
