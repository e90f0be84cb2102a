#!/usr/bin/env bats
# Next-hop tunnel binding: the next hop of a route chooses the tunnel on a device that several peers share.
# shellcheck disable=SC2016 # for eval
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/hub

setup() { hub_setup; }

# comes_to N COMMAND...: what COMMAND prints is N; soon, where packets are on their way still.
comes_to() { [ "$("${@:2}")" = "$1" ]; }
teardown() { hub_teardown; }

@test "nhtb: with --nhtb the next hop of each route chooses between two peers with selectors of all addresses" {
	hub_pair a --name berne
	hub_pair b
	# By name, and by ID.
	hub_all --nhtb 10.255.0.2=berne --nhtb 10.255.0.3=b.example
	hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0 src 10.0.0.1
	hub ip route add 10.2.0.0/16 via 10.255.0.3 dev vpn0 src 10.0.0.1
	eventually 5 pings hub 10.1.0.1
	eventually 5 pings hub 10.2.0.1
	# The next hops themselves.
	eventually 5 pings hub 10.255.0.2
	eventually 5 pings hub 10.255.0.3
	local was_a was_b
	was_a=$(out_of 1000000a) was_b=$(out_of 1000000b)
	hub ping -q -c 4 -i 0.02 -W 1 10.1.0.1
	eventually 5 comes_to $((was_a + 4)) out_of 1000000a
	[ "$(out_of 1000000b)" = "$was_b" ]
	# No route leads to the next hop of a peer: which of the two is not known.
	local had
	had=$(dropped no-next-hop)
	hub ip route add 10.9.0.0/16 dev vpn0 src 10.0.0.1
	run ! hub ping -q -c 2 -i 0.02 -W 0.2 10.9.0.1
	eventually 5 comes_to $((had + 2)) dropped no-next-hop
	# The route moves: so do the packets.
	hub ip route replace 10.1.0.0/16 via 10.255.0.3 dev vpn0 src 10.0.0.1
	was_a=$(out_of 1000000a)
	eventually 5 eval '! pings hub 10.1.0.1'
	hub ip route replace 10.1.0.0/16 via 10.255.0.2 dev vpn0 src 10.0.0.1
	eventually 5 pings hub 10.1.0.1
}

@test "nhtb: bindings come from a file; a line that is wrong is named, and a file that cannot be read" {
	local n
	hub_pair a --name berne
	hub_pair b
	{
		echo '# next hops of the branches'
		for n in {1..200}; do printf '10.255.1.%d=peer%d\n' $n $n; done
		printf '\n  10.255.0.2=berne  # the first one\r\n10.255.0.3=b.example'
	} >branches
	hub_all --nhtb 10.255.0.9=c.example --nhtb @branches
	hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0 src 10.0.0.1
	hub ip route add 10.2.0.0/16 via 10.255.0.3 dev vpn0 src 10.0.0.1
	eventually 5 pings hub 10.1.0.1
	eventually 5 pings hub 10.2.0.1
	[ "$(hops '."next-hops"[] | select(.flag == "static") | .hop' | wc -l)" = 203 ]
	[ "$(hops '."next-hops"[] | select(.hop == "10.255.1.200") | .name')" = peer200 ]
}

@test "nhtb: what is no file of bindings" {
	cd "$BATS_TEST_TMPDIR"
	: >sa
	run -2 esp-tun --tun vpn0 --nhtb @none sa
	output_has '--nhtb: cannot open none: No such file or directory'
	run -2 esp-tun --tun vpn0 --nhtb @. sa
	output_has '--nhtb: cannot read .: Is a directory'
	printf '10.255.0.2=berne\n# one\n10.255.0.3 b.example\n' >hops
	run -2 esp-tun --tun vpn0 --nhtb @hops sa
	output_has '--nhtb: hops:3: "10.255.0.3 b.example" is not NEXTHOP=NAME'
	printf '10.255.0.=berne\n' >hops
	run -2 esp-tun --tun vpn0 --nhtb @hops sa
	output_has '--nhtb: hops:1: "10.255.0." is no address'
	printf '10.255.0.2=be\0rne\n' >hops
	run -2 esp-tun --tun vpn0 --nhtb @hops sa
	output_has 'it has a zero byte'
}

# hops FILTER: of sa-stat --nhtb --json.
hops() { sa-stat --nhtb --json "$T/ctl" | jq -r "$1"; }
state_is() { [ "$(hops ".\"next-hops\"[] | select(.hop == \"$1\") | .state")" = "$2" ]; }

@test "nhtb: addresses of peers are bound automatically; a route follows the peer down and up again" {
	# a by a selector of one address in another SA; b by its ID.
	hub_pair a --remote-ts 10.255.0.2/32
	hub_pair b --remote-id 10.255.0.3
	hub_start
	hub_records "$T/hub-a.sa" "$T/hub-b.sa"
	spoke_start a
	spoke_start b
	eventually 10 hub_has 2
	hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0 src 10.0.0.1
	hub ip route add 10.2.0.0/16 via 10.255.0.3 dev vpn0 src 10.0.0.1
	eventually 5 pings hub 10.1.0.1
	eventually 5 pings hub 10.2.0.1
	hops '."next-hops"' >"$T/hops"
	jq -e 'map(.flag == "automatic" and .state == "up") == [true, true]' "$T/hops"
	jq -e '.[0] | .hop == "10.255.0.2" and ."spi-in" == "1000000a" and ."spi-out" == "2000000a" and .remote == "203.0.113.2:500"' "$T/hops"
	run -0 sa-stat --nhtb "$T/ctl"
	output_has "vpn0: 2 next hops"
	output_has "10.255.0.3              automatic up    1000000b 2000000b 203.0.113.6:500"
	# Down: the packet does not go to the other peer.
	sa_make delete --spi-in 0x1000000b "$T/del"
	hub_records "$T/del"
	eventually 5 hub_has 1
	local was had
	was=$(out_of 1000000a) had=$(dropped no-sa)
	run ! hub ping -q -c 2 -i 0.02 -W 0.2 10.2.0.1
	eventually 5 comes_to $((had + 2)) dropped no-sa
	[ "$(out_of 1000000a)" = "$was" ]
	eventually 5 state_is 10.255.0.3 down
	eventually 5 pings hub 10.1.0.1
	hub_records "$T/hub-b.sa"
	eventually 5 state_is 10.255.0.3 up
	eventually 5 pings hub 10.2.0.1
	# Another peer that brings the address of a does not get its packets.
	sa_make child --seed c --local 203.0.113.5 --remote 203.0.113.9 --local-id hub.example --remote-id 10.255.0.2 --name thief \
		--local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0 "$T/c.sa"
	hub_records "$T/c.sa"
	eventually 5 hub_has 3
	eventually 5 pings hub 10.1.0.1
	stderr_line="next hop 10.255.0.2 is another peer's, and not bound to SA"
	eventually 5 grep -q "$stderr_line" "$T/hub.err"
}

@test "nhtb: a static next hop whose peer has no SA drops its packets, and is down, ready and up" {
	hub_pair a --name a
	hub_pair b --name b
	hub_start --nhtb 10.255.0.2=a --nhtb 10.255.0.3=b
	hub_records "$T/hub-a.sa"
	spoke_start a
	spoke_start b
	eventually 10 hub_has 1
	hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0 src 10.0.0.1
	hub ip route add 10.2.0.0/16 via 10.255.0.3 dev vpn0 src 10.0.0.1
	eventually 5 pings hub 10.1.0.1
	eventually 5 state_is 10.255.0.2 up
	eventually 5 state_is 10.255.0.3 down
	[ "$(hops '."next-hops"[1] | has("spi-in")')" = false ]
	local was had
	was=$(out_of 1000000a) had=$(dropped no-sa)
	run ! hub ping -q -c 3 -i 0.02 -W 0.2 10.2.0.1
	eventually 5 comes_to $((had + 3)) dropped no-sa
	[ "$(out_of 1000000a)" = "$was" ]
	# It comes, and may not send yet.
	sa_make child --seed b --local 203.0.113.5 --remote 203.0.113.6 --local-id hub.example --remote-id b.example --name b \
		--spi-in 0x1000000b --spi-out 0x2000000b --local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0 --use in "$T/early.sa"
	hub_records "$T/early.sa"
	eventually 5 state_is 10.255.0.3 ready
	run ! hub ping -q -c 1 -W 0.2 10.2.0.1
	hub_records "$T/hub-b.sa"
	eventually 5 state_is 10.255.0.3 up
	eventually 5 pings hub 10.2.0.1
	sa_make delete --spi-in 0x1000000b "$T/del"
	hub_records "$T/del"
	eventually 5 state_is 10.255.0.3 down
	run ! hub ping -q -c 1 -W 0.2 10.2.0.1
}

# joins SPOKE: until a datagram to 224.0.0.77 comes there.
joins() {
	local ns=$A
	[ "$1" = a ] || ns=$B
	background "join-$1" ip netns exec "$ns" timeout 20 /usr/bin/python3 -c '
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7777))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4s", socket.inet_aton("224.0.0.77"), socket.inet_aton(sys.argv[1])))
print("joined", flush=True)
print(s.recv(100).decode(), flush=True)' "$2"
	eventually 5 grep -q joined "$T/join-$1.out"
}

@test "nhtb: multicast goes to every peer with selectors of all addresses, once" {
	hub_pair a
	hub_pair b
	hub_all --nhtb 10.255.0.2=a.example --nhtb 10.255.0.3=b.example
	joins a 10.255.0.2
	joins b 10.255.0.3
	local was_a was_b
	was_a=$(out_of 1000000a) was_b=$(out_of 1000000b)
	hub /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.255.0.1"))
s.sendto(b"hello", ("224.0.0.77", 7777))'
	ended join-a 10
	ended join-b 10
	grep -q hello "$T/join-a.out"
	grep -q hello "$T/join-b.out"
	eventually 5 comes_to $((was_a + 1)) out_of 1000000a
	eventually 5 comes_to $((was_b + 1)) out_of 1000000b
}

# bird_start NAMESPACE ADDRESS COST NEIGHBOUR...: OSPF on vpn0 (point to multipoint); announces 10.50.0.0/16 with COST, if
# that is not 0.
bird_start() {
	local ns=$1 id=$2 cost=$3 n
	shift 3
	{
		echo "router id $id;"
		echo "protocol device {}"
		echo "protocol direct { ipv4; interface \"lo\"; }"
		[ "$cost" = 0 ] || echo "protocol static { ipv4; route 10.50.0.0/16 blackhole; }"
		echo "protocol kernel { ipv4 { import none; export where source != RTS_STATIC && source != RTS_DEVICE; }; }"
		echo "protocol ospf v2 {"
		echo "	ipv4 { import all; export filter { ospf_metric1 = ${cost/#0/1}; accept; }; };"
		echo "	area 0 { interface \"vpn0\" { type ptmp; hello 1; dead count 3; retransmit 2; neighbors {"
		for n in "$@"; do echo "		$n eligible;"; done
		echo "	}; }; };"
		echo "}"
	} >"$T/$ns.conf"
	background "bird-$ns" ip netns exec "$ns" bird -f -c "$T/$ns.conf" -s "$T/$ns.ctl" -P "$T/$ns.pid"
}

@test "nhtb: OSPF over two tunnels of one device: routes are learnt, and the traffic moves when one goes down" {
	command -v bird >/dev/null || skip "no bird (make deps)"
	hub_pair a --name a
	hub_pair b --name b
	hub_all --nhtb 10.255.0.2=a --nhtb 10.255.0.3=b
	ip -n "$A" route del 10.0.0.0/8
	ip -n "$B" route del 10.0.0.0/8
	for n in "$A" "$B"; do ip -n "$n" addr add 10.50.0.1/32 dev lo; done
	bird_start "$H" 10.255.0.1 0 10.255.0.2 10.255.0.3
	bird_start "$A" 10.255.0.2 10 10.255.0.1
	bird_start "$B" 10.255.0.3 50 10.255.0.1
	# The better one.
	eventually 30 eval 'hub ip route show 10.50.0.0/16 | grep -q "via 10.255.0.2 dev vpn0"' || {
		hub ip route
		for n in "$H" "$A"; do birdc -s "$T/$n.ctl" show ospf neighbors || :; done
		cat "$T"/bird-*.err
		false
	}
	eventually 15 eval 'hub ip route show 10.2.0.1 | grep -q "via 10.255.0.3 dev vpn0"'
	eventually 10 pings hub 10.50.0.1 -I 10.0.0.1
	eventually 10 pings hub 10.2.0.1 -I 10.0.0.1
	local was_a was_b
	was_b=$(out_of 1000000b)
	hub ping -q -c 5 -i 0.02 -W 1 -I 10.0.0.1 10.50.0.1
	[ "$(out_of 1000000b)" -lt $((was_b + 5)) ]
	# The tunnel to a ends.
	sa_make delete --spi-in 0x1000000a "$T/del"
	hub_records "$T/del"
	eventually 30 eval 'hub ip route show 10.50.0.0/16 | grep -q "via 10.255.0.3 dev vpn0"'
	eventually 10 pings hub 10.50.0.1 -I 10.0.0.1
	# It comes again.
	hub_records "$T/hub-a.sa"
	eventually 30 eval 'hub ip route show 10.50.0.0/16 | grep -q "via 10.255.0.2 dev vpn0"'
	eventually 10 pings hub 10.50.0.1 -I 10.0.0.1
}

@test "nhtb: a static next hop of a peer with narrower selectors is a warning; what is outside of them is dropped" {
	hub_policy a --name a --local-ts 10.0.0.0/16 --remote-ts 10.1.0.0/24
	hub_pair b --name b
	hub_all --nhtb 10.255.0.2=a --nhtb 10.255.0.3=b
	grep -q 'SA 1000000a of a, to which --nhtb binds a next hop, is policy-based: packets outside of 10.0.0.0/16 to 10.1.0.0/24' \
		"$T/hub.err"
	run ! grep -q 'SA 1000000b of b, to which' "$T/hub.err"
	hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0 src 10.0.0.1
	eventually 5 pings hub 10.1.0.1
	local had
	had=$(dropped policy-drops)
	run ! hub ping -q -c 2 -i 0.02 -W 0.2 10.1.9.9
	eventually 5 comes_to $((had + 2)) dropped policy-drops
}

@test "nhtb: a device without an address borrows that of another; its next hops are onlink" {
	hub_pair a --name a
	hub_pair b --name b
	UNNUMBERED=yes hub_all --nhtb 10.255.0.2=a --nhtb 10.255.0.3=b
	[ -z "$(hub ip -4 -o addr show dev vpn0)" ]
	run ! hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0
	hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0 onlink
	hub ip route add 10.2.0.0/16 via 10.255.0.3 dev vpn0 onlink
	eventually 5 pings hub 10.1.0.1
	eventually 5 pings hub 10.2.0.1
	hub ip route get 10.1.0.1 | grep -q 'src 10.0.0.1'
}

@test "nhtb: IPv6 routes, several next hops of one route, and a metric" {
	hub_pair a --name a --local-ts ::/0 --remote-ts ::/0
	hub_pair b --name b --local-ts ::/0 --remote-ts ::/0
	# A second SA each way for IPv6: selectors of both families in one.
	hub_all --nhtb 2001:db8:ff::2=a --nhtb 2001:db8:ff::3=b --nhtb 10.255.0.2=a --nhtb 10.255.0.3=b
	ip -n "$A" -6 route add 2001:db8::/32 dev vpn0 src 2001:db8:1::1
	ip -n "$B" -6 route add 2001:db8::/32 dev vpn0 src 2001:db8:2::1
	hub ip -6 addr add 2001:db8:ff::1/64 dev vpn0 nodad
	hub ip -6 route add 2001:db8:1::/48 via 2001:db8:ff::2 dev vpn0 src 2001:db8::1
	hub ip -6 route add 2001:db8:2::/48 via 2001:db8:ff::3 dev vpn0 src 2001:db8::1
	eventually 5 pings hub 2001:db8:1::1
	eventually 5 pings hub 2001:db8:2::1
	# The lower metric is used.
	hub ip -6 route add 2001:db8:2::/48 via 2001:db8:ff::2 dev vpn0 src 2001:db8::1 metric 4000
	eventually 5 pings hub 2001:db8:2::1
	hub ip route add 10.1.0.0/16 via 10.255.0.3 dev vpn0 src 10.0.0.1 metric 200
	hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0 src 10.0.0.1 metric 100
	eventually 5 pings hub 10.1.0.1
	# Several next hops: each is used by some of the destinations.
	hub ip route add 10.9.0.0/16 src 10.0.0.1 nexthop via 10.255.0.2 dev vpn0 nexthop via 10.255.0.3 dev vpn0
	local i was was_a was_b
	sent() { echo $(($(out_of 1000000a) + $(out_of 1000000b))); }
	was=$(sent)
	eventually 5 eval 'hub ping -q -c 1 -W 0.01 10.9.0.1 >/dev/null; [ "$(sent)" -gt "$was" ]'
	was_a=$(out_of 1000000a) was_b=$(out_of 1000000b)
	for ((i = 1; i <= 24; i++)); do hub ping -q -c 1 -W 0.01 "10.9.1.$i" >/dev/null || :; done
	eventually 5 comes_to $((was_a + was_b + 24)) sent
	[ "$(out_of 1000000a)" -gt "$was_a" ]
	[ "$(out_of 1000000b)" -gt "$was_b" ]
	# One of them is down: the other one has all.
	sa_make delete --spi-in 0x1000000b "$T/del"
	hub_records "$T/del"
	eventually 5 hub_has 1
	was_a=$(out_of 1000000a)
	for ((i = 1; i <= 8; i++)); do hub ping -q -c 1 -W 0.01 "10.9.1.$i" >/dev/null || :; done
	eventually 5 comes_to $((was_a + 8)) out_of 1000000a
}
