#!/usr/bin/env bats
# sa-stat and the control socket of esp-tun.
# shellcheck disable=SC2016,SC2154 # for eval; BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() {
	need sa-stat esp-tun
	tun_setup
	make_pair aes128gcm16
}
teardown() { tun_teardown; }

# stat OPTION...: of the left esp-tun.
stat() { sa-stat "$@" "$T/ctl"; }
# value FILTER: of its JSON.
value() { stat --json | jq -r "$1"; }

# The tunnel is up; the left end has a control socket.
both() {
	tun_start left --control "$T/ctl" "$T/left.sa"
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
}

@test "sa-stat: packets and bytes of an SA are those that ping sent; dropped ones by reason" {
	both
	all_answered left 10.2.0.1 5 -I 10.1.0.1
	stat --json >"$T/a"
	jq -e '.tun == "vpn0" and (.sas | length) == 1 and .sas[0].remote == "203.0.113.2:0" and .sas[0].use == "both"' "$T/a"
	# 20 bytes of IP, 8 of ICMP, 56 of data.
	jq -e '.sas[0].out.packets == 5 and .sas[0].out.bytes == 420 and .sas[0].in.packets == 5 and .in.bytes == 420' "$T/a"
	jq -e '.sas[0]["spi-in"] | test("^[0-9a-f]{8}$")' "$T/a"
	jq -e '.sas[0]["path-mtu"] == 1500 and .sas[0].mtu > 1400 and .sas[0].mtu < 1500' "$T/a"
	jq -e '.fragmented == 0 and .believed == 0 and .forged == 0' "$T/a"
	jq -e '.time - .sas[0].in.last | . >= 0 and . < 60' "$T/a"
	left ip route add 10.9.0.0/16 dev vpn0
	run ! left ping -c 2 -i 0.05 -W 0.1 -q -I 10.1.0.1 10.9.0.1
	eventually 5 eval '[ "$(value ".out.drops[\"policy-drops\"]")" = 2 ]'
	run -0 stat
	output_has "vpn0: MTU "
	output_has "in 5 packets, 420 bytes; out 5 packets, 420 bytes"
	output_has "dropped outbound: policy-drops 2"
	output_has "10.1.0.0/24 to 10.2.0.0/24, path MTU 1500"
}

@test "sa-stat --prometheus is in its format, and all records of the answer are in the schema" {
	both
	stat --prometheus >"$T/prom"
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/prom_check.py" "$T/prom"
	output_has 'esp_tun_child_sas{tun="vpn0"} 1'
	output_has 'esp_tun_forged_icmp_errors_total{tun="vpn0"} 0'
	grep -Eq '^esp_tun_sa_path_mtu_bytes\{.*\} 1500$' "$T/prom"
	# The answer as it is on the socket: one sa-stat, one tun-stat.
	/usr/bin/python3 -c 'import cbor2, sys; sys.stdout.buffer.write(cbor2.dumps({"type": "event", "format": 1, "time": 1,
	    "source": "test", "what": "report"}, canonical=True))' >"$T/ask"
	socat -t 2 - "UNIX-CONNECT:$T/ctl" <"$T/ask" >"$T/answer"
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" "$T/answer"
	run -0 sa-show "$T/answer"
	output_has "sa-stat ESP in "
	[[ $output =~ path-mtu\ +1500 ]]
	output_has "tun-stat vpn0"
}

@test "sa-stat --reset: the next report begins at zero, and the anti-replay window and lifetimes go on" {
	both
	all_answered left 10.2.0.1 3 -I 10.1.0.1
	[ "$(stat --reset --json | jq .sas[0].out.packets)" = 3 ]
	[ "$(value '.sas[0] | .out.packets + .in.packets + .out.bytes')" = 0 ]
	[ "$(value '.in.packets + .out.bytes')" = 0 ]
	all_answered left 10.2.0.1 2 -I 10.1.0.1
	[ "$(value .sas[0].in.packets)" = 2 ]
	kill -USR1 "${BG[left]}"
	# That of esp-tun itself counts everything.
	eventually 5 grep -q 'out 5 packets' "$T/left.err" || { cat "$T/left.err"; false; }
}

@test "sa-stat --watch: rates after the first report; a signal ends it with 0" {
	both
	background watch sa-stat --watch -i 1 --json "$T/ctl"
	all_answered left 10.2.0.1 40 -I 10.1.0.1
	eventually 10 eval '[ "$(wc -l <"$T/watch.out")" -ge 4 ]'
	kill -INT "${BG[watch]}"
	ended watch 5
	jq -es '.[0].sas[0].out | has("bit/s") | not' "$T/watch.out"
	# 84 bytes each 50 ms are 13,440 bit/s; all of them in one second 26,880.
	jq -es 'map(.sas[0].out["bit/s"] // 0) | max | . > 3000 and . < 40000' "$T/watch.out"
	# Not on a terminal: a table for each report, an empty line between them.
	background watch sa-stat --watch -i 0.2 "$T/ctl"
	eventually 10 grep -q "^in .* bit/s, out .* bit/s$" "$T/watch.out"
	kill -TERM "${BG[watch]}"
	ended watch 5
	[ "$(grep -c '^vpn0: MTU' "$T/watch.out")" -ge 2 ]
}

@test "sa-stat: no socket, nobody there, no answer, a closed pipe: message, hint and exit status of each" {
	run -2 --separate-stderr sa-stat "$T/none"
	one_error
	stderr_has "there is no socket $T/none"
	stderr_has "hint: esp-tun --control"
	: >"$T/file"
	run -2 --separate-stderr sa-stat "$T/file"
	stderr_has "is no socket"
	run -2 --separate-stderr left esp-tun --control "$T/file" --tun vpn0 --state-dir "$T/s" "$T/left.sa"
	stderr_has "exists and is no socket"
	both
	[ "$(command stat -c %a "$T/ctl")" = 600 ]
	run -3 --separate-stderr right esp-tun --control "$T/ctl" --tun vpn9 --state-dir "$T/s" "$T/right.sa"
	stderr_has "another process listens on $T/ctl"
	kill -STOP "${BG[left]}"
	run -1 --separate-stderr timeout 20 sa-stat "$T/ctl"
	kill -CONT "${BG[left]}"
	stderr_has "has not answered"
	run -0 bash -o pipefail -c 'sa-stat --prometheus "$1" | :; exit "$(( PIPESTATUS[0] == 0 || PIPESTATUS[0] == 3 ? 0 : 1 ))"' - "$T/ctl"
	kill -KILL "${BG[left]}"
	eventually 5 eval '! sa-stat "$T/ctl" >/dev/null 2>&1'
	run -1 --separate-stderr sa-stat "$T/ctl"
	stderr_has "nobody listens on $T/ctl"
	# What it left is replaced.
	make_pair aes128gcm16
	tun_start left --control "$T/ctl" "$T/left.sa"
	eventually 15 eval 'sa-stat "$T/ctl" >/dev/null 2>&1' || { cat "$T/left.err"; false; }
}

@test "sa-stat: another user gets nothing" {
	both
	chmod a+x "$T" "$T/.." "$T/../.." "$T/../../.."
	run -3 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups sa-stat "$T/ctl"
	one_error
	stderr_has "Permission denied"
	# Even where the mode is changed: the socket asks who connects.
	chmod 666 "$T/ctl"
	run -1 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups sa-stat "$T/ctl"
	stderr_has "closed the connection"
}

@test "esp-tun --control: hostile input ends its connection and nothing else; the tunnel goes on" {
	both
	/usr/bin/python3 - "$T/ctl" <<-'PY'
		import os, socket, sys, time, cbor2
		def conn():
		    while True:				# the queue may be full for a moment
		        s = socket.socket(socket.AF_UNIX); s.settimeout(5)
		        try: s.connect(sys.argv[1]); return s
		        except BlockingIOError: time.sleep(0.01)
		def closed(data):
		    s = conn()
		    try:
		        s.sendall(data)
		        while s.recv(65536): pass
		    except (BrokenPipeError, ConnectionResetError): pass
		ask = cbor2.dumps({"type": "event", "format": 1, "time": 1, "source": "x", "what": "report"}, canonical=True)
		closed(os.urandom(4096))
		closed(b"\xbf" + ask[1:])			# indefinite length
		closed(b"\xa1\x64type\x7a\x7f\xff\xff\xff" + b"a" * 70000)	# too large
		closed(cbor2.dumps({"type": "child-sa", "format": 1}, canonical=True))
		half = [conn() for _ in range(3)]
		for s in half: s.sendall(ask[:-1])
		many = [conn() for _ in range(20)]		# more than it serves
		for s in half + many: s.close()
		s = conn()					# asks much, reads nothing
		s.settimeout(1)
		try:
		    for _ in range(20000): s.sendall(ask)
		except socket.timeout: pass
		s.close()
		s = conn(); s.sendall(ask + ask); got = b""
		while got.count(b"tun-stat") < 2: got += s.recv(65536)
	PY
	all_answered left 10.2.0.1 3 -I 10.1.0.1
	[ "$(value .sas[0].out.packets)" = 3 ]
}

@test "esp-tun --control: records of SAs take effect, and a delete counts from the connection that brought the SA" {
	sa_make child --esp aes128gcm16 --local 203.0.113.1:0 --remote 203.0.113.2:0 --local-ts 10.1.7.0/24 \
		--remote-ts 10.2.7.0/24 "$T/l2.sa" "$T/r2.sa"
	both
	[ "$(value '.sas | length')" = 1 ]
	/usr/bin/python3 - "$T/ctl" "$T/l2.sa" <<-'PY'
		import socket, sys, cbor2, io, time
		def conn():
		    s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1]); return s
		ask = cbor2.dumps({"type": "event", "format": 1, "time": 1, "source": "x", "what": "report"}, canonical=True)
		def sas(s):
		    s.sendall(ask)
		    got = b""
		    while True:
		        got += s.recv(65536)
		        f, n = io.BytesIO(got), 0
		        try:
		            while True:
		                r = cbor2.CBORDecoder(f).decode()
		                if r["type"] == "tun-stat": return r["sas"]
		        except (EOFError, cbor2.CBORDecodeError): pass
		def wait(s, n):
		    for _ in range(100):
		        if sas(s) == n: return
		        time.sleep(0.05)
		    raise SystemExit(f"not {n} SAs")
		raw = open(sys.argv[2], "rb").read()
		spi = cbor2.loads(raw)["spi-in"]
		delete = cbor2.dumps({"type": "sa-delete", "format": 1, "protocol": "esp", "spi-in": spi}, canonical=True)
		a, b = conn(), conn()
		a.sendall(raw); wait(a, 2)
		b.sendall(delete); time.sleep(0.2); assert sas(b) == 2
		# The same keys again from another connection: refused, and said.
		a.sendall(delete)
		for _ in range(100):
		    if sas(a) == 1: break
		    time.sleep(0.1)
		else: raise SystemExit("not deleted")
	PY
}

@test "sa-stat: without a directory of running tools the message has the remedy" {
	local as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	run -3 --separate-stderr env -u XDG_RUNTIME_DIR "${as[@]}" sa-stat
	stderr_has 'sa-stat: cannot open the directory of running tools for control: XDG_RUNTIME_DIR is not set'
	stderr_has 'hint: name the socket with its directory, or set XDG_RUNTIME_DIR'
	run -3 --separate-stderr env XDG_RUNTIME_DIR=relative "${as[@]}" sa-stat
	one_error
	stderr_has 'hint: name the socket with its directory'
}
