#!/usr/bin/env bats
# Our own two ends: IPv4 and IPv6 outside, either inside, raw and in UDP.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() { two_teardown; }

both_inside() {
	answer "$@" "${STEN4[@]}" "${STEN6[@]}"
	begin "$@" "${NETS4[@]}" "${NETS6[@]}"
	crosses
	crosses 2001:db8:2::1 2001:db8:1::1
	tcp_across 10.2.0.1
	tcp_across 2001:db8:2::1
	[ "$(records left.sa child-sa)" = 2 ]
}

@test "two ends: IPv4 and IPv6 through IPv4" {
	both_inside
	on_wire "ip proto 50" 2001:db8:2::1
}

@test "two ends: IPv4 and IPv6 through IPv6" {
	PEER=2001:db8:ff::2
	both_inside
	on_wire "ip6 proto 50"
	on_wire "ip6 proto 50" 2001:db8:2::1
}

@test "two ends: IPv4 and IPv6 through UDP over IPv4" {
	both_inside --natt force
	on_wire "udp port 4500" 2001:db8:2::1
}

@test "two ends: IPv4 and IPv6 through UDP over IPv6" {
	PEER=2001:db8:ff::2
	both_inside --natt force
	on_wire "ip6 and udp port 4500"
	on_wire "ip6 and udp port 4500" 2001:db8:2::1
}

@test "two ends: without networks the selectors are the IPv6 addresses of the ends" {
	PEER=2001:db8:ff::2
	answer --natt off
	begin --natt off
	eventually 10 grep -q "child SA" left.ike
	grep -q "using the local address 2001:db8:ff::1" left.ike
}
