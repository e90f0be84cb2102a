#!/usr/bin/env bats
# Our own two ends rekey under traffic, and no packet is lost.
# shards: 4
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

teardown() { two_teardown; }

@test "two ends: the left rekeys phase 2 and phase 1, no ping is lost" {
	two_setup
	answer "${STEN4[@]}"
	begin --esp-lifetime 8 --ike-lifetime 12 "${NETS4[@]}"
	crosses
	lossless 20
	[ "$(records left.sa child-sa)" -ge 3 ]
	[ "$(records left.sa ike-sa)" -ge 2 ]
}

@test "two ends: both ends rekey at about the same time, no ping is lost" {
	two_setup
	answer --esp-lifetime 8 "${STEN4[@]}"
	begin --esp-lifetime 8 "${NETS4[@]}"
	crosses
	lossless 20
}

@test "two ends: rekeying with PFS through a NAT, no ping is lost" {
	two_setup nat
	FAST=(--ike aes128-sha256-modp1024 --esp aes128gcm16-modp1024)
	answer "${STEN4[@]}"
	begin --esp-lifetime 8 --ike-lifetime 12 "${NETS4[@]}"
	crosses
	lossless 20
	[ "$(records left.sa child-sa)" -ge 3 ]
	[ "$(records left.sa ike-sa)" -ge 2 ]
}

@test "two ends: an SA ends by volume and is rekeyed before" {
	two_setup
	answer "${STEN4[@]}"
	begin --esp-lifebytes 300Ki "${NETS4[@]}"
	crosses
	tcp_across 10.2.0.1 1500000
	[ "$(records left.sa child-sa)" -ge 3 ]
	crosses
}
