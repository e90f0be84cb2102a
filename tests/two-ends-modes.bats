#!/usr/bin/env bats
# Transport mode and AH between our own two ends, negotiated, without and with a NAT; scapy checks the packets on the wire.
# shards: 3
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() {
	have_python scapy || skip "no python3-scapy (make deps)"
}
teardown() { two_teardown; }

# watched left|right: records what comes to that end from outside, in $T/SIDE.pcap.
watched() {
	local ns=$L
	[ "$1" = left ] || ns=$R
	# Datagrams that UDP_SEGMENT joined are cut before they get to a device, not after.
	ip -n "$L" link set eth0 gso_max_segs 1
	ip -n "$R" link set eth0 gso_max_segs 1
	background "$1.sniff" ip netns exec "$ns" "$SAPIPE_TOP/tests/lib/sniff.py" eth0 "$T/$1.pcap" 900
	eventually 15 grep -q listening "$T/$1.sniff.out"
}

# judged KIND...: scapy's judgement on all that came to both ends under the records of all_SIDE.sa.
judged() {
	stop_background
	/usr/bin/python3 "$SAPIPE_TOP/tests/lib/wire_judge.py" all_left.sa left.pcap all_right.sa right.pcap -- "$@"
}

# udp_across ADDRESS [BYTES]: a datagram there and its echo.
udp_across() {
	local kind=4 addr=$1 size=${2:-100}
	case $1 in *:*) kind=6 addr="[$1]" ;; esac
	background "echo$1" ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/echo_udp.py" "$1" 1701
	eventually 10 grep -q listening "$T/echo$1.out"
	eventually 5 echoed "$kind" "$addr" "$size"
}
echoed() {
	head -c "$3" /dev/zero | tr '\0' x | timeout 5 ip netns exec "$L" socat -t 1 - "UDP$1:$2:1701" >"$T/echoed" 2>/dev/null
	[ "$(wc -c <"$T/echoed")" -gt "$3" ]
}

# two_up: the data path is up at both ends. The addresses of transport mode are reachable without it, too.
two_up() {
	eventually 10 grep -q 'vpn0 is up' left.log && eventually 10 grep -q 'vpn0 is up' right.log || { logs; return 1; }
}

# modes THERE OPTION...: negotiates, then ping, TCP and UDP.
modes() {
	local there=$1
	shift
	echo "# $there $*"
	rm -rf left.sa right.sa ./*.state
	answer "$@" "${STEN[@]}"
	begin "$@" "${NETS[@]}"
	two_up
	eventually 10 one_ping "$there" && tcp_across "$there" 30000 && udp_across "$there" || { logs; return 1; }
	two_stop left
	two_stop right
	cat left.sa >>all_left.sa
	cat right.sa >>all_right.sa
}

@test "two ends modes: ESP and AH, tunnel and transport, IPv4" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024)
	NETS=() STEN=()
	watched left
	watched right
	modes 203.0.113.2 --esp aes128-sha256 --mode transport
	modes 203.0.113.2 --ah sha256 --mode transport
	modes 203.0.113.2 --esp aes128gcm16 --mode transport --natt force
	NETS=("${NETS4[@]}") STEN=("${STEN4[@]}")
	modes 10.2.0.1 --ah sha1
	judged icmp tcp udp
}

@test "two ends modes: ESP and AH, tunnel and transport, IPv6" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024)
	PEER='2001:db8:ff::2'
	NETS=() STEN=()
	watched left
	watched right
	modes 2001:db8:ff::2 --esp aes128-sha256 --mode transport
	modes 2001:db8:ff::2 --ah sha256 --mode transport
	modes 2001:db8:ff::2 --esp aes128gcm16 --mode transport --natt force
	NETS=("${NETS6[@]}") STEN=("${STEN6[@]}")
	modes 2001:db8:2::1 --ah sha1
	judged icmp tcp udp
}

@test "two ends modes: NAT-OA, transport mode through a NAT: the checksums of TCP and UDP are corrected" {
	two_setup nat
	FAST=(--ike aes128-sha256-modp1024 --mode transport --esp aes128-sha256)
	NETS=() STEN=()
	watched left
	watched right
	modes 203.0.113.2
	# Each end knows both addresses as the other has them.
	sa-show left.sa | grep -q 'nat-oa  *local 203.0.113.1, remote 203.0.113.2'
	sa-show right.sa | grep -q 'nat-oa  *local 203.0.113.2, remote 192.0.2.10'
	modes 203.0.113.2 --natt-versions draft-02
	sa-show right.sa | grep -q 'nat-oa  *local 203.0.113.2, remote 192.0.2.10'
	modes 203.0.113.2 --natt-versions draft-00
	judged icmp tcp udp
}

@test "two ends modes: a bundle of ESP and AH, both verified on the wire, IPv4 and IPv6" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024)
	NETS=("${NETS4[@]}") STEN=("${STEN4[@]}")
	watched left
	watched right
	modes 10.2.0.1 --esp aes128-sha1-modp1024 --ah sha256
	sa-show left.sa | grep -q 'bundle  *with ESP'
	# Each SA has KEYMAT of its own protocol and SPI; both ends have the same.
	NETS=() STEN=()
	PEER='2001:db8:ff::2'
	modes 2001:db8:ff::2 --esp aes128gcm16 --ah sha1 --mode transport
	judged icmp tcp udp
}

# dropped COUNTER: what the esp-tun of the right end has counted under that name.
dropped() {
	pkill -USR1 -x esp-tun -g "${GROUP[right]}"
	nap 0.1
	grep "^esp-tun: in:" right.log | tail -n 1 | sed -n "s/.* $1 \([0-9]*\).*/\1/p"
}
has_dropped() { [ "$(dropped "$1")" = "$2" ]; }

@test "two ends modes: ESP of a bundle without its AH is dropped and counted, AH without its ESP too" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024 --esp aes128-sha1 --ah sha256)
	watched right
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	two_up
	eventually 10 one_ping 10.2.0.1
	# 1500 - 20 IP - 28 AH - 36 SPI, number, IV and ICV of ESP, in whole blocks with 2 bytes of trailer
	right ip link show vpn0 | grep -q "mtu 1406"
	left "$SAPIPE_TOP/tests/lib/halves.py" right.sa right.pcap 203.0.113.2
	eventually 10 has_dropped half-bundles 2 || { dropped half-bundles; tail -n 5 right.log; return 1; }
}

@test "two ends modes: a responder that wants one protocol refuses a bundle, and one that wants a bundle a single one" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024)
	answer "${STEN4[@]}" --esp aes128-sha1
	run -1 --separate-stderr left ike-initiate --look --psk-file gw.psk --local-id left.example --remote-id right.example \
		"${FAST[@]}" "${NETS4[@]}" --esp aes128-sha1 --ah sha256 -o x.sa "$PEER"
	stderr_has NO-PROPOSAL-CHOSEN
	eventually 5 grep -q "it is a bundle of several protocols, and a single one is configured" right.ike || { cat right.ike; return 1; }
	two_stop right
	answer "${STEN4[@]}" --esp aes128-sha1 --ah sha256
	run -1 --separate-stderr left ike-initiate --look --psk-file gw.psk --local-id left.example --remote-id right.example \
		"${FAST[@]}" "${NETS4[@]}" --esp aes128-sha1 -o x.sa "$PEER"
	stderr_has NO-PROPOSAL-CHOSEN
	eventually 5 grep -q "the peer offers no bundle of ESP and AH, which is configured" right.ike || { cat right.ike; return 1; }
	run -2 --separate-stderr ike-initiate --psk-file gw.psk --esp aes128-sha1 --ah sha256-modp2048 "$PEER"
	stderr_has "the group for PFS of a bundle belongs to --esp"
}

# small THERE OPTION...: packets of 1400 bytes cross in fragments, TCP too.
small() {
	local there=$1
	shift
	echo "# small $there $*"
	rm -rf left.sa right.sa ./*.state
	answer "$@" "${STEN[@]}"
	begin "$@" "${NETS[@]}"
	two_up
	eventually 10 large_ping "$there" && tcp_across "$there" 30000 && udp_across "$there" 1400 || { logs; return 1; }
	two_stop left
	two_stop right
	cat left.sa >>all_left.sa
	cat right.sa >>all_right.sa
}
large_ping() { left ping -q -c 1 -W 1 -M dont -s 1400 "$1" >/dev/null 2>&1; }

@test "two ends modes: a link of 576 bytes, and of 1280 with IPv6: ESP, AH and bundles cross in fragments" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024)
	NETS=("${NETS4[@]}") STEN=("${STEN4[@]}")
	ip -n "$L" link set eth0 mtu 576
	ip -n "$R" link set eth0 mtu 576
	watched left
	watched right
	small 10.2.0.1 --esp aes128-sha256 --natt force
	small 10.2.0.1 --esp aes128-sha256 --ah sha256
	NETS=() STEN=()
	small 203.0.113.2 --esp aes128-sha256 --mode transport
	# The kernel had taken the IPv6 addresses away.
	for side in 1 2; do
		ns=$L
		[ $side = 1 ] || ns=$R
		ip -n "$ns" link set eth0 mtu 1280
		ip -n "$ns" addr replace 2001:db8:ff::$side/64 dev eth0 nodad
	done
	PEER='2001:db8:ff::2'
	NETS=("${NETS6[@]}") STEN=("${STEN6[@]}")
	small 2001:db8:2::1 --esp aes128-sha256 --ah sha256
	NETS=() STEN=()
	small 2001:db8:ff::2 --esp aes128-sha256 --mode transport
	judged icmp tcp udp
}

@test "two ends modes: selectors with protocol and port hold in both directions: UDP 1701, and GRE" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024 --esp aes128-sha256 --mode transport)
	watched right
	# The responder accepts what is inside of its own selectors, and names both sides' if it is not.
	answer --local-ts '203.0.113.2[udp]' --local-ts '203.0.113.2[gre]' --remote-ts '203.0.113.1[udp]' --remote-ts '203.0.113.1[gre]'
	run -1 --separate-stderr left ike-initiate --look --psk-file gw.psk --local-id left.example --remote-id right.example \
		"${FAST[@]}" --local-ts '203.0.113.1[tcp/80]' --remote-ts '203.0.113.2[udp/1701]' -o x.sa "$PEER"
	stderr_has INVALID-ID-INFORMATION
	eventually 5 grep -q "asks for 203.0.113.2/32 proto 17 port 1701 here and 203.0.113.1/32 proto 6 port 80 there, configured are 203.0.113.2/32 proto 17, 203.0.113.2/32 proto 47 and" right.ike || { cat right.ike; return 1; }
	begin --local-ts '203.0.113.1[gre]' --remote-ts '203.0.113.2[gre]'
	two_up
	for side in left right; do "$side" ip rule | grep -q "ipproto gre"; done
	left /usr/bin/python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
s.bind(("203.0.113.1", 0))
s.sendto(bytes(4) + b"gre", ("203.0.113.2", 0))'
	eventually 10 has_dropped packets 1 || { logs; return 1; }
	two_stop left
	begin --local-ts '203.0.113.1[udp/1701]' --remote-ts '203.0.113.2[udp/1701]'
	eventually 10 grep -q 'vpn0 is up' left.log
	background echo ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/echo_udp.py" 203.0.113.2 1701
	eventually 10 grep -q listening "$T/echo.out"
	eventually 10 said_1701 || { logs; return 1; }
	cp right.pcap before.pcap
	/usr/bin/python3 "$SAPIPE_TOP/tests/lib/wire_judge.py" right.sa before.pcap -- >judged || { cat judged; return 1; }
	grep -q "'gre': 1" judged
	grep -q "'udp': " judged
	# Inbound: UDP 1701 alone comes out of the SA.
	left "$SAPIPE_TOP/tests/lib/inside.py" right.sa 203.0.113.2 1000 1702 1701 53
	eventually 10 has_dropped policy-drops 2 || { dropped policy-drops; tail -n 5 right.log; return 1; }
	eventually 5 grep -q inside "$T/echo.out"
}
said_1701() {
	[ "$(left /usr/bin/python3 "$SAPIPE_TOP/tests/lib/ask_udp.py" 203.0.113.2 1701 1701 hello)" = "203.0.113.1 1701 hello" ]
}
