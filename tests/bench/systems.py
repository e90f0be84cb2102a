"""The systems that datapath.py compares, each in two network namespaces of its own (tests/lab/topology.sh).

    SYSTEMS     which, as words of a shell pattern: "none", "ours-aes128gcm16-udp", "libipsec-*", "wireguard". Default: all
                but "ours-aes128gcm16-udp-100sas" and "-10000sas", which have so many SAs, of which the oldest one carries,
                and "-2threads", with esp-tun --threads 2
    OLD         a directory with another build of esp-tun: every "ours-" also as "old-"

10.1.0.1 is left, 10.2.0.1 right. Every tunnel device has an MTU of 1400.
"""

import contextlib
import fnmatch
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
BUILD = os.environ["SAPIPE_BUILD"]
UDPLOAD = os.path.join(BUILD, "bench", "udpload")
MTU = 1400
UP_S = 20

# What libipsec runs for a suite: a configuration of the lab.
LIBIPSEC = {"aes128gcm16": "ikev2-gcm-ecp256", "aes256gcm16": "ikev2-gcm256-ecp256",
            "chacha20poly1305": "ikev2-chacha-x25519", "aes256-sha256": "ikev1-aes256-sha256", "3des-md5": "ikev1-3des-md5"}
SUITES = list(LIBIPSEC) + ["null-sha1"]


def until(what, test, seconds=UP_S):
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not up after {seconds:.0f} s")
        time.sleep(0.05)


class System:
    """Two namespaces and what runs in them; this one has no tunnel."""

    suite, kinds, packets = None, ("one", "eight", "both"), True

    def __init__(self, name, work, number):
        self.name, self.prefix = name, f"dp{os.getpid()}x{number}-"
        self.dir = os.path.join(work, name)
        self.tunnel, self.iperf, self.others = [], None, []
        os.mkdir(self.dir, 0o700)
        self.env = {**os.environ, "LAB_PREFIX": self.prefix, "LAB_STATE": os.path.join(self.dir, "lab")}

    def lab(self, script, *argv, **env):
        subprocess.run([f"{TESTS}/lab/{script}", *argv], env={**self.env, **env}, check=True, stdout=subprocess.DEVNULL)

    def inside(self, side, argv):
        return ["ip", "netns", "exec", self.prefix + side, *argv]

    def run(self, side, argv, **more):
        return subprocess.run(self.inside(side, argv), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, **more)

    def popen(self, side, argv, log=None, **more):
        out = open(os.path.join(self.dir, log), "w", encoding="utf-8") if log else subprocess.PIPE
        with contextlib.ExitStack() as stack:
            if log:
                stack.enter_context(out)
            p = subprocess.Popen(self.inside(side, argv), stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out if log else subprocess.DEVNULL, text=True, **more)
        self.others.append(p)
        return p

    def ip(self, side, *argv):
        subprocess.run(["ip", "-n", self.prefix + side, *argv], check=True)

    def start(self):
        self.lab("topology.sh", "up")
        self.connect()
        self.server()
        until(self.name, lambda: self.run("left", ["ping", "-q", "-c", "1", "-W", "1", "-I", "10.1.0.1", "10.2.0.1"]).returncode == 0)

    def connect(self):
        self.ip("left", "route", "add", "10.2.0.0/24", "via", "203.0.113.2")
        self.ip("right", "route", "add", "10.1.0.0/24", "via", "203.0.113.1")

    def pids(self):
        """The processes of both tunnel ends, with their children."""
        all_pids = list(self.tunnel)
        for pid in all_pids:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                all_pids += [int(p) for p in f.read().split()]
        return all_pids

    def server(self):
        """iperf3 in right; the program takes one client at a time."""
        if self.iperf is None or self.iperf.poll() is not None:
            self.iperf = self.popen("right", ["iperf3", "-s", "-B", "10.2.0.1"], log="iperf3")
            until("iperf3", lambda: ":5201" in self.run("right", ["ss", "-Hltn"]).stdout)
        return self.iperf

    def server_lost(self):
        self.iperf.kill()
        self.iperf.wait()

    def stop(self):
        for p in self.others:
            if p.poll() is None:
                p.terminate()
        for p in self.others:
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(timeout=5)
        with contextlib.suppress(subprocess.CalledProcessError):
            self.lab("topology.sh", "down")


class Ours(System):
    def __init__(self, name, work, number, bin_dir, suite, encap, sas=1, threads=1):
        super().__init__(name, work, number)
        self.sas, self.threads = sas, threads
        self.bin, self.suite, self.encap = os.path.join(bin_dir, "esp-tun"), suite, encap
        first = suite == "aes128gcm16"
        self.kinds = ("one", "eight", "both") if first else ("one",)
        self.packets = first

    def connect(self):
        port = ":4500" if self.encap == "udp" else ""
        subprocess.run([f"{TESTS}/lib/sa_make.py", "child", "--esp", self.suite, "--encap", self.encap,
                        "--local", "203.0.113.1" + port, "--remote", "203.0.113.2" + port, "--lifetime", "86400",
                        os.path.join(self.dir, "left.sa"), os.path.join(self.dir, "right.sa")], check=True)
        self.more_sas()
        for side in ("left", "right"):
            p = self.popen(side, [self.bin, "-v", "--tun", "vpn0", "--mtu", str(MTU), "--state-dir",
                                  os.path.join(self.dir, side + ".state"), os.path.join(self.dir, side + ".sa"),
                                  *(["--no-route"] if self.sas > 1 else []),
                                  *(["--threads", str(self.threads)] if self.threads > 1 else [])], log=side)
            self.tunnel.append(p.pid)
        for side in ("left", "right"):
            until(f"{self.name}, {side}", lambda log=os.path.join(self.dir, side): "vpn0 is up" in open(log, encoding="utf-8").read())
            until(f"{self.name}, {side}", lambda log=os.path.join(self.dir, side):
                  open(log, encoding="utf-8").read().count("is in use") == self.sas, UP_S + self.sas / 100)
        if self.sas > 1:
            self.ip("left", "route", "add", "10.2.0.0/24", "dev", "vpn0")
            self.ip("right", "route", "add", "10.1.0.0/24", "dev", "vpn0")

    def more_sas(self):
        """Appends SAs to hosts that nobody sends to."""
        sys.path.insert(0, f"{TESTS}/lib")
        import sa_make  # pylint: disable=import-outside-toplevel
        files = [open(os.path.join(self.dir, side + ".sa"), "ab") for side in ("left", "right")]
        for i in range(1, self.sas):
            record = sa_make.make_child(sa_make.defaults(
                "--esp", self.suite, "--encap", self.encap, "--local", "203.0.113.1", "--remote", "203.0.113.2", "--lifetime", "86400",
                "--remote-ts", f"10.{64 + i // 65536}.{i // 256 % 256}.{i % 256}/32"))
            for f, r in zip(files, (record, sa_make.mirror(record))):
                f.write(sa_make.encode(r))
        for f in files:
            f.close()


class Libipsec(System):
    """strongSwan's charon at both ends, ESP in user space."""

    def __init__(self, name, work, number, suite):
        super().__init__(name, work, number)
        self.suite = suite
        self.kinds, self.packets = ("one",), suite == "aes128gcm16"
        self.env["LAB_LOGLEVEL"] = "-1"
        pki = os.path.join(BUILD, "lab-pki")
        os.mkdir(os.path.join(self.dir, "lab"), 0o700)
        if os.path.exists(os.path.join(pki, "complete")):
            os.symlink(pki, os.path.join(self.dir, "lab", "pki"))

    def connect(self):
        conf = LIBIPSEC[self.suite]
        for side in ("right", "left"):
            self.lab("strongswan.sh", "start", conf, LAB_SIDE=side)
            with open(os.path.join(self.dir, "lab", side, "pid"), encoding="ascii") as f:
                self.tunnel.append(int(f.read()))
        self.lab("strongswan.sh", "ctl", "--initiate", "--child", "net", LAB_SIDE="left")
        for side in ("left", "right"):
            self.ip(side, "link", "set", "ipsec0", "mtu", str(MTU))

    def stop(self):
        for side in ("left", "right"):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.lab("strongswan.sh", "stop", LAB_SIDE=side)
        super().stop()


class Wireguard(System):
    """wireguard-go, set up through its socket."""

    kinds = ("one",)

    def connect(self):
        from cryptography.hazmat.primitives import serialization as s
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        keys = {side: X25519PrivateKey.generate() for side in ("left", "right")}
        for n, side in enumerate(("left", "right"), 1):
            other = "right" if side == "left" else "left"
            name = f"{self.prefix.rstrip('-')}{side[0]}"
            path = f"/var/run/wireguard/{name}.sock"
            p = self.popen(side, ["wireguard-go", "-f", name], log=side, env={**os.environ, "LOG_LEVEL": "error",
                                                                             "WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1"})
            self.tunnel.append(p.pid)
            until(f"wireguard-go, {side}", lambda path=path: os.path.exists(path))
            private = keys[side].private_bytes(s.Encoding.Raw, s.PrivateFormat.Raw, s.NoEncryption()).hex()
            public = keys[other].public_key().public_bytes(s.Encoding.Raw, s.PublicFormat.Raw).hex()
            with socket.socket(socket.AF_UNIX) as c:
                c.connect(path)
                c.sendall(f"set=1\nprivate_key={private}\nlisten_port=51820\npublic_key={public}\n"
                          f"endpoint=203.0.113.{3 - n}:51820\nallowed_ip=10.{3 - n}.0.0/24\n\n".encode())
                if b"errno=0" not in c.recv(256):
                    raise RuntimeError("wireguard-go refuses its settings")
            self.ip(side, "link", "set", name, "mtu", str(MTU), "up")
            self.ip(side, "route", "add", f"10.{3 - n}.0.0/24", "dev", name)


def wanted(name):
    words = os.environ.get("SYSTEMS", "*").split()
    return any(fnmatch.fnmatch(name, w) for w in words if all(not name.endswith(x) or x in w for x in ("sas", "threads")))


def listed(work):
    """All systems that are asked for, not yet started."""
    makers = [("none", System, ())]
    builds = [("ours", BUILD)] + ([("old", os.environ["OLD"])] if os.environ.get("OLD") else [])
    makers += [(f"{who}-{suite}-{encap}", Ours, (where, suite, "udp" if encap == "udp" else "none"))
               for suite in SUITES for encap in ("udp", "raw") for who, where in builds]
    makers += [(f"{who}-aes128gcm16-udp-{n}sas", Ours, (where, "aes128gcm16", "udp", n)) for n in (100, 10000) for who, where in builds]
    makers += [("ours-aes128gcm16-udp-2threads", Ours, (BUILD, "aes128gcm16", "udp", 1, 2))]
    makers += [(f"libipsec-{suite}", Libipsec, (suite,)) for suite in LIBIPSEC]
    makers += [("wireguard", Wireguard, ())]
    for number, (name, kind, more) in enumerate(makers):
        if wanted(name) or (name.startswith("old-") and wanted("ours-" + name[4:])):
            if kind is Wireguard and shutil.which("wireguard-go") is None:
                print("datapath: no wireguard-go (make deps): it is left out", file=sys.stderr)
                continue
            yield kind(name, work, number, *more)


@contextlib.contextmanager
def up(work):
    """The systems, started; stopped on the way out. One that does not start is left out, with a message."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    running, good = [], []
    try:
        for s in listed(work):
            running.append(s)
            try:
                s.start()
                good.append(s)
            except (RuntimeError, OSError, subprocess.SubprocessError) as e:
                print(f"datapath: {s.name} is left out: {e}", file=sys.stderr)
        yield good
    finally:
        for s in running:
            s.stop()
