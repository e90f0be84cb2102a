# ike-trace: captures of real negotiations (our two ends, the lab's gateway), captures made by hand,
# and hostile ones. tshark is asked what it sees in the same files.
# shards: 2

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells and jq expand; run sets lines
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab
load lib/wire

setup_file() {
	lab_setup_file
}

setup() {
	need ike-trace
	T=$BATS_TEST_TMPDIR
}

teardown() {
	lab_teardown
}

# ---- no network

# frames FILE [LINKTYPE]: a pcap of what scapy expressions on standard input make, one a line.
frames() {
	/usr/bin/python3 - "$1" "${2:-}" 3<&0 <<-'PY'
		import os, sys
		from packets import *
		HDR = bytes(range(1, 9)) + bytes(8) + bytes([0, 0x10, 2, 0]) + bytes(4) + (28).to_bytes(4, "big")
		out = []
		for line in os.fdopen(3):
		    if line.strip():
		        p = eval(line)
		        out += p if isinstance(p, list) else [p]
		for i, p in enumerate(out):
		    p.time = 1700000000 + i / 1000
		kw = {"linktype": int(sys.argv[2])} if sys.argv[2] else {}
		wrpcap(sys.argv[1], out, **kw)
	PY
}

@test "ike-trace: without a capture, and with two sources, it is misuse" {
	run -2 --separate-stderr ike-trace
	one_error
	run -2 --separate-stderr ike-trace --live lo x.pcap
	one_error
}

@test "ike-trace: a file that is not there is exit 3, one that is no capture exit 4" {
	run -2 --separate-stderr ike-trace "$T/none"
	stderr_has "cannot open $T/none"
	echo 'not a capture at all, but long enough' >"$T/text"
	run -4 --separate-stderr ike-trace "$T/text"
	stderr_has "is no capture"
	run -4 --separate-stderr ike-trace - <"$T/text"
	: >"$T/empty"
	run -4 --separate-stderr ike-trace "$T/empty"
}

@test "ike-trace: a capture without IPsec is exit 1 and says so" {
	frames "$T/x.pcap" <<<'Ether()/IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=53, dport=53)/b"x"'
	run -1 --separate-stderr ike-trace "$T/x.pcap"
	stderr_has "no IKE, ESP, AH, GRE or NHRP"
}

# nhrp_capture FILE: the NHRP packets of FRR that are in tests/vectors, in IP and GRE with key 42; of the last one a part.
nhrp_capture() {
	python3 - "$1" "$SAPIPE_TOP/tests/vectors/nhrp_frr.txt" <<-'PY'
		import socket, struct, sys
		out = open(sys.argv[1], "wb")
		out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
		lines = [l for l in open(sys.argv[2]) if l[0] != "#"]
		for n, line in enumerate(lines + lines[-1:]):
		    _, _, src, dst = line.split(" = ")[0].split()
		    data = bytes.fromhex(line.split(" = ")[1])
		    if n == len(lines):
		        data = data[:30]
		    gre = struct.pack(">HHI", 0x2000, 0x2001, 42) + data
		    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(gre), n, 0, 64, 47, 0, socket.inet_aton(src), socket.inet_aton(dst))
		    out.write(struct.pack("<IIII", 1000 + n, 0, len(ip + gre), len(ip + gre)) + ip + gre)
	PY
}

@test "ike-trace: NHRP in GRE is shown in words, and as JSON" {
	nhrp_capture "$T/nhrp.pcap"
	run -0 --separate-stderr ike-trace "$T/nhrp.pcap"
	output_has "203.0.113.11 -> 203.0.113.254: NHRP registration request 1: 10.255.255.1 -> 10.255.255.1  #1"
	output_has "success, 10.255.255.2/24 at 192.0.2.12, holding time 30 s"
	output_has "10.255.255.2/32 at 203.0.113.1"
	output_has "about: 10.1.0.1 -> 10.2.0.1"
	output_has "the packet's size is"
	output_has "41 frames, 0 IKE messages in 0 IKE SAs, 1 malformed, 41 of NHRP"
	run -0 --separate-stderr ike-trace --json "$T/nhrp.pcap"
	[ "$(jq -s 'map(select(.type == "nhrp")) | length' <<<"$output")" = 40 ]
	[ "$(jq -rs 'map(select(.message == "traffic indication")) | .[0] | [.from, .key, .inner[0:2]] | @csv' <<<"$output")" = \
		'"203.0.113.254:0",42,"45"' ]
	[ "$(jq -rs '[.[] | select(.type == "nhrp") | .extensions[] | select(.type == 9) | .entries[] | .nbma] | unique | @csv' \
		<<<"$output")" = '"203.0.113.1","203.0.113.254"' ]
}

# Captures of NHRP: one of the packets in tests/vectors, and those that were published, where they are.
@test "ike-trace: each packet of every capture of NHRP is decoded as tshark decodes it" {
	local file n rc
	cd "$T" || return
	nhrp_capture "$T/nhrp.pcap"
	for file in "$T/nhrp.pcap" "$VECTORS"/nhrp/*.pcap "$VECTORS"/nhrp/*.pcapng "$VECTORS"/nhrp/*.cap; do
		[ -e "$file" ] || continue
		echo "# $file"
		tshark -r "$file" -Y 'nhrp && !_ws.malformed' -T fields -E occurrence=l -e frame.number -e nhrp.hdr.op.type 2>/dev/null >theirs
		rc=0
		ike-trace --json "$file" >trace 2>err || rc=$?
		# 4: some packet is malformed.
		[ "$rc" = 0 ] || [ "$rc" = 4 ] || { cat err; return 1; }
		jq -r '["resolution request", "resolution reply", "registration request", "registration reply", "purge request",
				"purge reply", "error indication", "traffic indication"] as $names | select(.type == "nhrp") |
			. as $m | [.frame, ($names | index($m.message)) + 1] | @tsv' trace >ours
		n=$(wc -l <ours)
		echo "# $n packets"
		diff theirs ours
		# A capture of which nothing is shown would be no test.
		[ "$n" -gt 0 ] || grep -q malformed trace
	done
}

@test "ike-trace: Ethernet, VLAN, cooked and raw frames of IPv4 and IPv6 all show the same message" {
	local link
	frames "$T/eth.pcap" <<-'PY'
		Ether()/IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/HDR
		Ether()/Dot1Q(vlan=7)/IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/HDR
		Ether(type=0x88a8)/Dot1Q(vlan=7)/Dot1Q(vlan=9)/IPv6(src="2001:db8::1", dst="2001:db8::2")/UDP(sport=500, dport=500)/HDR
		Ether()/IPv6(src="2001:db8::1", dst="2001:db8::2")/IPv6ExtHdrDestOpt()/UDP(sport=4500, dport=4500)/(bytes(4)+HDR)
	PY
	frames "$T/cooked.pcap" 113 <<-'PY'
		CookedLinux(proto=0x800)/IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/HDR
	PY
	frames "$T/cooked2.pcap" 276 <<-'PY'
		Raw(bytes.fromhex("0800000000000001000100060000000000000000"))/IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/HDR
	PY
	frames "$T/raw.pcap" 101 <<-'PY'
		IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/HDR
		IPv6(src="2001:db8::1", dst="2001:db8::2")/UDP(sport=500, dport=500)/HDR
	PY
	for link in eth:4 cooked:1 cooked2:1 raw:2; do
		run -0 --separate-stderr ike-trace --json "$T/${link%:*}.pcap"
		echo "$link: $output"
		[ "$(jq -s '[.[] | select(.type == "message" and .exchange == "main mode")] | length' <<<"$output")" = "${link#*:}" ]
	done
}

@test "ike-trace: fragments are reassembled; incomplete messages are counted" {
	frames "$T/x.pcap" <<-'PY'
		fragment(IP(src="192.0.2.1", dst="192.0.2.2", id=7)/UDP(sport=500, dport=500)/(HDR[:16]+bytes([13,0x10,2,0])+bytes(4)+(1228).to_bytes(4,"big")+bytes([0,0])+(1200).to_bytes(2,"big")+b"a"*1196), fragsize=400)
		fragment6(IPv6(src="2001:db8::1", dst="2001:db8::2")/IPv6ExtHdrFragment(id=9)/UDP(sport=500, dport=500)/(HDR[:16]+bytes([13,0x10,2,0])+bytes(4)+(1828).to_bytes(4,"big")+bytes([0,0])+(1800).to_bytes(2,"big")+b"a"*1796), 1280)
		fragment(IP(src="192.0.2.1", dst="192.0.2.2", id=8)/UDP(sport=500, dport=500)/(b"x"*1000), fragsize=400)[:1]
	PY
	run -0 --separate-stderr ike-trace "$T/x.pcap"
	output_has "(reassembled from 4 fragments)"
	output_has "(reassembled from 2 fragments)"
	output_has "1 datagrams with missing fragments"
	[ "$(ike-trace --json "$T/x.pcap" | jq -s 'map(select(.type == "message" and .readable)) | length')" = 2 ]
}

@test "ike-trace: ESP and AH by SPI: missing numbers, replays, order" {
	frames "$T/x.pcap" <<-'PY'
		[IP(src="192.0.2.1", dst="192.0.2.2")/ESP(spi=0xc0ffee01, seq=n, data=b"x"*32) for n in (1, 2, 3, 7, 5, 3)]
		[IP(src="192.0.2.2", dst="192.0.2.1")/UDP(sport=4500, dport=4500)/ESP(spi=0xc0ffee02, seq=n, data=b"x"*32) for n in (100, 101)]
		IP(src="192.0.2.1", dst="192.0.2.2")/AH(spi=0xc0ffee03, seq=9, icv=b"x"*12, nh=59)
		IP(src="192.0.2.2", dst="192.0.2.1")/UDP(sport=4500, dport=4500)/b"\xff"
	PY
	run -0 --separate-stderr ike-trace "$T/x.pcap"
	output_has "ESP c0ffee01  192.0.2.1 -> 192.0.2.2"
	output_has "2 missing: 4 6"
	output_has "1 REPLAYED"
	output_has "ESP c0ffee02  192.0.2.2:4500 -> 192.0.2.1:4500 in UDP"
	output_has "AH c0ffee03"
	output_has "1 NAT keepalives"
	run -0 ike-trace --json "$T/x.pcap"
	jq -es 'map(select(.spi == "c0ffee01"))[0] | .packets == 6 and .missing == 2 and .replays == 1
		and .reordered == 1 and .gaps == [[4,4],[6,6]]' <<<"$output"
}

@test "ike-trace: SA state gives the algorithms of an SPI" {
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed 1 --esp aes128-sha256 --local-ts 10.1.0.0/24 \
		--remote-ts 10.2.0.0/24 "$T/l.sa" "$T/r.sa"
	local spi
	spi=$(sa-show --json "$T/l.sa" | jq -r '."spi-out" | if type == "number" then . else "0x" + . end')
	frames "$T/x.pcap" <<<"IP(src='192.0.2.1', dst='192.0.2.2')/ESP(spi=$spi, seq=1, data=b'x'*32)"
	run -0 --separate-stderr ike-trace --sa "$T/l.sa" "$T/x.pcap"
	output_has "aes128-sha256, 10.1.0.0/24 -> 10.2.0.0/24"
	run -0 --separate-stderr ike-trace --sa "$T/r.sa" "$T/x.pcap"
	output_has "aes128-sha256, 10.1.0.0/24 -> 10.2.0.0/24"
}

@test "ike-trace: ESP in AH is counted as well, and the SAs of a bundle name each other" {
	local esp ah
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed 1 --esp aes128-sha256 --around sha1 "$T/l.sa" "$T/r.sa"
	read -r ah esp < <(sa-show --json "$T/l.sa" | jq -r '."spi-out"' | xargs)
	frames "$T/x.pcap" <<-PY
		[IP(src='192.0.2.1', dst='192.0.2.2')/AH(payloadlen=4, spi=0x$ah, seq=n, icv=b'x'*12, nh=50)/ESP(spi=0x$esp, seq=n, data=b'x'*32) for n in (1, 2, 4)]
		IP(src='192.0.2.1', dst='192.0.2.2')/AH(payloadlen=4, spi=0x$ah, seq=5, icv=b'x'*12, nh=50)/b'short'
	PY
	for end in l r; do
		run -0 --separate-stderr ike-trace --sa "$T/$end.sa" "$T/x.pcap"
		output_has "AH $ah  192.0.2.1 -> 192.0.2.2, sha1, around ESP $esp, 10.1.0.0/24 -> 10.2.0.0/24"
		output_has "ESP $esp  192.0.2.1 -> 192.0.2.2, aes128-sha256, in AH $ah, 10.1.0.0/24 -> 10.2.0.0/24"
		output_has "3 packets, 120 bytes"
		output_has "1 missing: 3"
	done
}

# plain: the last output has no control code and nothing beyond ASCII.
plain() {
	if LC_ALL=C grep -n $'[\x01-\x09\x0b-\x1f\x7f-\xff]' <<<"$output"; then return 1; fi
}

@test "ike-trace: what a peer writes reaches the terminal as text, never as control codes" {
	frames "$T/x.pcap" <<-'PY'
		IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/(HDR[:16]+bytes([5,0x10,4,0])+bytes(4)+(28+28).to_bytes(4,"big")+bytes([0,0])+(28).to_bytes(2,"big")+bytes([2,0,0,0])+b"gw\x1b]0;x\x07\x9b2J.exampl\n\r")
	PY
	run -0 --separate-stderr ike-trace "$T/x.pcap"
	output_has 'gw\x1b]0;x\x07\x9b2J.exampl\x0a\x0d'
	plain
	run -0 ike-trace --json "$T/x.pcap"
	jq -es . <<<"$output" >/dev/null
	plain
}

@test "ike-trace: requested ports, classified by the content of the datagrams" {
	frames "$T/x.pcap" <<-'PY'
		IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=7500, dport=9)/HDR
		IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=9, dport=7501)/(bytes(4)+HDR)
	PY
	run -1 ike-trace "$T/x.pcap"
	run -0 ike-trace --port 7500 --port 7501 --json "$T/x.pcap"
	[ "$(jq -s 'map(select(.type == "message")) | length' <<<"$output")" = 2 ]
	run -2 --separate-stderr ike-trace --port 0 "$T/x.pcap"
}

@test "ike-trace: a truncated capture shows the packets before the end, exit 4" {
	frames "$T/x.pcap" <<-'PY'
		[IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/HDR for n in range(3)]
	PY
	head -c -10 "$T/x.pcap" >"$T/cut.pcap"
	run -4 --separate-stderr ike-trace "$T/cut.pcap"
	stderr_has "breaks off after frame 2"
	output_has "2 IKE messages"
}

@test "ike-trace: hostile captures: every byte changed in turn, no crash, no control codes" {
	frames "$T/x.pcap" <<-'PY'
		Ether()/IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/(HDR[:16]+bytes([1,0x10,2,0])+bytes(4)+(28+48+20).to_bytes(4,"big")+bytes.fromhex("0d000030"+"0000000100000001"+"00000024"+"01010001"+"0000001c"+"01010000"+"80010007800e0100"+"80020004"+"80030001"+"8004000e"+"00000014afcad71368a1f1c96b8696fc77570100"))
		Ether()/IP(src="192.0.2.1", dst="192.0.2.2")/ESP(spi=7, seq=1, data=b"x"*8)
	PY
	run -0 ike-trace "$T/x.pcap"
	output_has "aes256-sha256-modp2048, PSK"
	output_has "DPD"
	# A byte of the file's or of a frame's header: a capture of its own. A byte of a frame: all of them in one capture,
	# each with a cookie of its own, so that it is no message of another's exchange.
	/usr/bin/python3 - "$T" <<-'PY'
		import struct, subprocess, sys
		d = open(sys.argv[1] + "/x.pcap", "rb").read()
		def judge(what, data):
		    r = subprocess.run(["ike-trace", "-"], input=data, capture_output=True, timeout=100)
		    bad = [c for c in r.stdout if c != 10 and not 32 <= c < 127]
		    if r.returncode not in (0, 1, 4) or bad:
		        sys.exit(f"{what}: exit {r.returncode} {bad} {r.stderr}")
		    return r.stdout
		def changed(b, i):
		    return b[:i] + bytes([b[i] ^ 0xff]) + b[i + 1:]
		frames, at = [], 24
		while at < len(d):
		    n = struct.unpack("<I", d[at + 8:at + 12])[0]
		    frames.append((d[at:at + 16], d[at + 16:at + 16 + n]))
		    at += 16 + n
		assert len(frames) == 2
		headers = [i for i in range(24, 24 + 16)]
		headers += [40 + len(frames[0][1]) + i for i in range(16)]
		for i in headers:
		    judge(f"byte {i}", changed(d, i))
		out, n, cookie = d[:24], 0, 14 + 20 + 8
		for head, frame in frames:
		    for i in range(len(frame)):
		        own = frame
		        if len(frame) > 100:
		            own = frame[:cookie] + struct.pack(">Q", 1 << 32 | n) + frame[cookie + 8:]
		        out += head + changed(own, i)
		        n += 1
		assert n > 150, n
		assert b" IKE SAs" in judge(f"one of {n} frames", out)
	PY
}

@test "ike-trace: it exits with 3, without a message, when the reader closes the pipe" {
	frames "$T/x.pcap" <<-'PY'
		[IP(src="192.0.2.1", dst="192.0.2.2", id=n)/UDP(sport=500, dport=500)/(HDR[:7]+bytes([n % 250 + 1])+HDR[8:]) for n in range(3000)]
	PY
	# The reader has gone before the first byte is written.
	mkfifo "$T/pipe"
	run -3 --separate-stderr bash -c 'exec 8<>"$2" 9>"$2" 8<&-; ike-trace "$1" >&9' - "$T/x.pcap" "$T/pipe"
	[ -z "$stderr" ]
}

# ---- negotiations on a wire

@test "ike-trace: main mode of our two ends: every message opened, every hash right, as tshark sees it" {
	lab_topology
	record main
	ours
	recorded main 11
	like_tshark "$T/main.pcap"
	like_tshark "$T/main.pcap" "$T/l.sa"
	local state
	for state in l r; do
		run -0 --separate-stderr ike-trace --json --sa "$T/$state.sa" "$T/main.pcap"
		[ "$(jq -rs 'map(select(.type == "message" and (."again-of" | not))) | map("\(.exchange) \(.message) \(.sender) \(.hash // "-")") | .[]' <<<"$output")" = "\
main mode 1 initiator -
main mode 2 responder -
main mode 3 initiator -
main mode 4 responder -
main mode 5 initiator right
main mode 6 responder right
quick mode 1 initiator right
quick mode 2 responder right
quick mode 3 initiator right
informational 1 initiator right
informational 1 initiator right" ]
		jq -es 'last | .unopened == 0 and .sas == 1 and .messages - .again == 11' <<<"$output"
	done
	run -0 ike-trace "$T/main.pcap"
	output_has "no SA state with its keys"
	output_has "7 not opened"
	# the keys of another SA open nothing
	"$SAPIPE_TOP/tests/lib/sa_make.py" ike --seed 4 "$T/other.sa" none
	run -0 ike-trace --sa "$T/other.sa" "$T/main.pcap"
	output_has "7 not opened"
}

@test "ike-trace: aggressive mode with NAT-T: the float is marked, the third message opened" {
	lab_topology
	record aggr
	ours --exchange aggressive --natt force
	recorded aggr 8
	like_tshark "$T/aggr.pcap"
	like_tshark "$T/aggr.pcap" "$T/r.sa"
	run -0 --separate-stderr ike-trace --sa "$T/l.sa" "$T/aggr.pcap"
	output_has "both ends change ports for NAT traversal"
	output_has "aggressive mode 3*"
	output_has "UDP-TUNNEL"
	[[ $output != *"not opened"* && $output != *WRONG* ]]
	[ "$(ike-trace --json "$T/aggr.pcap" | jq -s 'map(select(."ports-changed")) | length')" = 1 ]
}

@test "ike-trace: a rejection is explained" {
	need ike-initiate ike-respond
	lab_topology
	record refused
	echo secret >"$T/psk"
	chmod 600 "$T/psk"
	background respond ip netns exec "$NS_RIGHT" ike-respond --psk-file "$T/psk" --ike aes256-sha256-modp2048
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	run -1 in_left ike-initiate --psk-file "$T/psk" --ike 3des-sha1-modp1024 --timeout 2 "$RIGHT_IP"
	recorded refused 2
	run -0 ike-trace "$T/refused.pcap"
	output_has "3des-sha1-modp1024, PSK"
	output_has "NO-PROPOSAL-CHOSEN"
	output_has "no proposal is acceptable to the peer"
	run -0 ike-trace --json "$T/refused.pcap"
	jq -es 'map(.payloads[]?.notify) | contains(["NO-PROPOSAL-CHOSEN"])' <<<"$output"
}

@test "ike-trace: retransmissions are known again" {
	need ike-initiate
	lab_topology
	record again
	echo secret >"$T/psk"
	chmod 600 "$T/psk"
	background initiate ip netns exec "$NS_LEFT" ike-initiate --psk-file "$T/psk" "$RIGHT_IP"
	recorded again 2
	run -0 ike-trace "$T/again.pcap"
	output_has "main mode again: frame 1"
	run -0 ike-trace --json "$T/again.pcap"
	jq -es 'last | .sas == 1 and .again >= 1 and .again == .messages - 1' <<<"$output"
}

@test "ike-trace: a session with the lab's gateway: all opened, ESP told, as tshark sees it" {
	need ike-initiate esp-tun
	lab_up ikev1-pfs
	record gw
	lab_start tunnel left \
		"ike-initiate --keep $(lab_policy ikev1-pfs) $RIGHT_IP | tee $T/gw.sa | $(ESP_TUN)"
	eventually 10 lab_answers left "$RIGHT_INNER"
	in_left ping -q -c 5 -i 0.1 "$RIGHT_INNER"
	lab_stop tunnel
	recorded gw 15
	chmod 600 "$T/gw.sa"
	like_tshark "$T/gw.pcap"
	like_tshark "$T/gw.pcap" "$T/gw.sa"
	run -0 --separate-stderr ike-trace --sa "$T/gw.sa" "$T/gw.pcap"
	[[ $output != *"not opened"* && $output != *WRONG* ]]
	output_has "VID     XAuth"
	output_has "aes128-sha1-modp2048"
	run -0 --separate-stderr ike-trace --json --sa "$T/gw.sa" "$T/gw.pcap"
	jq -es 'map(select(.type == "esp")) | length == 2 and all(.packets >= 5 and .missing == 0 and .replays == 0
		and (.sa | startswith("aes128-sha1, 10.")))' <<<"$output"
}

@test "ike-trace: --live shows a negotiation as it happens; SIGINT ends it with the summary" {
	lab_topology
	background live ip netns exec "$NS_RIGHT" ike-trace --live any
	# it has its socket: a line below the heading
	eventually 10 eval 'in_right awk "END { exit NR < 2 }" /proc/net/packet'
	ours
	eventually 15 grep -q 'quick mode 3' "$T/live.out"
	kill -INT "${BG[live]}"
	ended live 10
	grep -q 'IKE messages in 1 IKE SA' "$T/live.out"
}

@test "ike-trace: --live reads packets of both directions with one VLAN tag and two" {
	lab_topology
	local side
	captures() { [ "$("in_$1" cat /proc/net/packet | wc -l)" -gt 1 ]; }
	# frames that come between the socket and its filter do not end the capture
	background noise ip netns exec "$NS_LEFT" ping -q -i 0.002 -c 20000 "$RIGHT_IP"
	local -A ns=([left]=$NS_LEFT [right]=$NS_RIGHT)
	for side in left right; do
		background "$side" ip netns exec "${ns[$side]}" ike-trace -q --live eth0 -c 4
		eventually 10 captures "$side"
	done
	ip netns exec "$NS_LEFT" /usr/bin/python3 - 2>/dev/null <<-'PY'
		from packets import *
		HDR = bytes.fromhex("1111111111111111" + "00" * 8 + "01100200000000000000001c")
		for tags, src, dst in ((Ether(), "192.0.2.1", "192.0.2.2"), (Ether()/Dot1Q(vlan=7), "192.0.2.1", "192.0.2.3"),
		    (Ether(type=0x88a8)/Dot1Q(vlan=7)/Dot1Q(vlan=9), "192.0.2.1", "192.0.2.4")):
		    sendp(tags/IP(src=src, dst=dst)/UDP(sport=500, dport=500)/HDR, iface="eth0", verbose=0)
		sendp(Ether()/Dot1Q(vlan=7)/IPv6(src="2001:db8::1", dst="2001:db8::2")/UDP(sport=500, dport=500)/HDR,
		    iface="eth0", verbose=0)
	PY
	for side in left right; do
		ended "$side" 10 || { cat "$BATS_TEST_TMPDIR/$side.out"; return 1; }
		grep -q "4 frames, 4 IKE messages" "$BATS_TEST_TMPDIR/$side.out"
	done
}

@test "ike-trace: an interface that is not there is exit 3" {
	[ "$(id -u)" = 0 ] || skip "not root"
	run -3 --separate-stderr ike-trace --live no-such-if
	stderr_has "cannot capture on no-such-if"
}

@test "ike-trace: fits the terminal, refusals are red there, and a state that fits nothing is named" {
	local columns
	export TERM=xterm
	frames "$T/x.pcap" <<-'PY'
		[IP(src="192.0.2.2", dst="192.0.2.1")/UDP(sport=p, dport=p)/(bytes(p - 500 and 4) + b"initiatoresponde" + bytes.fromhex("0b100500 0000%04x 00000028 0000000c 00000001 0100000e" % p)) for p in (500, 4500)]
	PY
	"$SAPIPE_TOP/tests/lib/sa_make.py" ike "$T/other.sa"
	run -0 --separate-stderr ike-trace --sa "$T/other.sa" --color always "$T/x.pcap"
	[ "$(grep -c $'\e\[31m.*NO-PROPOSAL-CHOSEN.*\e\[m$' <<<"$output")" = 2 ]
	[ "$(grep -c "(with non-ESP marker)" <<<"$output")" = 1 ]
	stderr_has "other.sa: no message and no packet of the capture belongs to its SAs"
	# Piped, and with NO_COLOR, there is no escape sequence.
	run -0 ike-trace "$T/x.pcap"
	[[ $output != *$'\e'* ]]
	for columns in 80 60 132 40 200; do
		script -qec "stty cols $columns; ike-trace -v '$T/x.pcap'" /dev/null </dev/null | tr -d '\r' >"$T/out"
		grep -q $'\e\[31m' "$T/out"
		sed 's/\x1b\[[0-9]*m//g' "$T/out" >"$T/plain"
		[ "$(wc -L <"$T/plain")" -le "$columns" ]
		NO_COLOR=1 script -qec "stty cols $columns; ike-trace -v '$T/x.pcap'" /dev/null </dev/null | tr -d '\r' |
			diff "$T/plain" -
	done
}

# told FILE: the labels of the arrows and what is below them, without the lines and blanks of the ladder.
told() {
	sed -nE 's/^ *[0-9.]+ \|<?[-.=]+ (.*) [-.=]+>?\|  #[0-9]+$/\1/p; s/^ *\|   //p' "$1" | tr -d ' \n'
}

@test "ike-trace: at 40, 80 and 200 columns no line is longer, and nothing is lost" {
	local columns
	frames "$T/x.pcap" <<-'PY'
		[IP(src=a, dst=b)/UDP(sport=500, dport=500)/(b"initiatoresponde" + bytes([11, 16, 5, 0]) + bytes(4) + (56 + len(t)).to_bytes(4, "big") + bytes(2) + (28 + len(t)).to_bytes(2, "big") + bytes.fromhex("00000001 0110 000e") + b"initiatoresponde" + t) for a, b in (("192.0.2.1", "198.51.100.2"), ("198.51.100.2", "192.0.2.1")) for t in (b"words with blanks between them, of a length that no terminal has at once: " * 3, b"x" * 130, "\u00e4\u00f6\u00fc".encode() * 40)]
		[IPv6(src="2001:db8:1:2:3:4:5:6", dst="2001:db8:6:5:4:3:2:1")/UDP(sport=500, dport=500)/(HDR)]
		[IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=500, dport=500)/(b"x" * 40)]
	PY
	ike-trace -v "$T/x.pcap" >"$T/all"
	[ "$(told "$T/all" | wc -c)" -gt 600 ] || { cat "$T/all"; return 1; }
	for columns in 40 80 200; do
		COLUMNS=$columns ike-trace -v "$T/x.pcap" >"$T/out"
		[ "$(wc -L <"$T/out")" -le $columns ] || { awk -v c=$columns 'length > c' "$T/out"; return 1; }
		[ "$(told "$T/out")" = "$(told "$T/all")" ] || { cat "$T/out"; return 1; }
	done
}
