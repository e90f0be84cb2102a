#!/usr/bin/env bats
# A hub forwards from the tunnel of one spoke into that of another: by its kernel, and inside esp-tun (--hub).
# shellcheck disable=SC2016,SC2154 # for eval; BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/hub

setup() { hub_setup; }
teardown() { hub_teardown; }

# tun_packets: what the kernel of the hub has had from its device.
tun_packets() { ip -n "$H" -j -s link show vpn0 | jq '.[0].stats64.rx.packets'; }

# one_hop FROM TO: a ping from a is answered, with one hop less.
one_hop() {
	eventually 10 pings a "$2" -I "$1"
	eventually 10 eval 'a ping -c 1 -W 1 -I '"$1 $2"' >"$T/ping"'
	grep -q 'ttl=63 ' "$T/ping" || { cat "$T/ping"; return 1; }
}

# spokes_talk: ping with one hop less, a transfer.
spokes_talk() {
	one_hop 10.1.0.1 10.2.0.1
	head -c 3000000 /dev/urandom >"$T/data"
	background sink ip netns exec "$B" socat -u TCP4-LISTEN:7777,bind=10.2.0.1,reuseaddr "CREATE:$T/copy"
	eventually 10 eval 'b ss -ltn | grep -q :7777'
	timeout 120 ip netns exec "$A" socat -u "FILE:$T/data" TCP4:10.2.0.1:7777,bind=10.1.0.1
	ended sink 30
	cmp "$T/data" "$T/copy"
}

# no_hop_left: the kernel of the hub reports it. With its address on the device, which selectors of all addresses admit.
no_hop_left() {
	a ping -c 1 -t 1 -W 15 -I 10.1.0.1 10.2.0.1 >"$T/ping" || :
	grep -q "From 10.255.0.1 .*Time to live exceeded" "$T/ping" || { cat "$T/ping"; return 1; }
}

hub_routes() {
	hub ip route add 10.1.0.0/16 dev vpn0
	hub ip route add 10.2.0.0/16 dev vpn0
}

# forbidden: a packet of a that the selectors of b do not admit comes to the hub, is dropped there, and is counted.
forbidden() {
	local had
	had=$(dropped policy-drops)
	run ! a ping -q -c 2 -i 0.02 -W 0.3 -I 10.1.0.1 10.2.9.9
	eventually 5 eval '[ "$(dropped policy-drops)" = '$((had + 2))' ]'
}

@test "hub and spoke: the kernel of the hub forwards between two spokes, within the policy of both" {
	hub_policy a --name a --local-ts 10.2.0.0/16 --remote-ts 10.1.0.0/16
	hub_policy b --name b --local-ts 10.1.0.0/16 --remote-ts 10.2.0.0/24
	hub_all
	hub_routes
	spokes_talk
	forbidden
}

@test "hub and spoke: --hub forwards without the kernel; what the policy of either does not allow is dropped and counted" {
	local was
	hub_policy a --name a --local-ts 10.2.0.0/16 --remote-ts 10.1.0.0/16
	hub_policy b --name b --local-ts 10.1.0.0/16 --remote-ts 10.2.0.0/24
	hub_all --hub
	hub_routes
	# The kernel decides.
	eventually 10 pings a 10.2.0.1 -I 10.1.0.1
	was=$(tun_packets)
	spokes_talk
	# Of thousands the kernel has had only those that need an answer.
	[ $(($(tun_packets) - was)) -le 8 ]
	forbidden
	# The hub's own address is the kernel's, and so is a route that leads elsewhere.
	ip -n "$H" addr add 10.2.0.77/32 dev lo
	eventually 10 pings a 10.2.0.77 -I 10.1.0.1
	hub ip route add blackhole 10.2.0.1/32
	eventually 5 eval '! pings a 10.2.0.1 -I 10.1.0.1'
	hub ip route del blackhole 10.2.0.1/32
	eventually 10 pings a 10.2.0.1 -I 10.1.0.1
	hub sysctl -qw net.ipv4.conf.all.forwarding=0
	eventually 5 eval '! pings a 10.2.0.1 -I 10.1.0.1'
}

@test "hub and spoke: --hub with next hops, over IPv4 and IPv6" {
	local was
	hub_pair a --name a --local-ts ::/0 --remote-ts ::/0
	hub_pair b --name b --local-ts ::/0 --remote-ts ::/0
	hub sysctl -qw net.ipv6.conf.all.forwarding=1
	hub_all --hub --nhtb 10.255.0.2=a --nhtb 10.255.0.3=b --nhtb 2001:db8:ff::2=a --nhtb 2001:db8:ff::3=b
	ip -n "$A" -6 route add 2001:db8::/32 dev vpn0 src 2001:db8:1::1
	ip -n "$B" -6 route add 2001:db8::/32 dev vpn0 src 2001:db8:2::1
	hub ip route add 10.1.0.0/16 via 10.255.0.2 dev vpn0
	hub ip route add 10.2.0.0/16 via 10.255.0.3 dev vpn0
	hub ip -6 addr add 2001:db8:ff::1/64 dev vpn0 nodad
	hub ip -6 route add 2001:db8:1::/48 via 2001:db8:ff::2 dev vpn0
	hub ip -6 route add 2001:db8:2::/48 via 2001:db8:ff::3 dev vpn0
	eventually 10 pings a 10.2.0.1 -I 10.1.0.1
	eventually 10 pings a 2001:db8:2::1 -I 2001:db8:1::1
	was=$(tun_packets)
	spokes_talk
	no_hop_left
	one_hop 2001:db8:1::1 2001:db8:2::1
	[ $(($(tun_packets) - was)) -le 8 ]
	hub sysctl -qw net.ipv6.conf.all.forwarding=0
	eventually 5 eval '! pings a 2001:db8:2::1 -I 2001:db8:1::1'
}
