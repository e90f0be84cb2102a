#!/usr/bin/env bats
# Our own two ends under lifetimes of any kind.
# shards: 5
# Soaks of our own two ends: lifetimes shorter, longer and equal on either side, of IKE SAs and child SAs, and pings
# all the while, of which none may be lost. A short run by default; a long one, side by side:
# SOAK_SECONDS=600 TEST_TIMEOUT=900 SAPIPE_BUILD=build tests/run -j 5 tests/soak.bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() { two_teardown; }

# soak IKE-LEFT IKE-RIGHT CHILD-LEFT CHILD-RIGHT [SECONDS]: left is the initiator.
soak() {
	answer --ike-lifetime "$2" --esp-lifetime "$4" "${STEN4[@]}"
	begin --ike-lifetime "$1" --esp-lifetime "$3" "${NETS4[@]}"
	crosses
	lossless "${SOAK_SECONDS:-${5:-12}}"
	echo "# IKE SA $1 and $2 s, child SA $3 and $4 s: $(grep transmitted ping.out)"
	[ -z "${SOAK_SECONDS-}" ] || echo "# IKE SA $1 and $2 s, child SA $3 and $4 s: $(grep transmitted ping.out)" >&3
	# SAs were replaced meanwhile, and no end had to reconnect
	[ "$(grep -c "phase 1 with .* established" left.ike)" -ge "${REKEYS:-2}" ] ||
		[ "$(grep -c "child SA .* established" left.ike)" -ge 2 ]
	run ! grep -E "reconnecting|is dead" left.ike right.ike
}

@test "soak: equal lifetimes lose no ping" {
	soak 10 10 8 8
}

@test "soak: the responder's IKE SA lives shorter, no ping is lost" {
	soak 3600 8 3600 3600
}

@test "soak: the initiator's IKE SA lives shorter, no ping is lost" {
	soak 8 60 8 8
}

@test "soak: the responder's child SAs live shorter, no ping is lost" {
	soak 25 20 60 8
}

@test "soak: the initiator's child SAs live shorter, no ping is lost" {
	soak 20 25 8 60
}
