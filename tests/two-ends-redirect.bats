#!/usr/bin/env bats
# Unity's load balancing: a gateway sends clients to another one. Ours and vpnc are the clients.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

OTHER=203.0.113.3

setup() {
	two_setup
	printf 'sesame\n' >alice.pw
	ip -n "$R" addr add "$OTHER/24" dev eth0
}
teardown() { two_teardown; }

# gateway NAME ADDRESS [OPTION]...: with a process group of its own; the tunnel is that of the second.
gateway() {
	local name=$1 at=$2 to='esp-tun -v --tun vpn0 --state-dir right.state'
	shift 2
	[ "$name" = second ] || to='cat >first.sa'
	two_start "$name" right "ike-respond -v --listen $at --psk-file gw.psk --local-id right.example --remote-id any \
		$(words "${FAST[@]}" --auth xauth-psk --xauth-exec true --pool 10.3.0.0/29 --local-ts 10.2.0.0/24 "$@") \
		2>$name.ike | $to"
	eventually 10 listens_at "$at" || { cat "$name.ike" "$name.log"; return 1; }
}
listens_at() { [ -n "$(right ss -Hlun "src = $1:500")" ]; }
ALICE=(--auth xauth-psk --xauth-user alice --xauth-password-file alice.pw --mode-config)

@test "redirect: our client goes to the other gateway, logs in there and gets its address" {
	gateway first "$PEER" --redirect "$OTHER"
	gateway second "$OTHER"
	begin "${ALICE[@]}"
	crosses 10.2.0.1 10.3.0.1 || { cat first.ike second.ike left.ike; return 1; }
	grep -q 'the gateway redirects this client to 203.0.113.3' left.ike
	grep -q 'the client is redirected to 203.0.113.3' first.ike
	sa-show --format json left.sa | jq -se 'map(select(.type == "child-sa")) | last | .remote.address == "203.0.113.3"'
	# the first gateway asked for no password, and has nothing left
	run ! grep -q 'alice' first.ike
	[ ! -s first.sa ]
}

@test "redirect: when the other gateway is gone, the client asks the first one again" {
	gateway first "$PEER" --redirect "$OTHER"
	gateway second "$OTHER"
	begin "${ALICE[@]}" --dpd-interval 1 --dpd-tries 1
	crosses 10.2.0.1 10.3.0.1
	kill -KILL -- "-${GROUP[second]}"
	eventually 5 group_gone "${GROUP[second]}"
	unset 'GROUP[second]'
	gateway second "$OTHER"
	again() { [ "$(grep -c 'the client is redirected' first.ike)" -ge 2 ]; }
	WITHIN=30
	eventually 30 again || { cat left.ike first.ike; return 1; }
	crosses 10.2.0.1 10.3.0.1
}

@test "redirect: A16: gateways that redirect in circles, to this end or to nobody: the client ends and says so" {
	gateway first "$PEER" --redirect "$OTHER"
	gateway second "$OTHER" --redirect "$PEER"
	run -1 left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --timeout 20 "${FAST[@]}" \
		"${ALICE[@]}" "$PEER"
	[[ $output == *"ike-initiate: the gateways redirect this client in circles: 203.0.113.3 would be number 5"* ]] ||
		{ echo "$output"; return 1; }
	two_stop first
	gateway first "$PEER" --redirect 203.0.113.1
	run -1 left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --timeout 20 "${FAST[@]}" \
		"${ALICE[@]}" "$PEER"
	echo "$output"
	[[ $output == *"the gateway redirects this client to 203.0.113.1, which is this end itself"* ]]
	# another address of this machine
	two_stop first
	gateway first "$PEER" --redirect 10.1.0.1
	run -1 left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --timeout 20 "${FAST[@]}" \
		"${ALICE[@]}" "$PEER"
	echo "$output"
	[[ $output == *"the gateway redirects this client to 10.1.0.1"*"hint: this machine has no route to that gateway"* ]]
}

@test "redirect: a gateway takes an IPv4 address, in a section of --peers too" {
	run -2 ike-respond --psk-file gw.psk --redirect nowhere
	[[ $output == *"'nowhere' is no IPv4 address"* ]]
	cat >peers.ini <<-END
		[clients]
		psk-file = gw.psk
		auth = xauth-psk
		local-id = right.example
		remote-id = left.example
		redirect = $OTHER
	END
	two_start first right "ike-respond -v --listen $PEER --peers peers.ini $(words "${FAST[@]}") --xauth-exec true 2>first.ike >first.sa"
	eventually 10 listens_at "$PEER"
	gateway second "$OTHER"
	begin "${ALICE[@]}"
	crosses 10.2.0.1 10.3.0.1
}

@test "redirect: vpnc goes to the other gateway" {
	local vpnc
	vpnc=$(command -v vpnc || command -v /usr/sbin/vpnc) || {
		[ "${SAPIPE_LAB-}" != require ] || { echo "no vpnc (make deps)"; return 1; }
		skip "no vpnc (make deps)"
	}
	FAST=(--exchange aggressive --ike aes128-sha1-modp1024 --esp aes128-sha1)
	gateway first "$PEER" --redirect "$OTHER"
	gateway second "$OTHER" --local-ts 0.0.0.0/0
	cat >script <<-'SH'
		#!/bin/bash
		[ "$reason" = connect ] || exit 0
		ip link set "$TUNDEV" up mtu 1300
		ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
		ip route add 10.2.0.0/24 dev "$TUNDEV" src "$INTERNAL_IP4_ADDRESS"
	SH
	chmod 755 script
	cat >vpnc.conf <<-END
		IPSec gateway $PEER
		IPSec ID labgroup
		IPSec secret lilies-and-roses
		Xauth username alice
		Xauth password sesame
		IKE DH Group dh2
		Perfect Forward Secrecy nopfs
		NAT Traversal Mode natt
		Script ./script
		Interface name vpn0
		Pidfile none
		No Detach
	END
	two_start left left "$vpnc --non-inter --debug 1 ./vpnc.conf"
	eventually 10 one_ping 10.2.0.1 || { cat left.out left.log first.ike second.ike; return 1; }
	grep -q 'the client is redirected to 203.0.113.3' first.ike
	grep -q 'alice gets 10.3.0.1' second.ike
}
