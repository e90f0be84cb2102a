# shellcheck shell=bash
# shellcheck disable=SC2034 # for the tests
# Two gateways that share an address, between a branch and a host:
#
#   left 203.0.113.1 --- br-out --- a 203.0.113.3, b 203.0.113.4 --- br-in --- host 10.2.0.10
#   inside 10.1.0.1              203.0.113.2 and 10.2.0.254 of the active one
#
# load lib/common, lib/tun and lib/two before. Keepalived of Debian elects the active one.

shared_setup() {
	local x
	for x in keepalived tcpdump socat; do command -v "$x" >/dev/null || skip "no $x (make deps)"; done
	two_setup
	ip -n "$L" link del eth0
	ip netns del "$R"
	W=et$$x${BATS_TEST_NUMBER}w A=et$$x${BATS_TEST_NUMBER}a B=et$$x${BATS_TEST_NUMBER}b R=et$$x${BATS_TEST_NUMBER}h
	for x in "$W" "$A" "$B" "$R"; do ip netns add "$x" && ip -n "$x" link set lo up; done
	ip -n "$W" link add br-out type bridge
	ip -n "$W" link add br-in type bridge
	plug "$L" eth0 br-out 203.0.113.1/24
	ip -n "$L" addr add 10.1.0.1/32 dev lo 2>/dev/null || :
	plug "$R" eth0 br-in 10.2.0.10/24
	ip -n "$R" route add default via 10.2.0.254
	for x in "$A" "$B"; do
		plug "$x" out br-out "203.0.113.$([ "$x" = "$A" ] && echo 3 || echo 4)/24"
		plug "$x" in br-in "10.2.0.$([ "$x" = "$A" ] && echo 3 || echo 4)/24"
		ip netns exec "$x" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	ip -n "$W" link set br-out up
	ip -n "$W" link set br-in up
}

# plug NAMESPACE DEVICE BRIDGE ADDRESS: a cable from the device to the bridge, whose port there is NAMESPACE's letter and BRIDGE.
plug() {
	local port=${1: -1}$3
	ip -n "$1" link add "$2" type veth peer name "$port" netns "$W"
	ip -n "$W" link set "$port" master "$3" up
	ip -n "$1" addr add "$4" dev "$2"
	ip -n "$1" link set "$2" up
}

shared_teardown() {
	local x
	for x in "${W-}" "${A-}" "${B-}"; do [ -z "$x" ] || ip netns del "$x" 2>/dev/null || :; done
	two_teardown
}
