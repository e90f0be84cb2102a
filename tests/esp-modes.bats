# esp-tun with AH and with transport mode between two namespaces, from hand-made SA state: real traffic both ways, and
# scapy checks every packet on the wire.
# shards: 3

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

setup() {
	tun_setup
	have_python scapy || skip "no python3-scapy (make deps)"
}
teardown() { tun_teardown; }

# watched left|right: records what comes to that end from outside, in $T/SIDE.pcap.
watched() {
	local ns=$L
	[ "$1" = left ] || ns=$R
	tun_whole
	background "$1.sniff" ip netns exec "$ns" "$SAPIPE_TOP/tests/lib/sniff.py" eth0 "$T/$1.pcap" 120
	eventually 15 grep -q listening "$T/$1.sniff.out"
}

# Where ping and TCP go, and come from, with MODE and FAMILY.
there() {
	case $1$2 in
	tunnel4) echo 10.2.0.1 ;;
	tunnel6) echo 2001:db8:2::1 ;;
	transport4) echo 203.0.113.2 ;;
	transport6) echo 2001:db8:ff::2 ;;
	esac
}
here() { there "$@" | sed 's/^10\.2/10.1/; s/db8:2/db8:1/; s/113\.2/113.1/; s/ff::2/ff::1/'; }

# on_the_wire: scapy's judgement on what came to either side in each of the modes so far.
WIRES=()
on_the_wire() {
	[ ${#WIRES[@]} -gt 0 ]
	/usr/bin/python3 "$SAPIPE_TOP/tests/lib/esp_wire.py" "${WIRES[@]}"
}

# modes MODE FAMILY ENCAP OPTION...: ping and TCP in both directions, checked on the wire.
modes() {
	local mode=$1 v=$2 encap=$3 port=500 a=203.0.113.1 b=203.0.113.2 here there lts rts side
	shift 3
	echo "# $mode IPv$v $encap $*"
	here=$(here "$mode" "$v") there=$(there "$mode" "$v")
	[ "$encap" = none ] || port=4500
	[ "$v" = 4 ] || a='[2001:db8:ff::1]' b='[2001:db8:ff::2]'
	lts=$here/32 rts=$there/32
	[ "$v" = 4 ] || lts=$here/128 rts=$there/128
	sa_make child --mode "$mode" --encap "$encap" --local "$a:$port" --remote "$b:$port" --local-ts "$lts" \
		--remote-ts "$rts" "$@" "$T/left.sa" "$T/right.sa"
	rm -rf "$T/left.state" "$T/right.state"
	watched left
	watched right
	tun_both
	ping_across "$there"
	tcp_across "$there" 30000
	tcp_across "$here" 30000 back
	[ "$(counter left in bad-icv)" = 0 ]
	[ "$(counter right in bad-icv)" = 0 ]
	[ "$(counter right in policy-drops)" = 0 ]
	[ "$(counter left out packets)" -gt 0 ]
	stop_background
	for side in left right; do
		mv "$T/$side.sa" "$T/$v$side.sa"
		mv "$T/$side.pcap" "$T/$v$side.pcap"
	done
	WIRES+=("$T/${v}right.sa" "$T/${v}right.pcap" "$here" "$there" "$T/${v}left.sa" "$T/${v}left.pcap" "$there" "$here")
}

@test "modes: AH in tunnel mode, IPv4 and IPv6" {
	modes tunnel 4 none --ah sha256
	modes tunnel 6 none --ah sha1
	on_the_wire
}

@test "modes: AH in transport mode, IPv4 and IPv6" {
	modes transport 4 none --ah sha1
	modes transport 6 none --ah sha256
	on_the_wire
}

@test "modes: ESP in transport mode, raw" {
	modes transport 4 none --esp aes128gcm16
	modes transport 6 none --esp aes128-sha256
	on_the_wire
}

@test "modes: ESP in transport mode, in UDP" {
	modes transport 4 udp --esp aes256-sha1
	modes transport 6 udp --esp aes128gcm16
	on_the_wire
}

@test "modes: the MTU is what fits the path, and a packet of that size crosses whole" {
	sa_make child --mode transport --ah sha256 --local 203.0.113.1 --remote 203.0.113.2 --local-ts 203.0.113.1/32 \
		--remote-ts 203.0.113.2/32 "$T/left.sa" "$T/right.sa"
	tun_both
	# 1500 - 12 AH - 16 ICV
	left ip link show vpn0 | grep -q "mtu 1472"
	left ping -q -c 1 -W 5 -M do -s $((1472 - 28)) 203.0.113.2
	run ! left ping -q -c 1 -W 1 -M do -s $((1472 - 27)) 203.0.113.2
}

@test "modes: AH that is too long for the path is fragmented outside, where it may be" {
	sa_make child --ah sha256 --local 203.0.113.1 --remote 203.0.113.2 --local-ts 10.1.0.0/24 \
		--remote-ts 10.2.0.0/24 "$T/left.sa" "$T/right.sa"
	tun_start left --mtu 4000 "$T/left.sa"
	tun_start right --mtu 4000 "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
	left ping -q -c 1 -W 5 -M dont -s 3000 10.2.0.1
	[ "$(counter right in bad-icv)" = 0 ]
}

@test "modes: AH whose ICV is wrong is dropped and counted, and a replayed one too" {
	sa_make child --ah sha256 --local 203.0.113.1 --remote 203.0.113.2 --local-ts 10.1.0.0/24 \
		--remote-ts 10.2.0.0/24 "$T/left.sa" "$T/right.sa"
	watched right
	tun_both
	ping_across 10.2.0.1 1
	left /usr/bin/python3 - "$T/right.pcap" <<-'PY'
		import socket, sys
		from packets import rdpcap
		p = next(bytes(p) for p in rdpcap(sys.argv[1]) if bytes(p)[9] == 51)
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		s.sendto(p, ("203.0.113.2", 0))                             # as it was: a replay
		q = bytearray(p)
		q[20 + 11] += 100                                           # another number: its ICV is wrong
		s.sendto(bytes(q), ("203.0.113.2", 0))
	PY
	eventually 10 eval '[ "$(counter right in bad-icv)" = 1 ]'
	[ "$(counter right in replays)" = 1 ]
}

@test "modes: --pcap records AH as it was, and --decrypt opens it" {
	sa_make child --ah sha256 --local 203.0.113.1 --remote 203.0.113.2 --local-ts 10.1.0.0/24 \
		--remote-ts 10.2.0.0/24 --name berne "$T/left.sa" "$T/right.sa"
	tun_start left --pcap "$T/left.pcapng" "$T/left.sa"
	tun_start right --pcap "$T/right.pcapng" "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
	ping_across 10.2.0.1 2
	stop_background
	for side in left right; do
		run -0 --separate-stderr esp-tun --decrypt "$T/$side.pcapng" "$T/$side.sa" -o "$T/clear.pcapng"
		stderr_has "4 packets decrypted, 0 not"
		grep -q "sent AH [0-9a-f]* number 2 of berne" "$T/$side.pcapng"
		grep -q "received AH [0-9a-f]* number 2 of berne" "$T/$side.pcapng"
	done
}
