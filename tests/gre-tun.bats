#!/usr/bin/env bats
# The GRE device between our own ends, against scapy, and multipoint with bindings.
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; lib/tun.bash sets L, R and T
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() {
	need gre-tun
	have_python scapy || skip "no python3-scapy (make deps)"
	tun_setup
	cd "$T" || return
}

teardown() {
	stop_background
	# shellcheck disable=SC2086 # names
	netns_gone ${MORE-}
	tun_teardown
}

PEER() { "$SAPIPE_TOP/tests/lib/gre_peer.py" "$@"; }

# stop NAME: it ends with 0.
stop() {
	kill -TERM "${BG[$1]}"
	ended "$1"
}

# gre NAME NAMESPACE OPTION...: a gre-tun in the background; its messages are in NAME.err.
gre() {
	local name=$1 ns=$2
	shift 2
	background "$name" ip netns exec "$ns" gre-tun -v --tun gre1 "$@"
	eventually 20 grep -q 'gre1 is up' "$name.err" || { cat "$name.err"; return 1; }
}

# over TTL ADDRESS [NAMESPACE]: an answer with that time to live comes from ADDRESS.
over() { ip netns exec "${3-$L}" ping -c 1 -W 1 "$2" 2>&1 | grep -q "ttl=$1 "; }
pings() { ip netns exec "${2-$L}" ping -q -c 2 -i 0.1 -W 1 "$1" >/dev/null 2>&1; }

# counted NAME PATTERN: after a signal, its counters have that line.
counted() {
	kill -USR1 "${BG[$1]}"
	grep -qE -- "$2" "$1.err"
}

@test "gre-tun: point-to-point, IPv4 and IPv6 in IPv4 and in IPv6, all header fields" {
	local outer opts
	for outer in 4 6; do
		for opts in "" "--key 42" "--checksum" "--sequence" "--key 4294967295 --checksum --sequence"; do
			echo "# $outer $opts"
			l=203.0.113.1 r=203.0.113.2
			[ $outer = 4 ] || l=2001:db8:ff::1 r=2001:db8:ff::2
			# shellcheck disable=SC2086 # words
			gre left "$L" --local $l --remote $r $opts --address 10.9.0.1/24 --address 2001:db8:9::1/64
			# shellcheck disable=SC2086 # words
			gre right "$R" --local $r --remote $l $opts --address 10.9.0.2/24 --address 2001:db8:9::2/64
			eventually 5 pings 10.9.0.2
			eventually 5 pings 2001:db8:9::2
			# The device is left in no shape at all.
			stop left
			stop right
			grep -qE 'in [1-9][0-9]* packets.*out [1-9]' left.err
			! grep -q dropped left.err right.err || { cat left.err right.err; return 1; }
			run -1 ip -n "$L" link show gre1
		done
	done
}

@test "gre-tun: TCP fits the MTU, large packets come through, and tshark finds no fault in ours" {
	local fields
	gre left "$L" --remote 203.0.113.2 --key 42 --checksum --sequence --address 10.9.0.1/24
	gre right "$R" --remote 203.0.113.1 --key 42 --checksum --sequence --address 10.9.0.2/24
	tun_whole
	background dump ip netns exec "$L" tcpdump -i eth0 -w wire.pcap -U proto 47
	eventually 5 grep -q listening dump.err
	eventually 5 pings 10.9.0.2
	left ping -q -c 2 -i 0.1 -s 4000 -W 10 10.9.0.2 >/dev/null
	# The MSS of a peer whose device is larger is limited, too.
	ip -n "$R" link set gre1 mtu 9000
	background sink ip netns exec "$R" socat -u TCP-LISTEN:99 CREATE:got
	eventually 15 listens "$R" 99
	head -c 300000 /dev/urandom >sent
	left timeout 120 socat -u OPEN:sent TCP:10.9.0.2:99
	ended sink 20
	cmp sent got
	# It writes what it has captured when it gets to it.
	eventually 10 captured 225
	kill "${BG[dump]}"
	ended dump || :
	tshark -r wire.pcap -Y gre -T fields -e gre.proto -e gre.key -e gre.checksum.status -e gre.sequence_number -e _ws.malformed \
		-e tcp.options.mss_val -e ip.len >seen 2>/dev/null
	[ "$(wc -l <seen)" -gt 200 ] || { wc -l seen; cut -f1-7 seen | sort | uniq -c | sort -rn | head -20; tail -2 dump.err; return 1; }
	# Each: IPv4, the key, a good checksum (1), a number, no fault.
	run ! grep -vE $'^0x0800\t0x0000002a\t1\t[0-9]+\t\t' seen
	[ "$(awk -F'\t' '$6 != "" { print $6 }' seen | sort -u)" = 1360 ]
	# Numbers go up from 0 in each direction.
	tshark -r wire.pcap -Y 'gre && ip.src == 203.0.113.1' -T fields -e gre.sequence_number 2>/dev/null |
		awk '$1 != NR - 1 { print "packet " NR " has number " $1; bad = 1 } END { exit bad }'
}
captured() { [ "$(tcpdump -nr wire.pcap 2>/dev/null | wc -l)" -gt "$1" ]; }
listens() { [ -n "$(ip netns exec "$1" ss -Hlnt "sport = :$2")" ]; }

@test "gre-tun: scapy is the peer, in each form that it can send" {
	gre left "$L" --remote 203.0.113.2 --key 42 --address 10.9.0.1/24
	run -0 right "$SAPIPE_TOP/tests/lib/gre_peer.py" ping 203.0.113.1 42
	[ "$output" = "answered plain " ]
	stop left
	gre left "$L" --remote 203.0.113.2 --checksum --sequence --address 10.9.0.1/24
	run -0 right "$SAPIPE_TOP/tests/lib/gre_peer.py" ping 203.0.113.1
	[ "$output" = "answered checksum seq 0" ]
}

@test "gre-tun: hostile packets are dropped, each for its reason, and the tunnel goes on" {
	local kind
	gre left "$L" --remote 203.0.113.2 --key 42 --address 10.9.0.1/24
	gre right "$R" --remote 203.0.113.1 --key 42 --address 10.9.0.2/24
	run -0 right "$SAPIPE_TOP/tests/lib/gre_peer.py" send 203.0.113.1 short version routing badsum key cutkey proto inner
	eventually 5 counted left 'dropped in, inner packet is malformed: 1'
	eventually 5 grep -q 'dropped in, ends within its header: 2' left.err
	eventually 5 grep -q 'dropped in, not GRE version 0: 1' left.err
	eventually 5 grep -q 'dropped in, source routes and other flags of RFC 1701: 1' left.err
	eventually 5 grep -q 'dropped in, wrong checksum: 1' left.err
	eventually 5 grep -q 'dropped in, another key: 1' left.err
	eventually 5 grep -q 'dropped in, protocol type is neither IPv4, IPv6, MPLS nor NHRP: 1' left.err
	eventually 5 grep -q 'GRE from 203.0.113.2 has key 43, which is not that of gre1' left.err
	eventually 5 pings 10.9.0.2
}

@test "gre-tun: another key, no key, no checksum, another sender: nothing comes through, and it is said" {
	gre left "$L" --remote 203.0.113.2 --key 42 --address 10.9.0.1/24
	gre right "$R" --remote 203.0.113.1 --key 43 --address 10.9.0.2/24
	run ! pings 10.9.0.2
	eventually 5 grep -q 'GRE from 203.0.113.1 has key 42, which is not that of gre1' right.err
	stop right
	gre right "$R" --remote 203.0.113.1 --address 10.9.0.2/24
	run ! pings 10.9.0.2
	stop right
	gre right "$R" --remote 203.0.113.1 --key 42 --checksum --address 10.9.0.2/24
	run ! pings 10.9.0.2
	eventually 5 counted right 'dropped in, without the checksum that --checksum demands: [1-9]'
	stop right
	# A sender that is not --remote.
	ip -n "$R" addr add 203.0.113.3/24 dev eth0
	gre right "$R" --local 203.0.113.3 --remote 203.0.113.1 --key 42 --address 10.9.0.2/24
	run ! pings 10.9.0.1 "$R"
	eventually 5 grep -q 'GRE comes from 203.0.113.3 instead of 203.0.113.2' left.err
	stop right
	# The right one is heard at once.
	gre right "$R" --remote 203.0.113.1 --key 42 --address 10.9.0.2/24
	eventually 5 pings 10.9.0.2
}

# three: a hub in $H, 203.0.113.254; L and R are its spokes, all on one bridge in $W.
three() {
	local ns k
	H=et$$x${BATS_TEST_NUMBER}h W=et$$x${BATS_TEST_NUMBER}w MORE="$H $W"
	ip netns add "$H"
	ip netns add "$W"
	ip -n "$L" link del eth0
	ip -n "$W" link add br0 type bridge
	ip -n "$W" link set br0 up
	for k in 1 2 254; do
		case $k in 1) ns=$L ;; 2) ns=$R ;; *) ns=$H ;; esac
		ip -n "$W" link add "to$k" type veth peer name eth0 netns "$ns"
		ip -n "$W" link set "to$k" master br0 up
		ip -n "$ns" addr add "203.0.113.$k/24" dev eth0
		ip -n "$ns" addr add "2001:db8:ff::$k/64" dev eth0 nodad
		ip -n "$ns" link set lo up
		ip -n "$ns" link set eth0 up
	done
	ip netns exec "$H" sysctl -qw net.ipv4.ip_forward=1
	ip netns exec "$H" sysctl -qw net.ipv6.conf.all.forwarding=1
	mkfifo hub.in left.in right.in
	exec {HUB_IN}<>hub.in {LEFT_IN}<>left.in {RIGHT_IN}<>right.in
}

# tell left|right|hub ARGUMENT...: a binding for that end.
tell() {
	local fd=$HUB_IN
	case $1 in left) fd=$LEFT_IN ;; right) fd=$RIGHT_IN ;; esac
	sa_make binding "${@:2}" - >&"$fd"
}

# dmvpn OPTION...: all three ends; the spokes know the hub, the hub knows both.
dmvpn() {
	gre hub "$H" "$@" --address 10.255.255.254/32 --control "$T/hub.ctl" hub.in
	gre left "$L" "$@" --address 10.255.255.1/32 --control "$T/left.ctl" left.in
	gre right "$R" "$@" --address 10.255.255.2/32 right.in
	local k side
	for k in 1 2; do
		side=left
		[ $k = 1 ] || side=right
		tell hub 10.255.255.$k --nbma "${NBMA-203.0.113.}$k" --kind dynamic
		tell hub 10.$k.0.0/24 --nbma "${NBMA-203.0.113.}$k" --via 10.255.255.$k --kind dynamic
		tell $side 10.255.255.254 --nbma "${NBMA-203.0.113.}254"
		tell $side 10.0.0.0/8 --nbma "${NBMA-203.0.113.}254" --via 10.255.255.254
	done
}
across() { ip netns exec "$L" ping -c 1 -W 1 -I 10.1.0.1 10.2.0.1 2>&1 | grep -q "ttl=$1 "; }

@test "gre-tun: multipoint: by the hub, direct by a shortcut, and back when it is withdrawn or expires" {
	three
	dmvpn --key 42
	eventually 10 across 63
	ip -n "$L" neigh show dev gre1 | grep -q '10.255.255.254 lladdr 203.0.113.254 PERMANENT'
	ip -n "$L" route show | grep -q '10.0.0.0/8 via 10.255.255.254 dev gre1.*onlink'
	# A shortcut at both ends.
	tell left 10.2.0.0/24 --nbma 203.0.113.2 --via 10.255.255.2 --kind shortcut
	tell right 10.1.0.0/24 --nbma 203.0.113.1 --via 10.255.255.1 --kind shortcut
	eventually 5 across 64
	# Withdrawn at one end: the way there is by the hub, the way back is direct.
	tell left 10.2.0.0/24 --holding 0 --kind shortcut
	tell right 10.1.0.0/24 --holding 0 --kind shortcut
	eventually 5 across 63
	run ! grep '10.255.255.2 ' <(ip -n "$L" neigh show dev gre1)
	# One that expires.
	sa_make binding 10.2.0.0/24 --nbma 203.0.113.2 --via 10.255.255.2 --kind shortcut --holding 5 left.cut
	sa_make binding 10.1.0.0/24 --nbma 203.0.113.1 --via 10.255.255.1 --kind shortcut --holding 5 right.cut
	cat left.cut >&"$LEFT_IN"
	cat right.cut >&"$RIGHT_IN"
	eventually 5 across 64
	eventually 10 across 63
	eventually 5 grep -q '10.2.0.0/24 has expired' left.err
	# A spoke that has moved: the same address, another NBMA address.
	ip -n "$R" addr add 203.0.113.9/24 dev eth0
	tell hub 10.255.255.2 --nbma 203.0.113.2 --nat-nbma 203.0.113.9 --kind dynamic
	tell hub 10.2.0.0/24 --nbma 203.0.113.2 --nat-nbma 203.0.113.9 --via 10.255.255.2 --kind dynamic
	eventually 5 grep -q '10.255.255.2/32 has moved and is now at 203.0.113.9' hub.err
	eventually 5 across 63
	ip -n "$H" neigh show dev gre1 | grep -q '10.255.255.2 lladdr 203.0.113.9 PERMANENT'
}

@test "gre-tun: sa-stat prints the counters, the drops by reason and the next hops" {
	need sa-stat
	three
	dmvpn --key 42
	eventually 10 across 63
	run -0 sa-stat --json "$T/hub.ctl"
	jq -e '.tun == "gre1" and .mtu == 1400 and .bindings == 4 and .sas == [] and .in.packets > 0 and .out.packets > 0 and .in.bytes > 84' <<<"$output"
	run -0 sa-stat "$T/hub.ctl"
	output_has 'gre1: MTU 1400, 4 bindings, counted from'
	# Each next hop once, with the address that its packets go to.
	run -0 sa-stat --nhtb --json "$T/hub.ctl"
	jq -e '[."next-hops"[] | [.hop, .flag, .state, .remote]] == [["10.255.255.1", "automatic", "up", "203.0.113.1:0"],
		["10.255.255.2", "automatic", "up", "203.0.113.2:0"]]' <<<"$output" || { echo "$output"; return 1; }
	run -0 sa-stat --nhtb "$T/left.ctl"
	output_has 'gre1: 1 next hop'
	output_has '10.255.255.254'
	# Drops by reason: a next hop without a binding, and a packet with another key.
	ip -n "$H" route add 10.9.0.0/24 dev gre1
	ip netns exec "$H" ping -q -c 1 -W 0.2 10.9.0.1 || :
	ip netns exec "$L" /usr/bin/python3 -c 'from scapy.all import *; send(IP(dst="203.0.113.254")/GRE(key_present=1, key=43)/IP(), verbose=0)'
	eventually 5 dropped in key
	eventually 5 dropped out no-binding
	sa-stat --prometheus "$T/hub.ctl" >prom
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/prom_check.py" prom
	# From zero again.
	run -0 sa-stat --reset --json "$T/hub.ctl"
	run ! dropped in key
	run -0 sa-stat --json "$T/hub.ctl"
	jq -e '.in.packets == 0 and .out.packets == 0' <<<"$output"
}
# dropped WAY REASON: the hub's counters have it.
@test "gre-tun: sa-stat speaks of the bindings of a GRE device, not of SAs, also where there is none" {
	need sa-stat
	gre left "$L" --local 203.0.113.1 --remote 203.0.113.2 --address 10.255.255.1/30 --control "$T/left.ctl"
	run -0 sa-stat "$T/left.ctl"
	output_has ', 0 bindings, counted from'
	run -0 sa-stat --json "$T/left.ctl"
	jq -e '.bindings == 0' <<<"$output"
}

dropped() { sa-stat --json "$T/hub.ctl" | jq -e ".$1.drops.\"$2\" // 0 | . > 0" >/dev/null; }

@test "gre-tun: multipoint over IPv6: link addresses stand for NBMA addresses" {
	three
	NBMA=2001:db8:ff:: dmvpn --key 7 --checksum
	eventually 10 across 63
	ip -n "$L" neigh show dev gre1 | grep -q '10.255.255.254 lladdr 240.0.0.0 PERMANENT'
	tell left 10.2.0.0/24 --nbma 2001:db8:ff::2 --via 10.255.255.2 --kind shortcut
	tell right 10.1.0.0/24 --nbma 2001:db8:ff::1 --via 10.255.255.1 --kind shortcut
	eventually 5 across 64
	# IPv6 inside, too.
	tell left 2001:db8:2::/64 --nbma 2001:db8:ff::2 --via fd00::2 --kind shortcut
	tell right 2001:db8:1::/64 --nbma 2001:db8:ff::1 --via fd00::1 --kind shortcut
	eventually 5 pings 2001:db8:2::1
}

@test "gre-tun: multicast goes to each client of a hub, and from a spoke to its hub alone" {
	local ns
	three
	dmvpn --key 42 --multicast
	eventually 10 across 63
	for ns in "$L" "$R" "$H"; do ip netns exec "$ns" sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0; done
	# Each with the sender itself, whose kernel answers, too.
	eventually 5 answers "$H" "10.255.255.1 10.255.255.2 10.255.255.254"
	eventually 5 answers "$L" "10.255.255.1 10.255.255.254"
}
# answers NAMESPACE ADDRESSES: who answers a ping of all hosts by gre1.
answers() {
	[ "$(ip netns exec "$1" ping -c 3 -i 0.3 -W 1 -I gre1 224.0.0.1 | sed -n 's/.*from \([0-9.]*\):.*/\1/p' | sort -u | xargs)" = "$2" ]
}

@test "gre-tun: after kill -9 it starts again, with a socket that nobody listens on" {
	local i
	for i in 1 2; do
		gre left "$L" --remote 203.0.113.2 --key 42
		[ -S "$(sock "$L")" ]
		kill -9 "${BG[left]}"
		ended left || [ $? -eq 137 ]
	done
}

@test "gre-tun: a packet waits for the binding of its next hop" {
	three
	gre left "$L" --address 10.255.255.1/24 left.in
	gre right "$R" --address 10.255.255.2/24 right.in
	tell right 10.255.255.1 --nbma 203.0.113.1
	background ping ip netns exec "$L" ping -c 1 -W 20 10.255.255.2
	# The kernel looks for the neighbour.
	eventually 5 looked_for
	tell left 10.255.255.2 --nbma 203.0.113.2
	ended ping 20
	# A next hop that nobody has: the kernel says so.
	run -1 left ping -c 1 -W 5 10.255.255.77
	output_has "Destination Host Unreachable"
	eventually 5 counted left 'dropped out, no binding for the next hop: [1-9]'
}
looked_for() { ip -n "$L" neigh show dev gre1 | grep -q '10.255.255.2 *INCOMPLETE'; }

@test "gre-tun: a peer that never answers is named, with what may be wrong" {
	gre left "$L" --remote 203.0.113.2 --key 42 --address 10.9.0.1/24
	background ping ip netns exec "$L" ping -i 0.3 10.9.0.2
	eventually 20 grep -q 'no GRE has come back from 203.0.113.2: .*IP protocol 47, which has no ports' left.err
}

# sock NAMESPACE: the socket of its gre1.
sock() { echo "/run/sapipe/$(ip netns exec "$1" stat -L -c %i /proc/self/ns/net)-gre1.gre"; }

@test "gre-tun: a tool gets samples of forwarded traffic with the sender's NBMA address, not of the rest" {
	three
	dmvpn
	eventually 10 across 63
	# After the device drops its privileges, root may still attach.
	local from=$SECONDS
	background tool "$SAPIPE_TOP/tests/lib/gre_peer.py" take "$(sock "$H")" 2 20 120
	eventually 10 grep -q '^info gre1 - - - 1400$' tool.out
	# Its own traffic is no sample.
	pings 10.255.255.254
	run ! grep sample tool.out
	pings 10.2.0.1 "$L" || :
	eventually 10 across 63
	eventually 10 grep -q '^sample 203.0.113.1 203.0.113.2 0800 10.1.0.1 10.2.0.1$' tool.out
	eventually 10 grep -q '^sample 203.0.113.2 203.0.113.1 0800 10.2.0.1 10.1.0.1$' tool.out
	# One pair of addresses is sampled once in two seconds.
	left ping -q -c 20 -i 0.02 -W 1 -I 10.1.0.1 10.2.0.1 >/dev/null
	[ "$(grep -c '10.1.0.1 10.2.0.1$' tool.out)" -le $((1 + (SECONDS - from + 1) / 2)) ]
}

@test "gre-tun: NHRP goes to the tool that serves, and its answer back; a second server is refused" {
	gre left "$L" --remote 203.0.113.2 --key 42
	background tool "$SAPIPE_TOP/tests/lib/gre_peer.py" take "$(sock "$L")" 1 2 120
	eventually 10 grep -q '^info gre1 - 203.0.113.2 42 1400$' tool.out
	run -0 "$SAPIPE_TOP/tests/lib/gre_peer.py" take "$(sock "$L")" 1 1
	[ "$output" = refused ]
	run -0 right "$SAPIPE_TOP/tests/lib/gre_peer.py" nhrp 203.0.113.1
	# Type 2, and what was asked.
	[ "$output" = "reply $(printf '00%.0s' {1..17})027175657374696f6e" ]
	grep -q "^nhrp 203.0.113.2 203.0.113.1 $(printf '00%.0s' {1..17})017175657374696f6e" tool.out
	[ "$(stat -c %a "$(sock "$L")")" = 600 ]
}

@test "gre-tun: exit statuses: input without a binding 1, misuse 2, a taken device 3, a bad binding 4" {
	: >empty
	run -1 left gre-tun --tun gre1 empty
	output_has "the input ended without a binding"
	# what could not be read is no empty input
	run -3 left bash -c 'exec timeout 10 gre-tun --tun gre1 <&-'
	output_has 'standard input: cannot read: Bad file descriptor'
	run -2 left gre-tun --tun gre1 --remote example.com
	run -2 left gre-tun --tun gre1 --local 203.0.113.1 --remote 2001:db8::1
	run -2 left gre-tun --tun gre1 --local 203.0.113.1 --remote 203.0.113.1
	run -2 left gre-tun --tun gre1 --local 203.0.113.77 --remote 203.0.113.2
	output_has "203.0.113.77 is no address of this machine"
	run -2 left gre-tun --tun a/b --remote 203.0.113.2
	run -2 left gre-tun --key 4294967296 --remote 203.0.113.2
	gre one "$L" --remote 203.0.113.2
	run -3 left gre-tun --tun gre1 --remote 203.0.113.2
	output_has "gre1 is in use by another program"
	stop one
	sa_make binding 10.9.9.9 --nbma 203.0.113.2 --via 2001:db8::1 bad.nhrp
	run -4 left gre-tun --tun gre1 bad.nhrp
	output_has "its addresses do not fit each other"
	head -c 20 bad.nhrp >cut.nhrp
	run -4 left gre-tun --tun gre1 cut.nhrp
	# The last binding expires after the end of the input.
	sa_make binding 10.9.9.9 --nbma 203.0.113.2 --holding 2 two.nhrp
	run -0 left timeout 20 gre-tun --tun gre1 two.nhrp
}

@test "gre-tun: a persistent device is left without neighbours, routes and addresses, and can be used again" {
	local i
	sa_make binding 10.2.0.0/24 --nbma 203.0.113.2 --via 10.255.255.2 b.nhrp
	ip -n "$L" tuntap add gre1 mode tap
	for i in 1 2; do
		gre left "$L" --address 10.255.255.1/24 b.nhrp
		eventually 5 has_route
		stop left
		run ! has_route
		[ -z "$(ip -n "$L" neigh show dev gre1 nud permanent)$(ip -n "$L" -4 addr show dev gre1 | grep inet)" ]
	done
}
has_route() { ip -n "$L" route | grep -q '^10.2.0.0/24 via 10.255.255.2 dev gre1'; }

@test "gre-tun: a route to the peer that leads into the tunnel is noticed" {
	gre left "$L" --remote 203.0.113.2 --address 10.9.0.1/24
	ip -n "$L" route add 203.0.113.2/32 dev gre1
	left ping -q -c 2 -i 0.2 -W 1 10.9.0.2 >/dev/null || :
	eventually 5 grep -q 'leads into gre1 itself' left.err
}
