#!/usr/bin/python3
"""The data path beside others: rates, processor time of both tunnel ends, small packets, latency.

    datapath.py WORK

WORK is an empty directory. All systems stay up side by side, each in two network namespaces of its own, and bursts
come in random order, so that ratios hold on a machine with other load. See systems.py for the environment: SYSTEMS,
OLD. Beside these:

    ROUNDS (5)      bursts of each kind
    BURST (1)       seconds of one; iperf3 takes whole ones
    CONTROLS        congestion controls, default "cubic bbr" as far as the kernel has them
    PARTS           default "tcp small ping peak"; peak: the highest rate of packets with less than 1 % loss
    OFFERED (200000) packets a second of part small
    WORK_JSON       a file for every sample, one JSON object a line

us: processor time (schedstat) of all threads of both tunnel ends for each 1360 bytes of payload, or for each packet that
arrives. It includes the kernel's work in their system calls, and softirqs that interrupt them. Others: the share of the
machine that neither the tunnel nor the ends of the traffic used. Rates are upper quartiles, us lower quartiles.
"""

import glob
import json
import os
import random
import re
import subprocess
import sys
import time

import systems

ENV = os.environ.get
ROUNDS, BURST = int(ENV("ROUNDS", "5")), float(ENV("BURST", "1"))
PARTS = ENV("PARTS", "tcp small ping peak").split()
OFFERED = int(ENV("OFFERED", "200000"))
SEGMENT = 1360		# bytes of payload that a cost is stated for
IP_UDP = 28
LOSS = 1.0		# per cent, of part peak
samples = []


def controls():
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control", encoding="ascii") as f:
        have = f.read().split()
    return [c for c in ENV("CONTROLS", "cubic bbr").split() if c in have]


# ---- processor time

def thread_ns(pids):
    """Time on a processor of all threads of these processes."""
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            try:
                with open(path, encoding="ascii") as f:
                    total += int(f.read().split()[0])
            except (OSError, IndexError):
                pass
    return total


def busy_ns():
    """Time that all processors were not idle."""
    with open("/proc/stat", encoding="ascii") as f:
        v = [int(n) for n in f.readline().split()[1:9]]
    return (sum(v) - v[3] - v[4]) * 10**9 // os.sysconf("SC_CLK_TCK")


class Used:
    """What a burst used: the tunnel, and all others but the ends of the traffic (child processes and ${ends})."""

    def __init__(self, system, ends=()):
        self.pids, self.ends = system.pids(), list(ends)
        self.begin = self.now()

    def now(self):
        child = os.times()
        return (thread_ns(self.pids), busy_ns(), thread_ns(self.ends) + int((child[2] + child[3]) * 1e9), time.monotonic_ns())

    def end(self):
        tunnel, busy, ends, wall = (b - a for a, b in zip(self.begin, self.now()))
        others = max(0, busy - tunnel - ends) / (wall * os.cpu_count())
        return tunnel, round(100 * others)


# ---- TCP

def tcp(system, kind, control):
    ends = [system.server().pid]
    argv = ["iperf3", "-J", "-c", "10.2.0.1", "-B", "10.1.0.1", "-t", str(max(1, round(BURST))), "-C", control]
    argv += {"one": [], "eight": ["-P", "8"], "both": ["--bidir"]}[kind]
    used = Used(system, ends)
    try:
        p = system.run("left", argv, timeout=BURST + 20)
        ns, others = used.end()
        end = json.loads(p.stdout)["end"]
        got = end["sum_received"]["bytes"]
        rate = end["sum_received"]["bits_per_second"]
        if kind == "both":
            got += end["sum_received_bidir_reverse"]["bytes"]
            rate += end["sum_received_bidir_reverse"]["bits_per_second"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        system.server_lost()
        return None
    return {"gbit": rate / 1e9, "us": ns / 1000 / (got / SEGMENT) if got else None, "others": others,
            "retransmits": end["sum_sent"].get("retransmits")}


# ---- small packets

def small(system, size, rate, seconds):
    """Offers ${rate} UDP packets a second, of ${size} bytes with their IP header."""
    receiver = system.popen("right", [systems.UDPLOAD, "receive", "10.2.0.1", "7000", str(seconds + 0.5)])
    receiver.stdout.readline()		# it listens
    used = Used(system, [receiver.pid])
    p = system.run("left", [systems.UDPLOAD, "send", "10.1.0.1", "10.2.0.1", "7000", str(size - IP_UDP), str(rate),
                            str(seconds)], timeout=seconds + 20)
    time.sleep(0.2)
    ns, others = used.end()
    got = int(receiver.communicate(timeout=30)[0].split()[0])
    sent = int(p.stdout.split()[0])
    return {"sent": sent / seconds, "got": got / seconds, "loss": 100 * max(0, 1 - got / sent) if sent else 100.0,
            "us": ns / 1000 / got if got else None, "others": others}


def peak(system, size):
    """The highest rate offered with less than 1 % loss: doubled until it fails, then halved steps."""
    low, high, rate = 0, None, 25000
    while high is None or high - low > 0.12 * high:
        best = min(small(system, size, int(rate), 0.5)["loss"] for _ in range(2))
        if best < LOSS:
            low = rate
        else:
            high = rate
        if rate > 1500000 or (high is not None and high < 3000):
            break
        rate = 2 * rate if high is None else (low + high) / 2
    return low


# ---- latency

def ping(system, load):
    """Round trips in us through the tunnel, idle or while one TCP stream runs."""
    seconds = 3 * BURST
    stream = system.popen("left", ["iperf3", "-J", "-c", "10.2.0.1", "-B", "10.1.0.1", "-t", str(round(seconds) + 1)]) if load else None
    if load:
        system.server()
        time.sleep(0.5)
    p = system.run("left", ["ping", "-n", "-i", "0.005", "-w", str(int(seconds)), "-I", "10.1.0.1", "10.2.0.1"],
                   timeout=seconds + 20)
    if stream:
        stream.communicate(timeout=30)
    return [float(t) * 1000 for t in re.findall(r"time=([0-9.]+) ms", p.stdout)]


# ---- the tables

def quantile(values, q):
    v = sorted(x for x in values if x is not None)
    return v[min(len(v) - 1, int(q * len(v)))] if v else None


def text(value, form):
    return "-" if value is None else format(value, form)


def keep(part, system, key, sample):
    if sample is None:
        print(f"datapath: {system.name}: no result of a burst ({part} {key})", file=sys.stderr)
        return
    samples.append({"part": part, "system": system.name, "key": key, **sample})


def of(part, system, key, field):
    return [s.get(field) for s in samples if (s["part"], s["system"], s["key"]) == (part, system.name, key)]


def part_tcp(all_systems):
    jobs = [(s, kind, c) for s in all_systems for kind in s.kinds for c in controls()]
    for _ in range(ROUNDS):
        random.shuffle(jobs)
        for s, kind, c in jobs:
            keep("tcp", s, f"{kind} {c}", tcp(s, kind, c))
    base = {c: quantile(of("tcp", s, f"one {c}", "gbit"), 0.75) for s in all_systems if s.name == "none" for c in controls()}
    theirs = {(s.suite, c): quantile(of("tcp", s, f"one {c}", "gbit"), 0.75)
              for s in all_systems if s.name.startswith("libipsec") for c in controls()}
    print(f"\nTCP, {ROUNDS} bursts of {BURST:g} s; us: of both tunnel ends, for {SEGMENT} bytes")
    print(f"{'':36}{'Gbit/s':>8}{'us':>8}{'of none':>9}{'libipsec':>9}{'others %':>9}")
    for c in controls():
        for s in all_systems:
            for kind in s.kinds:
                key = f"{kind} {c}"
                rate = quantile(of("tcp", s, key, "gbit"), 0.75)
                if rate is None:
                    continue
                us = quantile(of("tcp", s, key, "us"), 0.25) if s.name != "none" else None
                none, lib = base.get(c), theirs.get((s.suite, c))
                print(f"{s.name + ', ' + key:36}{rate:8.2f}{text(us, '8.2f'):>8}{text(rate / none if none else None, '.2f'):>9}"
                      f"{text(rate / lib if lib else None, '.1f'):>9}{text(quantile(of('tcp', s, key, 'others'), 0.5), 'd'):>9}")


def part_small(all_systems):
    jobs = [(s, size) for s in all_systems if s.packets for size in (64, 512)]
    for _ in range(ROUNDS):
        random.shuffle(jobs)
        for s, size in jobs:
            keep("small", s, str(size), small(s, size, OFFERED, BURST))
    print(f"\nUDP, {OFFERED} packets/s offered, {ROUNDS} bursts of {BURST:g} s; us: of both tunnel ends, for each that arrives")
    print(f"{'':36}{'sent/s':>9}{'got/s':>9}{'loss %':>8}{'us':>8}{'others %':>9}")
    for s in all_systems:
        for size in ("64", "512") if s.packets else ():
            f = {k: of("small", s, size, k) for k in ("sent", "got", "loss", "us", "others")}
            if f["got"]:
                print(f"{s.name + ', ' + size + ' bytes':36}{quantile(f['sent'], 0.75):9.0f}{quantile(f['got'], 0.75):9.0f}"
                      f"{quantile(f['loss'], 0.25):8.2f}{text(quantile(f['us'], 0.25) if s.name != 'none' else None, '.2f'):>8}"
                      f"{quantile(f['others'], 0.5):9d}")


def part_ping(all_systems):
    took = {}
    jobs = [(s, load) for s in all_systems if s.packets for load in (False, True)]
    for _ in range(max(1, ROUNDS // 2)):
        random.shuffle(jobs)
        for s, load in jobs:
            took.setdefault((s.name, load), []).extend(ping(s, load))
    print("\nping every 5 ms through the tunnel, us; load: one TCP stream")
    print(f"{'':36}{'n':>7}{'p50':>9}{'p99':>9}{'p99.9':>9}")
    for s in all_systems:
        for load in (False, True):
            v = took.get((s.name, load))
            if v:
                print(f"{s.name + (', load' if load else ', idle'):36}{len(v):7d}{quantile(v, 0.5):9.0f}"
                      f"{quantile(v, 0.99):9.0f}{quantile(v, 0.999):9.0f}")


def part_peak(all_systems):
    print(f"\nUDP, highest rate offered with less than {LOSS:g} % loss, packets/s")
    for s in all_systems:
        for size in (64, 512) if s.packets else ():
            print(f"{s.name + ', ' + str(size) + ' bytes':36}{peak(s, size):9.0f}")


def main():
    with systems.up(sys.argv[1]) as all_systems:
        for part in PARTS:
            {"tcp": part_tcp, "small": part_small, "ping": part_ping, "peak": part_peak}[part](all_systems)
            sys.stdout.flush()
    if ENV("WORK_JSON"):
        with open(ENV("WORK_JSON"), "a", encoding="ascii") as f:
            f.writelines(json.dumps(s) + "\n" for s in samples)


if __name__ == "__main__":
    main()
