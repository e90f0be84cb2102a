#!/usr/bin/env bats
# ike-respond: many peers, hostile ones among them.
# shards: 4
# shellcheck disable=SC2016 # for the inner shell to expand
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell, and BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/ike

setup() {
	need ike-initiate ike-respond
	ike_setup
	NET=${I%.*}
}
teardown() { stop_background; }

# from N [OPTION]...: an initiator at the address NET.N, any peer.
from() {
	local n=$1
	shift
	timeout 60 ike-initiate --local "$NET.$n:5500" "${FAST[@]}" --linger 0.1 --remote-id any "$@" "$R"
}

# peers TEXT: the peers file; FAST is in its defaults.
peers() {
	{
		printf '[defaults]\nike = aes128-sha1-modp1024\nesp = aes128-sha1\nlocal-ts = 10.2.0.0/24\n'
		printf '%s\n' "$1"
	} >peers.ini
}

# flood N [EXCHANGE]: N first messages from NET.9, each with a cookie of its own; says how many were answered.
flood() {
	/usr/bin/python3 - "$NET.9" "${R%:*}" "${R#*:}" "$@" <<-'PY'
		import os, socket, struct, sys, time
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind((sys.argv[1], 0))
		def attrs(*a): return b"".join(struct.pack(">HH", 0x8000 | t, v) for t, v in a)
		a = attrs((1, 7), (14, 128), (2, 2), (4, 2), (3, 1), (11, 1), (12, 3600))
		t = struct.pack(">BBHBBH", 0, 0, 8 + len(a), 1, 1, 0) + a
		p = struct.pack(">BBHBBBB", 0, 0, 8 + len(t), 1, 1, 0, 1) + t
		sa = struct.pack(">BBHII", 0, 0, 12 + len(p), 1, 1) + p
		for i in range(int(sys.argv[4])):
		    s.sendto(os.urandom(8) + bytes(8) + b"\x01\x10\x02\x00" + bytes(4) +
		        struct.pack(">I", 28 + len(sa)) + sa, (sys.argv[2], int(sys.argv[3])))
		    if i % 50 == 0: time.sleep(0.01)
		s.settimeout(2)
		seen = set()
		try:
		    while True: seen.add(s.recv(2000)[:8])
		except TimeoutError: pass
		print(len(seen))
	PY
}

@test "ike-respond: no secret and no terminal for a prompt is exit 2" {
	run -2 --separate-stderr setsid -w ike-respond --listen "$R" </dev/null
	one_error
	stderr_has "pre-shared key"
}

@test "ike-respond: nonsense is exit 2 with one line" {
	run -2 --separate-stderr ike-respond --listen "$R" --psk-file gw.psk extra
	one_error
	run -2 --separate-stderr ike-respond --listen "$R" --psk-file gw.psk --ike nothing
	one_error
	run -2 --separate-stderr ike-respond --listen "$R" --psk-file gw.psk --from 10.0.0.1/8
	one_error
	run -2 --separate-stderr ike-respond --listen "$R" --psk-file gw.psk --half-open 0
	one_error
	run -2 --separate-stderr ike-respond --listen nowhere --psk-file gw.psk
	one_error
	run -2 --separate-stderr ike-respond --listen "$R" --peers peers.ini --psk-file gw.psk
	one_error
}

@test "ike-respond: a mistake in the peers file is exit 2 with file and line, and nothing starts" {
	peers $'[a]\npsk-file = gw.psk\ncolour = red'
	run -2 --separate-stderr ike-respond --listen "$R" --peers peers.ini
	one_error
	stderr_has "peers.ini:7"
	stderr_has "unknown key 'colour'"
	run -2 --separate-stderr ike-respond --listen "$R" --peers absent.ini
	one_error
	peers $'[a]\npsk-file = absent.psk'
	run -2 --separate-stderr ike-respond --listen "$R" --peers peers.ini
	one_error
	stderr_has "absent.psk"
}

@test "ike-respond: an address that this machine lacks, or a port that another has" {
	run -2 --separate-stderr ike-respond --listen 192.0.2.77:5500 --psk-file gw.psk
	one_error
	background holder socat -u "UDP-LISTEN:${R#*:},bind=${R%:*}" -
	eventually 20 bound "$R"
	run -3 --separate-stderr ike-respond --listen "$R" --psk-file gw.psk
	one_error
	stderr_has "socat"
	stderr_has "hint: another IKE daemon"
}

@test "ike-respond: SA state is not written to a terminal" {
	command -v script >/dev/null || skip "no script"
	run -2 script -qec "ike-respond --listen $R --psk-file gw.psk" /dev/null
	output_has "terminal"
}

@test "ike-respond: several peers of one file at once, each with its own secret, networks and name" {
	local n
	for n in 11 12 13 14; do printf 'secret of %s\n' "$n" >"$n.psk"; done
	peers "
[eleven]
address = $NET.11
psk-file = 11.psk
remote-ts = 10.11.0.0/24
[twelve]
address = $NET.12
psk-file = 12.psk
remote-ts = 10.12.0.0/24,
    10.112.0.0/24
[road]
exchange = aggressive
remote-id = alice@example
psk-file = 13.psk
remote-ts = 10.13.0.0/24
[road2]
exchange = aggressive
remote-id = bob@example
psk-file = 14.psk
remote-ts = 10.14.0.0/24"
	background r ike-respond -v --listen "$R" --peers peers.ini
	eventually 10 bound "$R"
	background a timeout 60 ike-initiate --local "$NET.11:5500" "${FAST[@]}" --remote-id any --psk-file 11.psk \
		--local-ts 10.11.0.0/24 --remote-ts 10.2.0.0/24 "$R"
	background b timeout 60 ike-initiate --local "$NET.12:5500" "${FAST[@]}" --remote-id any --psk-file 12.psk \
		--local-ts 10.12.0.0/24 --local-ts 10.112.0.0/24 --remote-ts 10.2.0.0/24 "$R"
	background c timeout 60 ike-initiate --local "$NET.13:5500" "${FAST[@]}" --remote-id any --psk-file 13.psk \
		--exchange aggressive --local-id alice@example --local-ts 10.13.0.0/24 --remote-ts 10.2.0.0/24 "$R"
	background d timeout 60 ike-initiate --local "$NET.14:5500" "${FAST[@]}" --remote-id any --psk-file 14.psk \
		--exchange aggressive --local-id bob@example --local-ts 10.14.0.0/24 --remote-ts 10.2.0.0/24 "$R"
	for n in a b c d; do ended "$n" 20 || { cat "$n.err" r.err; return 1; }; done
	wrote r.out "10 child-sa, 4 ike-sa"
	/usr/bin/python3 - <<-'PY'
		import cbor2
		f = open("r.out", "rb")
		nets = {}
		while f.peek(1):
		    r = cbor2.load(f)
		    if r["type"] == "child-sa": nets.setdefault(r["name"], set()).add(r["remote-ts"][0]["net"])
		assert nets == {"eleven": {"10.11.0.0/24"}, "twelve": {"10.12.0.0/24", "10.112.0.0/24"},
		    "road": {"10.13.0.0/24"}, "road2": {"10.14.0.0/24"}}, nets
	PY
}

@test "ike-respond: a peer with the secret of another section, or another's ID, gets nothing" {
	printf 'one\n' >1.psk
	printf 'two\n' >2.psk
	peers "
[a]
exchange = aggressive
remote-id = alice@example
psk-file = 1.psk
[b]
exchange = aggressive
remote-id = bob@example
psk-file = 2.psk"
	background r ike-respond -v --listen "$R" --peers peers.ini
	eventually 10 bound "$R"
	run -1 --separate-stderr from 11 --psk-file 2.psk --exchange aggressive --local-id alice@example --timeout 4 "${NETS[@]}" -o x.sa
	[ ! -e x.sa ]
	run -1 --separate-stderr from 12 --psk-file 1.psk --exchange aggressive --local-id carol@example --timeout 4 "${NETS[@]}" -o x.sa
	r_says carol@example
	[ ! -s r.out ]
}

@test "ike-respond: an unknown peer gets no answer, and its address is logged" {
	peers "
[a]
address = 192.0.2.1
psk-file = gw.psk"
	background r ike-respond -v --listen "$R" --peers peers.ini
	eventually 10 bound "$R"
	run -1 --separate-stderr from 11 --psk-file gw.psk --timeout 2 "${NETS[@]}"
	stderr_has "no answer"
	r_says "$NET.11:5500"
	[ ! -s r.out ]
}

@test "ike-respond: --from keeps to its network" {
	usual_responder --from "$NET.11"
	run -1 --separate-stderr from 12 --psk-file gw.psk --timeout 2 "${NETS[@]}"
	run -0 --separate-stderr from 11 --psk-file gw.psk "${NETS[@]}" -o x.sa
}

@test "ike-respond: --accept-all-proposals accepts weak ones that are not configured" {
	responder --accept-all-proposals --psk-file gw.psk "${STEN[@]}"
	run -0 --separate-stderr initiate_with --ike 3des-md5-modp768 --esp null-md5 --remote-id any "${NETS[@]}" -o x.sa "$R"
	run -0 "$CHECK" x.sa
	grep -qx 'ike-respond: warning: --accept-all-proposals: peers may negotiate any algorithm, DES, MD5 and no encryption included: for a look at what they offer, not for traffic' \
		r.err
	# it is the only tool that has it
	[ "$(grep -l accept-all-proposals "$SAPIPE_TOP"/cmd/*/*.c "$SAPIPE_TOP"/libcommon/tool/*_opt.c)" = "$SAPIPE_TOP/cmd/ike-respond/main.c" ]
}

@test "ike-respond: --once ends with 0 when a child SA is established, after the linger time" {
	usual_responder --once --linger 0.2 -o once.sa
	run -0 --separate-stderr initiate "${NETS[@]}" -o x.sa "$R"
	ended r
	run -0 "$CHECK" once.sa
	[ "$output" = "2 child-sa, 1 ike-sa" ]
	[ "$(stat -c %a once.sa)" = 600 ]
}

@test "ike-respond: a file appears with the first child SA and grows" {
	usual_responder -o grow.sa
	[ ! -e grow.sa ]
	run -0 initiate "${NETS[@]}" -o x.sa "$R"
	wrote grow.sa "2 child-sa, 1 ike-sa"
	run -0 from 12 --psk-file gw.psk "${NETS[@]}" -o y.sa
	wrote grow.sa "4 child-sa, 2 ike-sa"
	kill "${BG[r]}"
	ended r
	run -0 "$CHECK" grow.sa
	[ "$output" = "4 child-sa, 2 ike-sa, 4 sa-delete" ]
}

@test "ike-respond: a full table of half-open exchanges keeps no peer out" {
	usual_responder --half-open 7 --half-open-per-address 1
	run -0 flood 400
	[ "$output" -gt 7 ]
	run -0 --separate-stderr initiate "${NETS[@]}" -o x.sa "$R"
}

@test "ike-respond: garbage changes nothing: a tunnel stays up, a new peer is served, errors are rate-limited" {
	usual_responder
	run -0 --separate-stderr initiate "${NETS[@]}" --phase1 -o p1.sa "$R"
	# with the cookies of the established SA, and without
	/usr/bin/python3 - "$NET.9" "${R%:*}" "${R#*:}" <<-'PY'
		import cbor2, os, random, socket, struct, sys, time
		ike = cbor2.load(open("p1.sa", "rb"))
		ck = ike["spi-i"] + ike["spi-r"]
		rng = random.Random(5)
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind((sys.argv[1], 0))
		to = (sys.argv[2], int(sys.argv[3]))
		for i in range(3000):
		    n = rng.choice([0, 1, 27, 28, 40, 44, 60, 92, 200, 1400])
		    body = bytes(rng.randrange(256) for _ in range(n))
		    head = rng.choice([ck, os.urandom(8) + bytes(8), ck[:8] + bytes(8), os.urandom(16)])
		    h = head + bytes([rng.choice([1, 5, 8, 11, 12, rng.randrange(256)]), 0x10,
		        rng.choice([2, 4, 5, 6, 32, 33]), rng.choice([0, 1, 3])]) + \
		        rng.choice([bytes(4), os.urandom(4)]) + struct.pack(">I", 28 + n + rng.choice([0, 0, 0, 1, -1]) & 0xffffffff)
		    s.sendto((h + body)[:rng.choice([9999, 9999, 27, 30])], to)
		    if i % 100 == 0: time.sleep(0.01)
	PY
	run -0 --separate-stderr timeout 60 ike-initiate --phase2 p1.sa --linger 0 --esp aes128-sha1 "${NETS[@]}" -o p2.sa
	run -0 --separate-stderr from 12 --psk-file gw.psk "${NETS[@]}" -o y.sa
	wrote r.out "4 child-sa, 2 ike-sa"
	[ "$(wc -l <r.err)" -lt 200 ]
}

@test "ike-respond: SIGTERM sends deletes to all and ends with 0, without waiting for them" {
	usual_responder --timeout 300
	background k1 ike-initiate -v --keep --local "$NET.11:5500" --psk-file gw.psk "${FAST[@]}" --remote-id any "${NETS[@]}" "$R"
	background k2 ike-initiate -v --keep --local "$NET.12:5500" --psk-file gw.psk "${FAST[@]}" --remote-id any "${NETS[@]}" "$R"
	eventually 20 grep -q "child SA" k1.err
	eventually 20 grep -q "child SA" k2.err
	wrote r.out "4 child-sa, 2 ike-sa"
	# Nobody answers, and the time to wait for an answer is long.
	kill -STOP "${BG[k1]}" "${BG[k2]}"
	kill "${BG[r]}"
	ended r
	kill -CONT "${BG[k1]}" "${BG[k2]}"
	run -0 "$CHECK" r.out
	[ "$output" = "4 child-sa, 2 ike-sa, 4 sa-delete" ]
	eventually 10 grep -q "deleted by the peer" k1.err
	eventually 10 grep -q "deleted by the peer" k2.err
}

@test "ike-respond: a reader that closes the pipe is exit 3, and the peers get deletes" {
	background r bash -c 'set -o pipefail; timeout 120 ike-respond --listen "$1" --psk-file gw.psk \
		--ike aes128-sha1-modp1024 --esp aes128-sha1 --local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24 |
		head -c 1 >/dev/null' - "$R"
	eventually 20 bound "$R"
	background k ike-initiate -v --keep --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any "${NETS[@]}" "$R"
	status=0
	ended r 30 || status=$?
	[ "$status" -eq 3 ]
	# shellcheck disable=SC2034 # for one_error
	output=$(<r.out) stderr=$(<r.err)
	one_error
	eventually 10 grep -q "deleted by the peer" k.err
}

@test "ike-respond: a peer that vanished without a delete is dead after DPD, its SAs are deleted" {
	usual_responder --dpd-interval 1 --dpd-tries 4
	background k ike-initiate -v --keep --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any "${NETS[@]}" "$R"
	eventually 20 grep -q "child SA" k.err
	# longer than it waits for an answer
	sleep 6
	run ! grep -q "is dead" r.err
	kill -KILL "${BG[k]}"
	wait "${BG[k]}" || :
	eventually 20 r_says "is dead"
	run -0 "$CHECK" r.out
	output_has "2 sa-delete"
}

@test "ike-respond: IPv6 outside, and inside either" {
	[ -e /proc/net/if_inet6 ] && [ -s /proc/net/if_inet6 ] || skip "no IPv6 here"
	local port=$((20000 + BASHPID % 20000))
	background r ike-respond -v --listen "[::1]:$port" --natt off "${FAST[@]}" --psk-file gw.psk --local-ts 2001:db8:2::/48 \
		--local-ts 10.2.0.0/24 --remote-ts 2001:db8:1::/48 --remote-ts 10.1.0.0/24
	eventually 10 bound "[::1]:$port" || { cat r.err; skip "cannot bind ::1"; }
	run -0 --separate-stderr timeout 60 ike-initiate --local "[::1]:$((port + 1))" --natt off "${FAST[@]}" --linger 0 --remote-id any \
		--psk-file gw.psk --local-ts 10.1.0.0/24 --local-ts 2001:db8:1::/48 --remote-ts 10.2.0.0/24 \
		--remote-ts 2001:db8:2::/48 -o x.sa "[::1]:$port"
	run -0 "$CHECK" x.sa
	[ "$output" = "2 child-sa, 1 ike-sa" ]
}
