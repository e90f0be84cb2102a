#!/usr/bin/env bats
# Our own two ends with a NAT router between them.
# shards: 4
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup nat; }
teardown() { two_teardown; }

# speaks VERSION: both ends know that one alone; the tunnel crosses, the records say so.
speaks() {
	answer --natt-versions "$1" "${STEN4[@]}"
	begin --natt-versions "$1" "${NETS4[@]}"
	crosses
	tcp_across 10.2.0.1
	grep -q "NAT-T $1: a NAT in front of this end" left.ike
	grep -q "NAT-T $1: a NAT in front of the peer" right.ike
	run ! on_wire "ip proto 50"
}

@test "two ends and NAT: RFC 3947, ESP in UDP 4500" {
	speaks rfc3947
	on_wire "udp port 4500"
}

@test "two ends and NAT: draft 03" {
	speaks draft-03
	on_wire "udp port 4500"
}

@test "two ends and NAT: draft 02" {
	speaks draft-02
	on_wire "udp port 4500"
}

@test "two ends and NAT: draft 00, all on port 500" {
	speaks draft-00
	on_wire "udp port 500"
	run ! on_wire "udp port 4500"
}

@test "two ends and NAT: the versions differ: the best that both speak" {
	answer --natt-versions draft-02,draft-00 "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
	grep -q "NAT-T draft-02" left.ike
}

@test "two ends and NAT: aggressive mode floats too" {
	answer --exchange aggressive "${STEN4[@]}"
	begin --exchange aggressive "${NETS4[@]}"
	crosses
	on_wire "udp port 4500"
}

@test "two ends and NAT: only the end behind the NAT sends keepalives" {
	answer --natt-keepalive 0.2 "${STEN4[@]}"
	begin --natt-keepalive 0.2 "${NETS4[@]}"
	crosses
	timeout 60 ip netns exec "$L" tcpdump -lni eth0 -c 3 'src 192.0.2.10 and udp port 4500 and udp[4:2] = 9'
	run -124 timeout 2 ip netns exec "$R" tcpdump -lni eth0 -c 1 'src 203.0.113.2 and udp port 4500 and udp[4:2] = 9'
}

@test "two ends and NAT: a new mapping while the tunnel is idle reaches esp-tun from IKE" {
	answer --dpd-interval off "${STEN4[@]}"
	begin --natt-keepalive 1 --dpd-interval 1 "${NETS4[@]}"
	crosses
	pkill -STOP -x esp-tun -g "${GROUP[left]}"	# no packet of ESP that would show the mapping
	ip -n "$N" addr add 203.0.113.9/24 dev outside
	ip -n "$N" addr del 203.0.113.1/24 dev outside
	ip -n "$N" addr show dev outside | grep -q 203.0.113.9 || ip -n "$N" addr add 203.0.113.9/24 dev outside
	eventually 10 grep -q "peer moved from 203.0.113.1:.* to 203.0.113.9:" right.log || { logs; return 1; }
	pkill -CONT -x esp-tun -g "${GROUP[left]}"
	right ping -q -c 1 -W 20 10.1.0.1 || { logs; return 1; }
	# records of the event fit the schema
	[ "$(records right.sa event)" -ge 1 ]
}

@test "two ends and NAT: the router maps to another address: both ends continue" {
	answer --dpd-interval 2 "${STEN4[@]}"
	begin --natt-keepalive 1 --dpd-interval 2 "${NETS4[@]}"
	crosses
	# a masqueraded connection ends with its address
	ip -n "$N" addr add 203.0.113.9/24 dev outside
	ip -n "$N" addr del 203.0.113.1/24 dev outside
	ip -n "$N" addr show dev outside | grep -q 203.0.113.9 || ip -n "$N" addr add 203.0.113.9/24 dev outside
	crosses
	tcp_across 10.2.0.1
	sleep 5
	run ! grep "is dead" left.ike right.ike
	[ "$(records right.sa ike-sa)" = 1 ]
	lossless 2
}

@test "two ends and NAT: after the mapping moved the right can still rekey and delete the SAs of the left" {
	answer --esp-lifetime 8 "${STEN4[@]}"
	begin --natt-keepalive 1 --esp-lifetime 60 "${NETS4[@]}"
	crosses
	ip -n "$N" addr add 203.0.113.9/24 dev outside
	ip -n "$N" addr del 203.0.113.1/24 dev outside
	ip -n "$N" addr show dev outside | grep -q 203.0.113.9 || ip -n "$N" addr add 203.0.113.9/24 dev outside
	crosses
	lossless 8
	two_stop right
	eventually 5 grep -q "deleted by the peer" left.ike
}
