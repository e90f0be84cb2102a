#!/usr/bin/env bats
# Socket activation: the program that starts ike-respond has bound its UDP ports.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() { two_teardown; }

CLIENT=(--remote-id right.example "${NETS4[@]}")

# begin_left: the initiator's end of the tunnel.
begin_left() { begin --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24; }

# answer_with COMMAND...: the responder, started by that command with no capability at all; esp-tun behind it by its name.
answer_with() {
	two_start right right "$(words "$@") setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
		--reuid 65534 --regid 65534 --clear-groups \
		ike-respond -v --psk-file fd:0 --local-id right.example --remote-id left.example --local-ts 10.2.0.0/24 \
		--remote-ts 10.1.0.0/24 $(words "${FAST[@]}") <gw.psk 2>right.ike >right.sa"
}

# Runs COMMAND... with sockets in the place of systemd: hand_over [ADDRESS:PORT]... -- COMMAND...
hand_over() {
	cat >"$T/hand_over.py" <<-'END'
		import os, socket, sys
		at = sys.argv.index("--")
		socks = []
		for spec in sys.argv[1:at]:
		    how, _, where = spec.partition("=")
		    host, _, port = where.rpartition(":")
		    six = ":" in host
		    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET,
		        socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM)
		    if six and how != "both":
		        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
		    if how == "reuse":
		        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
		    if how == "connected":
		        s.bind((host, int(port)))
		        s.connect(("127.0.0.1", 9))
		    elif how != "unbound":
		        s.bind((host, int(port)))
		    socks.append(s)
		fds = [os.dup(s.fileno()) for s in socks]
		for i, fd in enumerate([os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]):
		    os.dup2(fd, 3 + i)
		    os.set_inheritable(3 + i, True)
		os.closerange(3 + len(socks), 200)
		os.environ["LISTEN_FDS"] = str(len(socks))
		os.environ["LISTEN_PID"] = os.environ.get("OTHER_PID", str(os.getpid()))
		os.execvp(sys.argv[at + 1], sys.argv[at + 1:])
	END
}

@test "activation: ike-respond takes ports 500 and 4500 from LISTEN_FDS, with no capability at all, and a tunnel is established" {
	hand_over
	answer_with python3 "$T/hand_over.py" udp=0.0.0.0:500 udp=0.0.0.0:4500 udp=:::500 udp=:::4500 --
	eventually 15 listens
	begin_left
	eventually 20 grep -q 'child SA .* established' right.ike || { cat right.ike left.ike; return 1; }
	run ! grep -q 'cannot bind\|not used' right.ike
}

@test "activation: without the sockets the same fails for the missing capability" {
	answer_with env
	eventually 15 grep -q 'cannot bind UDP' right.ike || { cat right.ike; return 1; }
}

listens_left() { [ -n "$(left ss -Hlun "sport = :$1")" ]; }

@test "activation: descriptors that are no free UDP port are named and not used, and another process's are ignored" {
	hand_over
	background bad ip netns exec "$L" python3 "$T/hand_over.py" tcp=127.0.0.1:5001 unbound=127.0.0.1:0 connected=127.0.0.1:5003 reuse=127.0.0.1:5004 both=:::5005 \
		-- ike-respond --psk-file gw.psk --listen 127.0.0.1:5006
	eventually 30 listens_left 5006 || { cat bad.err; return 1; }
	grep -q 'descriptor 3 .* is no UDP socket: not used' bad.err
	grep -q 'descriptor 4 .* is not bound: not used' bad.err
	grep -q 'descriptor 5 .* is connected: not used' bad.err
	grep -q 'descriptor 6 .* SO_REUSEPORT' bad.err
	grep -q 'descriptor 7 .* receives IPv4 too' bad.err
	kill "${BG[bad]}"
	ended bad || :
	background other env OTHER_PID=1 ip netns exec "$L" python3 "$T/hand_over.py" tcp=127.0.0.1:5001 -- ike-respond \
		--psk-file gw.psk --listen 127.0.0.1:5006
	eventually 30 listens_left 5006 || { cat other.err; return 1; }
	run ! grep -q 'LISTEN_FDS' other.err
}

@test "activation: systemd-socket-activate hands the ports over" {
	command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
	answer_with systemd-socket-activate -d -l 0.0.0.0:500 -l 0.0.0.0:4500
	eventually 20 listens || { cat right.ike right.log; return 1; }
	begin_left
	eventually 20 grep -q 'child SA .* established' right.ike || { cat right.ike right.log left.ike; return 1; }
}
