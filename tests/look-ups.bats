#!/usr/bin/env bats
# ike-initiate looks up its own address and the peer's name again, and tries each address of the name.
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() { two_teardown; }

# named COMMAND...: in left, with the file hosts as /etc/hosts.
named() {
	# shellcheck disable=SC2016 # for the inner shell
	left sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$T/hosts" "$@"
}

AGAIN=(--dpd-interval 1 --dpd-tries 2)

@test "look-ups: the local address is chosen again when the machine no longer has it" {
	answer "${STEN4[@]}"
	begin "${AGAIN[@]}" "${NETS4[@]}"
	crosses
	ip -n "$L" addr flush dev eth0
	ip -n "$L" addr add 203.0.113.7/24 dev eth0
	WITHIN=30 crosses
	grep -q "reconnecting with 203.0.113.2:500" left.ike
}

@test "look-ups: an address of --local that the machine no longer has is named" {
	answer "${STEN4[@]}"
	begin --local 203.0.113.1 "${AGAIN[@]}" "${NETS4[@]}"
	crosses
	ip -n "$L" addr flush dev eth0
	ip -n "$L" addr add 203.0.113.7/24 dev eth0
	eventually 30 grep -q "203.0.113.1 is no address of this machine any more" left.ike
}

@test "look-ups: the peer's name is looked up again for a new connection" {
	answer "${STEN4[@]}"
	echo "203.0.113.2 gw.lab.example" >hosts
	chmod 644 hosts	# the process that looks it up is no longer root
	two_start left left "mount --bind $T/hosts /etc/hosts; ike-initiate -v --keep --psk-file gw.psk \
		--local-id left.example --remote-id right.example $(words "${FAST[@]}" "${AGAIN[@]}" --timeout 3 "${NETS4[@]}") \
		gw.lab.example 2>left.ike | tee left.sa | esp-tun -v --tun vpn0 --state-dir left.state"
	crosses
	ip -n "$R" addr add 203.0.113.8/24 dev eth0
	ip -n "$R" addr del 203.0.113.2/24 dev eth0
	ip -n "$R" addr show dev eth0 | grep -q 203.0.113.8 || ip -n "$R" addr add 203.0.113.8/24 dev eth0
	echo "203.0.113.8 gw.lab.example" >hosts
	WITHIN=30 crosses
	grep -q "reconnecting with 203.0.113.8:500" left.ike
	two_stop left
}

@test "look-ups: each address of a name is tried within one --timeout, and named" {
	answer "${STEN4[@]}"
	printf '%s gw.lab.example\n' 203.0.113.3 203.0.113.2 >hosts
	run -0 --separate-stderr named ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example \
		"${FAST[@]}" "${NETS4[@]}" --timeout 6 --linger 0 -o one.sa gw.lab.example
	[[ $stderr == *"203.0.113.3 does not answer: trying 203.0.113.2, address 2 of 2 of gw.lab.example"* ]]
	[ "$(records one.sa child-sa)" = 1 ]
	# none answers: all are named, the status is that of no answer
	printf '%s gw.lab.example\n' 203.0.113.3 203.0.113.4 >hosts
	run -1 --separate-stderr named ike-initiate --psk-file gw.psk "${FAST[@]}" --timeout 2 -o two.sa gw.lab.example
	[[ $stderr == *"none of the 2 addresses of gw.lab.example answered"* ]]
	[[ $stderr == *203.0.113.3*203.0.113.4* ]]
	# the probes say which one they ask
	printf '%s gw.lab.example\n' 203.0.113.2 203.0.113.3 >hosts
	run -0 --separate-stderr named dpd-ping -c 1 --peer gw.lab.example
	[[ $stderr == *"gw.lab.example has 2 addresses: probing 203.0.113.2 only"* ]]
	run -0 --separate-stderr named natd-probe gw.lab.example
	[[ $stderr == *"gw.lab.example has 2 addresses: probing 203.0.113.2 only"* ]]
}
