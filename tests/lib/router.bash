# shellcheck shell=bash
# A router between the two namespaces of lib/tun, for tests of the path MTU:
#
#   setup() { tun_setup; router_between; }
#   teardown() { tun_teardown; router_gone; }
#
# $M is its name.

router_gone() { netns_gone "${M-}"; }

mid() { ip netns exec "$M" "$@"; }

# The wire of tun_setup becomes one with a router in it, whose link to the right carries 1300 bytes.
router_between() {
	local c
	M=et$$x${BATS_TEST_NUMBER}m
	ip netns add "$M"
	ip -n "$L" link del eth0
	ip -n "$L" link add eth0 type veth peer name toleft netns "$M"
	ip -n "$R" link add eth0 type veth peer name toright netns "$M"
	for c in "$L 1" "$R 2"; do
		# shellcheck disable=SC2086 # two words
		end_of ${c} | ip -n "${c% *}" -batch -
	done
	ip -n "$M" -batch - <<-'IP'
		link set lo up
		addr add 198.51.100.9/30 dev toleft
		addr add 198.51.100.17/30 dev toright
		addr add fd00:8::9/64 dev toleft nodad
		addr add fd00:16::9/64 dev toright nodad
		link set toleft up
		link set toright up mtu 1300
		route add 203.0.113.1 via 198.51.100.10
		route add 203.0.113.2 via 198.51.100.18
		route add 2001:db8:ff::1 via fd00:8::a
		route add 2001:db8:ff::2 via fd00:16::a
	IP
	ip -n "$R" link set eth0 mtu 1300
	mid sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	mid nft 'add table inet m; add chain inet m output { type filter hook output priority 0; }'
	# before anything puts fragments together again
	right nft -f - <<-'NFT'
		table inet m {
			counter pieces { }
			chain first {
				type filter hook prerouting priority -450;
				iifname "eth0" ip frag-off & 0x3fff != 0 counter name pieces
				iifname "eth0" exthdr frag exists counter name pieces
			}
		}
	NFT
	# An address of IPv6 serves when the kernel has seen the carrier, up to a second later.
	eventually 10 eval 'left ping -q -c 1 -W 0.3 2001:db8:ff::2 >/dev/null 2>&1'
}

# end_of NAMESPACE N: lines of "ip -batch".
end_of() {
	local net=8 at=10
	[ "$2" = 1 ] || net=16 at=18
	cat <<-IP
		addr add 203.0.113.$2/32 dev eth0
		addr add 198.51.100.$at/30 dev eth0
		addr add 2001:db8:ff::$2/128 dev eth0 nodad
		addr add fd00:$net::a/64 dev eth0 nodad
		link set eth0 up
		route add default via 198.51.100.$((at - 1)) src 203.0.113.$2
		route add default via fd00:$net::9 src 2001:db8:ff::$2
	IP
}
