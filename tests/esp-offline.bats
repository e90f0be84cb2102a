# esp-tun --decrypt and --encrypt: captures in place of a device, against scapy, tshark and the live data path.
# shards: 3

# shellcheck disable=SC2030,SC2031 # run sets lines
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab
load lib/wire

setup_file() {
	lab_setup_file
}

setup() {
	need esp-tun
	T=$BATS_TEST_TMPDIR
	umask 077
}

teardown() {
	lab_teardown
}

# state OPTION...: an SA between 192.0.2.1 and .2 in $T/l.sa and $T/r.sa.
state() {
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 "$@" \
		"$T/l.sa" "$T/r.sa"
}

# py: the Python of standard input, with scapy and the arguments.
py() {
	/usr/bin/python3 -c 'import sys
from packets import *
exec(sys.stdin.read())' "$@"
}

# clear: ten packets of the tunnel, both ways, of many lengths, in $T/clear.pcap.
clear() {
	py "$T/clear.pcap" <<-'PY'
		out = []
		for i, n in enumerate((0, 1, 2, 3, 15, 16, 17, 100, 1000, 1400)):
		    a, b = "10.1.0.1", "10.2.0.1"
		    if i % 3 == 2:
		        a, b = b, a
		    p = IP(src=a, dst=b, id=i + 1)/UDP(sport=1000 + i, dport=2000)/bytes(j % 256 for j in range(n))
		    p.time = 1700000000 + i / 8
		    out.append(p)
		wrpcap(sys.argv[1], out, linktype=101)
	PY
}

# packets FILE: time and bytes of each IP packet, one a line.
packets() {
	py "$1" <<-'PY'
		for p in rdpcap(sys.argv[1]):
		    print(f"{float(p.time):.6f}", bytes(p).hex())
	PY
}

# dump FILE [OPTION]: the same by tcpdump, which is quick, to be compared.
dump() { tcpdump -nn "${2:--tt}" -x -r "$1" 2>/dev/null; }

# there_and_back: an SA for each line of options on standard input, all in one state; what is sealed with one end's and
# opened with the other's is as it was. "@" stands for a number of the line's own, so that no two SAs have the same
# networks: 10.1.@.0/24 and 10.2.@.0/24, if the line has none.
there_and_back() {
	local n=0 line packets
	while read -r line; do
		n=$((n + 1))
		[[ $line == *--local-ts* ]] || line+=" --local-ts 10.1.@.0/24 --remote-ts 10.2.@.0/24"
		echo "$n: $line" >&2
		echo "child ${line//@/$n} $T/$n.l $T/$n.r"
	done >"$T/batch"
	"$SAPIPE_TOP/tests/lib/sa_make.py" batch <"$T/batch"
	n=$(wc -l <"$T/batch") packets=$((8 * $(wc -l <"$T/batch")))
	[ "$n" -gt 0 ]
	eval "cat $T/{1..$n}.l >$T/l.sa; cat $T/{1..$n}.r >$T/r.sa"
	"$SAPIPE_TOP/tests/lib/esp_all.py" packets "$T/l.sa" "$T/clear.pcap"
	run -0 --separate-stderr esp-tun --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	stderr_has "$packets packets encrypted, 0 not"
	stderr_has "do not send them"
	run -0 --separate-stderr esp-tun --decrypt "$T/esp.pcap" "$T/r.sa" -o "$T/back.pcap"
	stderr_has "$packets packets decrypted, 0 not"
	# each was ESP or AH of an SA of its own, or of two
	[ "$(grep -aoE '(ESP|AH) [0-9a-f]{8} number 1\>' "$T/back.pcap" | sort -u | wc -l)" = \
		$((2 * (n + $(grep -c -- --around "$T/batch" || :)))) ]
	diff <(dump "$T/clear.pcap") <(dump "$T/back.pcap")
}

ALGORITHMS=(aes128-sha1 aes192-sha256 aes256-sha512 aes128-sha384 aes128-sha256_96 aes128-md5 3des-sha1
	des-md5 null-sha256 aes128-aesxcbc aes128ctr-sha256 aes256ctr-sha1 aes128gcm16 aes256gcm16 aes128gcm12
	aes128gcm8 chacha20poly1305 aes128-sha256-esn aes256gcm16-esn aes128-aesxcbc-esn)
AH_ALGORITHMS=(md5 sha1 sha256 sha256_96 sha384 sha512 aesxcbc sha256-esn aesxcbc-esn)

@test "offline: every algorithm there and back" {
	printf -- '--esp %s\n' "${ALGORITHMS[@]}" | there_and_back
}

@test "offline: a sender that truncates sha256 to 96 bits is named, here and by ike-trace" {
	need ike-trace
	clear
	state --seed 3 --esp aes128-sha256_96
	esp-tun -q --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	state --seed 3 --esp aes128-sha256
	run -1 --separate-stderr esp-tun --decrypt "$T/esp.pcap" "$T/r.sa" -o "$T/back.pcap"
	stderr_has "0 packets decrypted, 10 not"
	stderr_has "10 of them have a valid ICV of 96 bits, not 128: the sender truncates sha256 to 96 bits: use sha256_96"
	run -0 ike-trace --sa "$T/r.sa" "$T/esp.pcap"
	[ "$(grep -c "ICV of 96 bits, not 128" <<<"$output")" = 2 ]
	ike-trace --json --sa "$T/l.sa" "$T/esp.pcap" | jq -se '[.[] | select(.type == "esp") | ."icv-96"] == [true, true]'
	# With other keys, or an ICV of 128 bits, it is not mentioned.
	esp-tun -q --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	run -0 ike-trace --sa "$T/r.sa" "$T/esp.pcap"
	[[ $output != *"96 bits"* ]]
	state --seed 4 --esp aes128-sha256
	run -1 --separate-stderr esp-tun --decrypt "$T/esp.pcap" "$T/r.sa" -o "$T/back.pcap"
	[[ $stderr != *"96 bits"* ]]
}

@test "offline: every encapsulation, IPv4 and IPv6 inside and outside, transport mode" {
	there_and_back <<-'STATES'
		--encap udp
		--encap udp --local 192.0.2.1:7000 --remote 192.0.2.2:7001
		--encap udp-draft --local 192.0.2.1:500 --remote 192.0.2.2:500
		--local 2001:db8:f::1 --remote 2001:db8:f::2
		--local-ts 2001:db8:1:@::/64 --remote-ts 2001:db8:2:@::/64
		--local-ts 2001:db8:1:@::/64 --remote-ts 2001:db8:2:@::/64 --local 2001:db8:f::1 --remote 2001:db8:f::2 --encap udp
	STATES
	# two are in UDP of port 4500
	[ "$(tshark -r "$T/esp.pcap" -Y 'udp.port == 4500 && esp' 2>/dev/null | wc -l)" = 16 ]
	clear
	state --mode transport --local 10.1.0.1 --remote 10.2.0.1
	esp-tun -q --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	esp-tun -q --decrypt "$T/esp.pcap" "$T/r.sa" -o "$T/back.pcap"
	# the header that carries it is a new one: what it carries is the same
	diff <(tshark -r "$T/clear.pcap" -T fields -e ip.src -e ip.dst -e udp.srcport -e data.data 2>/dev/null) \
		<(tshark -r "$T/back.pcap" -T fields -e ip.src -e ip.dst -e udp.srcport -e data.data 2>/dev/null)
	[ -z "$(tshark -o ip.check_checksum:TRUE -r "$T/back.pcap" -Y 'ip.checksum.status != 1' 2>/dev/null)" ]
}

@test "offline: AH, every algorithm, tunnel and transport, IPv4 and IPv6: there and back" {
	local a nets="--local-ts 2001:db8:1:@::/64 --remote-ts 2001:db8:2:@::/64"
	for a in "${AH_ALGORITHMS[@]}"; do
		echo "--ah $a"
		echo "--ah $a --local 2001:db8:f::1 --remote 2001:db8:f::2"
		# In transport mode the packet's own header stays: nothing at all is changed.
		echo "--ah $a --mode transport --local 10.1.@.1 --remote 10.2.@.1"
		echo "--ah $a $nets"
		echo "--ah $a $nets --mode transport --local 2001:db8:1:@::1 --remote 2001:db8:2:@::1"
		echo "--ah $a $nets --local 2001:db8:f::1 --remote 2001:db8:f::2"
	done | there_and_back
	[ "$(tshark -r "$T/esp.pcap" -Y 'ah && udp' 2>/dev/null | wc -l)" = "$(tcpdump -r "$T/clear.pcap" udp 2>/dev/null | wc -l)" ]
	[ -z "$(tshark -o ip.check_checksum:TRUE -r "$T/esp.pcap" -Y 'ip && ip.checksum.status != 1' 2>/dev/null)" ]
}

@test "offline: AH: changed mutable fields are accepted, other changes are bad-icv, duplicates are replays" {
	clear
	state --ah sha1
	esp-tun -q --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	py "$T" <<-'PY'
		T = sys.argv[1]
		p = [bytes(x) for x in rdpcap(T + "/esp.pcap")]
		def but(i, *at):
		    b = bytearray(p[i])
		    for a in at:
		        b[a] ^= 0x5a
		    return IP(bytes(b))
		# DSCP, time to live and checksum may change; ID, an address, AH and what follows it may not.
		out = [but(0, 1, 8, 10), but(1, 5), but(1, 15), but(1, 21 + 1), but(1, 60), but(1, 36), IP(p[1]), IP(p[1])]
		wrpcap(T + "/bad.pcap", out, linktype=101)
	PY
	run -1 --separate-stderr esp-tun --decrypt "$T/bad.pcap" "$T/r.sa" -o "$T/back.pcap"
	stderr_has "2 packets decrypted, 6 not: 1 replays, 5 bad-icv; 0 other frames"
	[[ $stderr =~ "frame 2: AH "[0-9a-f]{8}" number 2: bad-icv" ]]
	state --ah sha1 --encap udp
	run -1 --separate-stderr esp-tun --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/x.pcap"
	stderr_has "AH is not put into UDP"
}

@test "offline: bundles of ESP and AH, tunnel and transport, IPv4 and IPv6: there and back, as scapy and tshark read them" {
	local v6="--local-ts 2001:db8:1:@::/64 --remote-ts 2001:db8:2:@::/64"
	there_and_back <<-STATES
		--esp aes128-sha1 --around sha256
		--esp aes128gcm16 --around md5
		--esp 3des-md5 --around sha512 $v6
		--esp aes256-sha256-esn --around aesxcbc --local 2001:db8:f::1 --remote 2001:db8:f::2
		--esp null-sha256 --around sha1 --local 2001:db8:f::1 --remote 2001:db8:f::2 $v6
	STATES
	[ "$(tshark -r "$T/esp.pcap" -Y 'ah.next_header == 50 && esp' 2>/dev/null | wc -l)" = 40 ]
	[ -z "$(tshark -o ip.check_checksum:TRUE -r "$T/esp.pcap" -Y 'ip && ip.checksum.status != 1' 2>/dev/null)" ]
	"$SAPIPE_TOP/tests/lib/sa_make.py" batch <<-STATES
		child --esp aes128-sha1 --around sha256 --mode tunnel $T/t.l $T/t.r
		child --esp aes256-sha256 --around sha1 --mode transport --local 10.3.0.1 --remote 10.4.0.1 --local-ts 10.3.0.1/32 --remote-ts 10.4.0.1/32 $T/m.l $T/m.r
		child --esp aes128gcm16 --around sha512 --local-ts 2001:db8:1::/64 --remote-ts 2001:db8:2::/64 --local 2001:db8:f::1 --remote 2001:db8:f::2 $T/6.l $T/6.r
	STATES
	cat "$T"/{t,m,6}.l >"$T/l.sa"
	cat "$T"/{t,m,6}.r >"$T/r.sa"
	"$SAPIPE_TOP/tests/lib/esp_all.py" packets "$T/l.sa" "$T/clear.pcap"
	esp-tun -q --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	py "$T" <<-'PY'
		T = sys.argv[1]
		wires = {"l": [], "r": []}
		for p in rdpcap(T + "/esp.pcap"):
		    p = (IP if bytes(p)[0] >> 4 == 4 else IPv6)(bytes(p))
		    wires["l" if p.dst in ("192.0.2.1", "10.3.0.1", "2001:db8:f::1") else "r"].append(p)
		for side, packets in wires.items():
		    wrpcap(f"{T}/{side}.pcap", packets, linktype=101)
	PY
	"$SAPIPE_TOP/tests/lib/wire_judge.py" "$T/l.sa" "$T/l.pcap" "$T/r.sa" "$T/r.pcap" -- >"$T/judged"
	cat "$T/judged"
	[ "$(grep -oE "[0-9]+[,}]" "$T/judged" | awk '{ n += $1 } END { print n }')" = 24 ]
	# tshark decrypts the ESP in it with the keys that sa-show gives it.
	sa-show --format wireshark "$T/l.sa" 2>/dev/null | sed 's/^/-o\n/' >"$T/keys"
	mapfile -t keys <"$T/keys"
	[ "$(tshark "${keys[@]}" -r "$T/esp.pcap" -Y 'ah && esp && udp' 2>/dev/null | wc -l)" = \
		"$(tcpdump -nr "$T/clear.pcap" udp 2>/dev/null | wc -l)" ]
}

@test "offline: half a bundle is not decrypted, and half of its state encrypts nothing" {
	clear
	state --esp aes128-sha1 --around sha256
	esp-tun -q --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	# A record of each, the ESP first.
	py "$T" <<-'PY'
		import cbor2
		T = sys.argv[1]
		for side in "lr":
		    with open(f"{T}/{side}.sa", "rb") as f:
		        ah, esp = cbor2.load(f), cbor2.load(f)
		    for name, records in {"esp": [esp], "ah": [ah], "turned": [esp, ah]}.items():
		        with open(f"{T}/{side}.{name}", "wb") as f:
		            f.write(b"".join(cbor2.dumps(r, canonical=True) for r in records))
		p = [bytes(x) for x in rdpcap(T + "/esp.pcap")]
		bare = IP(p[0])
		bad_ah, bad_esp = bytearray(p[1]), bytearray(p[2])
		bad_ah[40] ^= 1
		out = [IP(src=bare.src, dst=bare.dst, proto=50)/p[0][48:], IP(bytes(bad_ah)), IP(p[3]), IP(p[3])]
		wrpcap(T + "/bad.pcap", out, linktype=101)
	PY
	run -1 --separate-stderr esp-tun --decrypt "$T/bad.pcap" "$T/r.sa" -o "$T/back.pcap"
	stderr_has "1 packets decrypted, 3 not: 1 replays, 1 bad-icv, 1 half-bundles; 0 other frames"
	grep -aqE 'frame 3: ESP [0-9a-f]{8} number 3 in AH [0-9a-f]{8} number 3' "$T/back.pcap"
	for half in esp ah; do
		run -1 --separate-stderr esp-tun --decrypt "$T/esp.pcap" "$T/r.$half" -o "$T/back.pcap"
		stderr_has "0 packets decrypted, 10 not: 10 "
		run -1 --separate-stderr esp-tun --encrypt "$T/clear.pcap" "$T/l.$half" -o "$T/x.pcap"
		stderr_has "0 packets encrypted, 10 not: 10 "
	done
	run -0 --separate-stderr esp-tun --decrypt "$T/esp.pcap" "$T/r.turned" -o "$T/back.pcap"
	stderr_has "10 packets decrypted, 0 not"
	# Of both ends' state each SA counts once.
	cat "$T/l.sa" "$T/r.turned" >"$T/both.sa"
	run -0 --separate-stderr esp-tun --decrypt "$T/esp.pcap" "$T/both.sa" -o "$T/back.pcap"
	stderr_has "10 packets decrypted, 0 not"
}

# ah_kinds: each kind of SA that scapy's AH does, one a line: family, algorithm, mode.
ah_kinds() {
	local v a mode
	for v in 4 6; do
		for a in md5 sha1 sha256 sha384 sha512; do
			for mode in tunnel transport; do echo $v $a $mode; done
		done
	done
}

# ah_py: the Python of standard input for each kind: v, mode, cls, r (the record), a, b (addresses), sa (scapy's SA) and at(FILE).
ah_py() {
	ah_kinds >"$T/kinds"
	py "$T" "$(cat)" <<-'PY'
		import cbor2
		T, body = sys.argv[1:]
		auth = {"sha1": "HMAC-SHA1-96", "sha256": "SHA2-256-128", "sha384": "SHA2-384-192",
		    "sha512": "SHA2-512-256", "md5": "HMAC-MD5-96"}
		for line in open(T + "/kinds"):
		    v, alg, mode = line.split()
		    at = lambda name: f"{T}/{v}{alg}{mode}.{name}"
		    cls = IP if v == "4" else IPv6
		    r = cbor2.load(open(at("l"), "rb"))
		    a, b = r["local"]["address"], r["remote"]["address"]
		    sa = SecurityAssociation(AH, spi=r["spi-out"], auth_algo=auth[alg], auth_key=r["keys"]["auth-out"],
		        **({"tunnel_header": cls(src=a, dst=b)} if mode == "tunnel" else {}))
		    exec(body)
	PY
}

@test "offline: scapy's AH and ours agree, tunnel and transport, IPv4 with options and IPv6 with headers of them" {
	local v a mode f net
	while read -r v a mode; do
		net="--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 --local 10.1.0.1 --remote 10.2.0.1"
		[ "$v" = 4 ] || net="--local-ts 2001:db8:1::/64 --remote-ts 2001:db8:2::/64 --local 2001:db8:1::1 --remote 2001:db8:2::1"
		echo "child --ah $a --mode $mode $net $T/$v$a$mode.l $T/$v$a$mode.r"
	done < <(ah_kinds) | "$SAPIPE_TOP/tests/lib/sa_make.py" batch
	ah_py <<-'PY'
		clear = []
		for i in range(6):
		    if v == "4":
		        opts = [[], [IPOption_Router_Alert()], [IPOption_RR(length=7, routers=["0.0.0.0"])]][i % 3]
		        h = IP(src=a, dst=b, id=i + 1, ttl=9, tos=4, options=opts)
		    else:
		        h = IPv6(src=a, dst=b, hlim=9, tc=4, fl=77)
		        if i % 2:
		            h = h/IPv6ExtHdrHopByHop(options=[RouterAlert(), HBHOptUnknown(otype=0x3e, optdata=b"abcd")])
		    clear.append(cls(bytes(h/UDP(sport=1000 + i, dport=2000)/bytes(range(i * 7)))))
		wrpcap(at("clear"), clear, linktype=101)
		wrpcap(at("scapy"), [sa.encrypt(cls(bytes(p))) for p in clear], linktype=101)
	PY
	while read -r v a mode; do
		echo "$v $a $mode"
		f=$T/$v$a$mode
		esp-tun -q --encrypt "$f.clear" "$f.l" -o "$f.ah"
		run -0 --separate-stderr esp-tun --decrypt "$f.scapy" "$f.r" -o "$f.back"
		stderr_has "6 packets decrypted, 0 not"
		diff <(dump "$f.clear" -t) <(dump "$f.back" -t)
	done < <(ah_kinds)
	ah_py <<-'PY'
		for p, want in zip(rdpcap(at("ah")), rdpcap(at("clear")), strict=True):
		    got = sa.decrypt(cls(bytes(p)))
		    assert bytes(got) == bytes(want), (line, p.summary(), bytes(got).hex(), bytes(want).hex())
	PY
}

@test "offline: the comments name frame, SPI and number" {
	clear
	state
	esp-tun -q --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	esp-tun -q --decrypt "$T/esp.pcap" "$T/r.sa" -o - >"$T/back.pcap"
	[[ $(tshark -r "$T/back.pcap" -T fields -e frame.comment 2>/dev/null | tail -n 1) =~ ^"frame 10: ESP "[0-9a-f]{8}" number 7"$ ]]
}

@test "offline: failed packets are reported with the reason, and the exit status is 1" {
	clear
	state --esp aes128-sha256
	esp-tun -q --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
	py "$T" <<-'PY'
		T = sys.argv[1]
		p = [bytes(x) for x in rdpcap(T + "/esp.pcap")]
		bad = bytearray(p[1]); bad[-1] ^= 1
		alien = bytearray(p[2]); alien[20:24] = b"\0\0\1\0"
		short = IP(src="192.0.2.1", dst="192.0.2.2", proto=50)/p[3][20:40]
		ah = IP(src="192.0.2.1", dst="192.0.2.2")/AH(payloadlen=4, spi=7, seq=1, icv=b"x" * 12)
		out = [IP(p[0]), IP(bytes(bad)), IP(bytes(alien)), IP(p[0]), IP(bytes(short)), ah, IP(p[3])]
		wrpcap(T + "/bad.pcap", out, linktype=101)
	PY
	run -1 --separate-stderr esp-tun --decrypt "$T/bad.pcap" "$T/r.sa" -o "$T/back.pcap"
	stderr_has "2 packets decrypted, 5 not: 1 malformed, 2 unknown-spi, 1 replays, 1 bad-icv; 0 other frames"
	stderr_has "frame 6: AH 00000007 number 1: unknown-spi"
	[[ $stderr =~ "frame 2: ESP "[0-9a-f]{8}" number 2: bad-icv" ]]
	stderr_has "frame 3: ESP 00000100 number"
	[[ $stderr =~ "frame 4: ESP "[0-9a-f]{8}" number 1: replays" ]]
	[ "$(packets "$T/back.pcap" | wc -l)" = 2 ]
	run -1 --separate-stderr esp-tun --replay-window off --decrypt "$T/bad.pcap" "$T/r.sa" -o "$T/back.pcap"
	stderr_has "3 packets decrypted"
	# the keys of another SA
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed other "$T/o.sa" none
	run -1 --separate-stderr esp-tun --decrypt "$T/esp.pcap" "$T/o.sa" -o "$T/back.pcap"
	stderr_has "0 packets decrypted, 10 not: 10 unknown-spi"
	# packets that no selector fits
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --local-ts 10.9.0.0/24 --remote-ts 10.8.0.0/24 "$T/o.sa" none
	run -1 --separate-stderr esp-tun --encrypt "$T/clear.pcap" "$T/o.sa" -o "$T/x.pcap"
	stderr_has "10 no-sa"
}

@test "offline: usage, and files that are none" {
	clear
	state
	run -2 --separate-stderr esp-tun --decrypt "$T/clear.pcap" "$T/l.sa"
	one_error
	run -2 --separate-stderr esp-tun --decrypt "$T/clear.pcap" --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/x"
	run -2 --separate-stderr esp-tun "$T/l.sa" -o "$T/x"
	stderr_has "-o is for"
	run -4 --separate-stderr esp-tun --decrypt "$T/l.sa" "$T/l.sa" -o "$T/x"
	stderr_has "is no capture"
	run -2 --separate-stderr esp-tun --decrypt "$T/none" "$T/l.sa" -o "$T/x"
	run -4 --separate-stderr esp-tun --decrypt "$T/clear.pcap" "$T/clear.pcap" -o "$T/x"
	run -1 --separate-stderr esp-tun --decrypt "$T/clear.pcap" "$T/l.sa" -o "$T/x"
	stderr_has "0 packets decrypted, 0 not; 10 other frames"
	head -c -5 "$T/clear.pcap" >"$T/cut.pcap"
	run -4 --separate-stderr esp-tun --encrypt "$T/cut.pcap" "$T/l.sa" -o "$T/x"
	stderr_has "9 packets encrypted"
}

@test "offline: --decrypt of what the live data path sent gives the packets of the device" {
	need ike-initiate
	lab_up ikev1-gcm-ecp256
	record live
	lab_start tunnel left \
		"ike-initiate --keep $(lab_policy ikev1-gcm-ecp256) $RIGHT_IP | tee $T/live.sa | $(ESP_TUN)"
	eventually 10 lab_answers left "$RIGHT_INNER"
	background dump-tun ip netns exec "$NS_LEFT" tcpdump -Z root -i vpn0 -U --immediate-mode -w "$T/tun.pcap" icmp
	eventually 10 grep -q listening "$T/dump-tun.err"
	in_left ping -q -c 5 -i 0.1 -s 300 "$RIGHT_INNER"
	eventually 10 eval '[ "$(tcpdump -r "$T/tun.pcap" 2>/dev/null | wc -l)" -ge 10 ]'
	kill "${BG[dump-tun]}"
	ended dump-tun || :
	lab_stop tunnel
	recorded live 10
	run -0 --separate-stderr esp-tun --decrypt "$T/live.pcap" "$T/live.sa" -o "$T/back.pcap"
	tshark -r "$T/tun.pcap" -Y icmp -T fields -e ip.src -e ip.id -e ip.ttl -e icmp.seq -e data.data 2>/dev/null | sort >"$T/want"
	[ "$(wc -l <"$T/want")" = 10 ]
	tshark -r "$T/back.pcap" -Y 'icmp && frame.len == 328' -T fields -e ip.src -e ip.id -e ip.ttl -e icmp.seq -e data.data 2>/dev/null | sort >"$T/got"
	diff "$T/want" "$T/got"
}

@test "offline: each backend decrypts what the other encrypts, and -v names them" {
	local esp other=''
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed backends "$T/l.sa" "$T/r.sa"
	esp-tun -v --decrypt "$T/none" "$T/r.sa" -o "$T/out" 2>"$T/err" || :
	grep -q '^esp-tun: bulk crypto by \(ipsec-mb [0-9.]*\|libcrypto 3\.\)' "$T/err" || { cat "$T/err"; return 1; }
	grep -q 'libcrypto' "$T/err"
	! grep -q 'by ipsec-mb' "$T/err" || other=ipsec-mb
	clear
	for esp in aes128gcm16 aes256-sha256 null-sha1 chacha20poly1305; do
		"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed backends --esp $esp --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 \
			"$T/l.sa" "$T/r.sa"
		esp-tun -q --backend libcrypto --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
		run -0 --separate-stderr esp-tun --backend ${other:-auto} --decrypt "$T/esp.pcap" "$T/r.sa" -o "$T/back.pcap"
		[[ $stderr = *"10 packets decrypted, 0 not"* ]] || { echo "$esp: $stderr"; return 1; }
		esp-tun -q --backend ${other:-auto} --encrypt "$T/clear.pcap" "$T/l.sa" -o "$T/esp.pcap"
		run -0 --separate-stderr esp-tun --backend libcrypto --decrypt "$T/esp.pcap" "$T/r.sa" -o "$T/back.pcap"
		[[ $stderr = *"10 packets decrypted, 0 not"* ]] || { echo "$esp: $stderr"; return 1; }
	done
}

@test "offline: what a library of the crypto makes of the packets, it makes within their memory and that of the keys" {
	[[ $SAPIPE_BUILD != *san* ]] || skip "valgrind and sanitizers exclude each other"
	clear
	# Each run also tests all suites at its start.
	for esp in chacha20poly1305 aes256-sha256; do
		state --esp $esp
		for way in "--encrypt $T/clear.pcap $T/l.sa -o $T/esp.pcap" "--decrypt $T/esp.pcap $T/r.sa -o $T/back.pcap"; do
			# shellcheck disable=SC2086 # words
			valgrind -q --error-exitcode=99 --log-file="$T/vg" esp-tun -q $way || { echo "$esp: $?"; cat "$T/vg"; return 1; }
		done
	done
}
