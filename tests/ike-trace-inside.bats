#!/usr/bin/env bats
# ike-trace: GRE, and NHRP in GRE and in IP (protocol 54); in clear, and inside of ESP and AH with the keys of SA state. Scapy makes
# the packets, and tshark says what is in them.
# shellcheck disable=SC2016 # jq expands
bats_require_minimum_version 1.5.0
load lib/common

setup() {
	need ike-trace sa-show
	cd "$BATS_TEST_TMPDIR" || return
	umask 077
}

# A tunnel of mode tunnel, with selectors that GRE and NHRP in IP fit, one of transport mode, and one of AH.
states() {
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed a --local 192.0.2.1 --remote 192.0.2.2 --local-ts 0.0.0.0/0 \
		--remote-ts 0.0.0.0/0 --spi-in 0x0a000001 --spi-out 0x0a000002 --esp aes128-sha256 tunnel.sa
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed b --local 203.0.113.11 --remote 203.0.113.254 --mode transport \
		--local-ts 203.0.113.11/32,47 --remote-ts 203.0.113.254/32,47 --spi-in 0x0b000001 --spi-out 0x0b000002 transport.sa
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed c --local 198.51.100.1 --remote 198.51.100.2 --mode transport \
		--local-ts 198.51.100.1/32,47 --remote-ts 198.51.100.2/32,47 --ah sha256 --spi-in 0x0c000001 --spi-out 0x0c000002 ah.sa
}

# capture FILE: of each kind one. REG and REPLY are FRR's registration and its reply.
capture() {
	PYTHONPATH=$SAPIPE_TOP/tests/lib /usr/bin/python3 - "$1" "$SAPIPE_TOP/tests/vectors/nhrp_frr.txt" <<-'PY'
		import cbor2, struct, sys
		from packets import *
		from esp_scapy import association, seal
		vec = [bytes.fromhex(l.split(" = ")[1]) for l in open(sys.argv[2]) if l.startswith(("plain 1 ", "plain 2 "))]
		REG, REPLY = vec
		def sa(name, way):
		    r = cbor2.load(open(name, "rb"))
		    return association(r, way), r
		def gre(proto, data, key=None, flags=0, more=b""):
		    head = struct.pack(">HH", flags | (0x2000 if key is not None else 0), proto) + more
		    return head + (struct.pack(">I", key) if key is not None else b"") + data
		spoke, hub = "203.0.113.11", "203.0.113.254"
		def ip(src, dst, proto, data):
		    return IP(bytes(IP(src=src, dst=dst, proto=proto) / Raw(data)))
		ping = bytes(IP(src="10.1.0.1", dst="10.2.0.1") / ICMP())
		six = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest())
		tunnel, t = sa("tunnel.sa", "out")
		back, _ = sa("tunnel.sa", "in")
		trans, s = sa("transport.sa", "out")
		ah, a = sa("ah.sa", "out")
		# For fragments: scapy cuts, each part goes into ESP by itself.
		big = ip("10.255.255.1", "10.255.255.254", 54, REG + bytes(600))
		parts = [IP(bytes(x)) for x in fragment(big, 400)]
		out = [
		    ip(spoke, hub, 47, gre(0x2001, REG, 42)),                              # 1
		    ip(hub, spoke, 47, gre(0x2001, REPLY, 42)),
		    ip(spoke, hub, 54, REG),                                               # 3
		    ip(spoke, hub, 47, gre(0x0800, ping, 42)),
		    ip(spoke, hub, 47, gre(0x0800, ping, 42)),
		    ip(spoke, hub, 47, gre(0x86dd, six)),                                  # 6: without a key
		    seal(tunnel, t, ip("10.255.255.1", "10.255.255.254", 54, REG), seq_num=1),
		    seal(back, t, ip("10.255.255.254", "10.255.255.1", 54, REPLY), seq_num=1),
		    seal(trans, s, ip(spoke, hub, 47, gre(0x2001, REG, 7)), seq_num=1),    # 9
		    seal(trans, s, ip(spoke, hub, 47, gre(0x0800, ping, 7)), seq_num=2),
		    ah.encrypt(ip("198.51.100.1", "198.51.100.2", 47, gre(0x2001, REG)), seq_num=1),	# 11
		    seal(tunnel, t, parts[0], seq_num=2), seal(tunnel, t, parts[1], seq_num=3),
		    ip(spoke, hub, 47, b"\x00\x00\x08"),                                   # 14: short
		    ip(spoke, hub, 47, gre(0x0800, ping, None, 0x8000, b"\xde\xad\x00\x00")),	# 15: its checksum
		    ip(spoke, hub, 47, gre(0x880b, ping, None, 1)),                        # 16: PPTP
		    seal(tunnel, t, ip("10.255.255.1", "10.255.255.254", 54, REG[:30]), seq_num=4),	# 17
		    ip(spoke, hub, 47, gre(0x6558, bytes(64), 0xffffffff)),
		]
		for i, p in enumerate(out):
		    p.time = 1700000000 + i / 1000
		wrpcap(sys.argv[1], out, linktype=101)
	PY
}

@test "ike-trace inside: GRE and NHRP of both kinds, in clear and decrypted, in words" {
	states
	capture x.pcap
	run -0 --separate-stderr ike-trace x.pcap
	output_has '203.0.113.11 -> 203.0.113.254: NHRP registration request 1: 10.255.255.1 -> 10.255.255.1  #3'
	[ "$(grep -c ': NHRP registration request' <<<"$output")" = 2 ]	# 1 and 3
	run -0 --separate-stderr ike-trace --sa tunnel.sa --sa transport.sa --sa ah.sa x.pcap
	[ -z "$stderr" ]
	output_has '10.255.255.1 -> 10.255.255.254: NHRP* registration request 1: 10.255.255.1 -> 10.255.255.1  #7'
	output_has '(NHRP in IP in ESP 0a000002)'
	output_has '10.255.255.254 -> 10.255.255.1: NHRP* registration reply 1'
	output_has '203.0.113.11 -> 203.0.113.254: GRE key 42 begins, with NHRP  #1'
	output_has '203.0.113.11 -> 203.0.113.254: GRE begins, with IPv6  #6'
	output_has '203.0.113.11 -> 203.0.113.254: GRE key 7 in ESP 0b000002 begins, with NHRP  #9'
	output_has '198.51.100.1 -> 198.51.100.2: GRE in AH 0c000002 begins, with NHRP  #11'
	output_has 'registration request 1: 10.255.255.1 -> 10.255.255.1  #13'	# of two fragments
	output_has 'GRE that ends within its header  #14'
	output_has 'GRE with a wrong checksum  #15'
	output_has '#17'
	output_has 'GRE key 4294967295 begins, with 0x6558  #18'
	output_has 'GRE key 42  203.0.113.11 -> 203.0.113.254'
	output_has '3 packets, '
	output_has ', 2 IPv4, 1 NHRP'
	run -0 --separate-stderr ike-trace -q --sa tunnel.sa x.pcap
	output_has 'NHRP* registration request 1: 10.255.255.1 -> 10.255.255.1  #7'
	run ! grep -q '(NHRP in IP' <<<"$output"
}

@test "ike-trace inside: the same as JSON, and tshark finds the same messages with the same keys" {
	local line args=()
	states
	capture x.pcap
	run -0 --separate-stderr ike-trace --json --sa tunnel.sa --sa transport.sa --sa ah.sa x.pcap
	jq -r 'select(.type == "nhrp") | [.frame, .carrier, (.key // "-"), (.esp // .ah // "-"), .message] | @tsv' <<<"$output" >ours
	cat ours
	diff - ours <<-'END'
		1	gre	42	-	registration request
		2	gre	42	-	registration reply
		3	ip	-	-	registration request
		7	ip	-	0a000002	registration request
		8	ip	-	0a000001	registration reply
		9	gre	7	0b000002	registration request
		11	gre	-	0c000002	registration request
		13	ip	-	0a000002	registration request
	END
	jq -r 'select(.type == "gre") | [.from, .to, (.key // "-"), (.esp // .ah // "-"), .packets, .ipv4, .ipv6, .nhrp, .other] | @tsv' \
		<<<"$output" >flows
	diff - flows <<-'END'
		203.0.113.11	203.0.113.254	42	-	3	2	0	1	0
		203.0.113.254	203.0.113.11	42	-	1	0	0	1	0
		203.0.113.11	203.0.113.254	-	-	1	0	1	0	0
		203.0.113.11	203.0.113.254	7	0b000002	2	1	0	1	0
		198.51.100.1	198.51.100.2	-	0c000002	1	0	0	1	0
		203.0.113.11	203.0.113.254	4294967295	-	1	0	0	0	1
	END
	jq -e 'select(.type == "summary") | .nhrp == 9 and .malformed == 3 and .gre == 6' <<<"$output"
	command -v tshark >/dev/null || skip "no tshark"
	while IFS= read -r line; do args+=(-o "$line"); done < <(sa-show --format wireshark tunnel.sa transport.sa)
	tshark -n -r x.pcap "${args[@]}" -Y nhrp -T fields -e frame.number -e nhrp.hdr.op.type 2>/dev/null |
		sed 's/\t3$/\tregistration request/; s/\t4$/\tregistration reply/' >theirs
	# The truncated one is NHRP for tshark, too.
	grep -v '^17	' theirs >known || :
	diff <(cut -f 1,5 ours) known
}

@test "ike-trace inside: with a wrong key nothing is shown, and a page has what the ladder has" {
	states
	capture x.pcap
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed other --local 192.0.2.1 --remote 192.0.2.2 --local-ts 0.0.0.0/0 \
		--remote-ts 0.0.0.0/0 --spi-in 0x0a000001 --spi-out 0x0a000002 --esp aes128-sha256 wrong.sa
	run -0 --separate-stderr ike-trace --sa wrong.sa x.pcap
	run ! grep -q 'NHRP\*' <<<"$output"
	run -0 --separate-stderr ike-trace --sa tunnel.sa --sa transport.sa --html x.html x.pcap
	grep -q 'NHRP\* registration request 1' x.html
	grep -q 'NHRP in IP in ESP 0a000002' x.html
	grep -q 'GRE key 7 in ESP 0b000002 begins, with NHRP' x.html
}

@test "ike-trace inside: flows of GRE have a limit, and the packets beyond it are read all the same" {
	/usr/bin/python3 - <<-'PY'
		import struct
		out = open("many.pcap", "wb")
		out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
		for n in range(3000):
		    gre = struct.pack(">HHI", 0x2000, 0x0800, n) + bytes(20)
		    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(gre), n, 0, 64, 47, 0, 0xc0000201, 0xc0000202)
		    out.write(struct.pack("<IIII", 1000 + n, 0, len(ip + gre), len(ip + gre)) + ip + gre)
	PY
	run -0 --separate-stderr ike-trace --json many.pcap
	[ "$(jq -s 'map(select(.type == "gre")) | length' <<<"$output")" = 1024 ]
	jq -e 'select(.type == "summary") | .gre == 3000' <<<"$output"
}
