#!/usr/bin/env bats
# What changes in a network with NHRP: shortcuts are renewed and end, spokes die and move, hubs come back. Our tools at all
# ends, and with FRR's nhrpd; plain and behind a NAT.
# shards: 4
# shellcheck disable=SC2016,SC2034,SC2153 # eval; variables that lib/nhrp.bash reads and sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/nhrp

setup() { nhrp_setup; }
teardown() { nhrp_teardown; }

route_of() { in_node "$1" ip route | grep "10.$2.0.0/24 via 10.255.255.$2" >/dev/null; }
no_route_of() { ! route_of "$@"; }

# die NODE: without a word.
die() {
	kill -9 -- "-${PID[$1]}"
	eventually 5 eval "! in_node $1 ip link show gre1 2>/dev/null"
}

# move NODE FROM TO: another address on eth0.
move() {
	in_node "$1" ip addr del "$2/24" dev eth0
	in_node "$1" ip addr add "$3/24" dev eth0
	[[ $3 != 192.0.2.* ]] || in_node "$1" ip route replace default via 192.0.2.1
}

# again NODE N TO: no ping is lost, and soon they go directly. The hub sends an indication for a pair of addresses every 2 s.
again() {
	pings "$1" "$2" "$3" 20 6.
	pings "$1" "$2" "$3" 20 64
}

# ours [--nat] [OPTION...]: all ends ours; sets NBMA2.
ours() {
	local nat=
	NBMA2=203.0.113.12
	if [ "${1:-}" = --nat ]; then nat=$1 NBMA2=192.0.2.12; shift; fi
	# shellcheck disable=SC2086 # none or one
	timeout 120 "$FRR" up $nat
	hub
	spoke spoke1 "${MOVES:-203.0.113.11}" 1 "$@"
	spoke spoke2 "${MOVES:-$NBMA2}" 2 "$@"
}

# keeps_direct OPTION...: for 2.5 holding times each ping is answered, and after the first few each directly.
keeps_direct() {
	HOLD=6
	ours "$@"
	pings spoke1 1 10.2.0.1 20 64
	in_node spoke1 ping -c 150 -i 0.1 -W 1 -I 10.1.0.1 10.2.0.1 >"$T/long" || :
	[ "$(grep -c 'bytes from' "$T/long")" -eq 150 ] || { tail -n 3 "$T/long"; return 1; }
	run ! grep 'ttl=63' "$T/long"
	[ "$(grep -c 'renewed: 10.2.0.0' "$T/spoke1.log")" -ge 2 ]
	# Nobody sends any more: no renewal, and the end.
	eventually 15 no_route_of spoke1 2
	eventually 5 no_route_of spoke2 1
}

@test "nhrp life: a shortcut in use is renewed, and each packet goes directly; then it ends" {
	keeps_direct
}

@test "nhrp life: a shortcut in use is renewed behind a NAT" {
	keeps_direct --nat
}

@test "nhrp life: an idle shortcut ends long before its holding time" {
	HOLD=600
	ours --idle 3
	pings spoke1 1 10.2.0.1 20 64
	route_of spoke1 2
	eventually 10 no_route_of spoke1 2
	eventually 10 no_route_of spoke2 1
	grep 'idle: 10.2.0.0 at 203.0.113.12' "$T/spoke1.log"
	# It comes back with the traffic, and while there is some it does not end.
	pings spoke1 1 10.2.0.1 20 64
	in_node spoke1 ping -q -c 60 -i 0.1 -W 1 -I 10.1.0.1 10.2.0.1 >"$T/long" || :
	grep ' 0% packet loss' "$T/long"
	[ "$(grep -c 'idle: ' "$T/spoke1.log")" -eq 1 ]
}

@test "nhrp life: a spoke behind a NAT dies: its registration and the shortcuts to it expire" {
	HOLD=6
	ours --nat
	pings spoke1 1 10.2.0.1 20 64
	die spoke2
	eventually 12 grep -q 'expired: 10.255.255.2' "$T/hub.log"
	eventually 5 no_route_of spoke1 2
}

@test "nhrp life: an FRR spoke dies: our hub and our spoke forget it after its holding time" {
	HOLD=6 LAB_HOLDTIME=6
	timeout 120 "$FRR" up
	hub
	frr spoke2
	spoke spoke1 203.0.113.11 1
	eventually 10 grep -q 'registered: 10.255.255.2 at 203.0.113.12' "$T/hub.log"
	pings spoke1 1 10.2.0.1 19 64
	kill -9 "$(cat "$LAB_STATE/frr/spoke2/nhrpd.pid")"
	eventually 15 grep -q 'expired: 10.255.255.2' "$T/hub.log"
	eventually 15 no_route_of spoke1 2
}

@test "nhrp life: our spoke dies: FRR's hub forgets it after its holding time" {
	HOLD=6 LAB_HOLDTIME=6
	timeout 120 "$FRR" up
	frr hub
	spoke spoke1 203.0.113.11 1
	eventually 5 vty_has hub 'show ip nhrp cache' 'dynamic +10\.255\.255\.1 +203\.0\.113\.11 '
	die spoke1
	eventually 15 eval '! vty_has hub "show ip nhrp cache" "dynamic +10\.255\.255\.1 "'
}

@test "nhrp life: the hub dies and comes back while a spoke is behind a NAT: all register again, and find the direct way" {
	HOLD=6
	ours --nat
	pings spoke1 1 10.2.0.1 20 64
	die hub
	hub
	eventually 6 grep -q 'registered: 10.255.255.1 at 203.0.113.11' "$T/hub.log"
	eventually 6 grep -q 'registered: 10.255.255.2 at 203.0.113.1: behind a NAT' "$T/hub.log"
	eventually 15 no_route_of spoke1 2
	pings spoke1 1 10.2.0.1 20 64
}

@test "nhrp life: FRR's hub restarts: our spokes register again" {
	HOLD=6 LAB_HOLDTIME=6
	timeout 120 "$FRR" up
	frr hub
	spoke spoke1 203.0.113.11 1
	spoke spoke2 203.0.113.12 2
	pings spoke1 1 10.2.0.1 19 64
	timeout 120 "$FRR" stop hub
	frr hub
	eventually 10 vty_has hub 'show ip nhrp cache' 'dynamic +10\.255\.255\.1 +203\.0\.113\.11 '
	eventually 10 vty_has hub 'show ip nhrp cache' 'dynamic +10\.255\.255\.2 +203\.0\.113\.12 '
	eventually 15 no_route_of spoke1 2
	pings spoke1 1 10.2.0.1 19 64
}

@test "nhrp life: our hub restarts: FRR's spokes register again" {
	HOLD=6 LAB_HOLDTIME=6
	timeout 120 "$FRR" up
	hub
	frr spoke1 spoke2
	eventually 10 grep -q 'registered: 10.255.255.2' "$T/hub.log"
	die hub
	hub
	eventually 15 grep -q 'registered: 10.255.255.1 at 203.0.113.11' "$T/hub.log"
	eventually 15 grep -q 'registered: 10.255.255.2 at 203.0.113.12' "$T/hub.log"
	pings spoke1 1 10.2.0.1 19 64
}

@test "nhrp life: a spoke moves to another address: the hub knows within seconds, and purges the shortcuts to the old one" {
	MOVES=any ours
	pings spoke1 1 10.2.0.1 20 64
	move spoke2 203.0.113.12 203.0.113.77
	eventually 5 grep -q 'registered: 10.255.255.2 at 203.0.113.77' "$T/hub.log"
	eventually 3 grep -q 'purged: 10.2.0.0' "$T/spoke1.log"
	again spoke1 1 10.2.0.1
	run -0 in_node spoke1 nhrp-resolve --tun gre1 --address 10.255.255.1 --nhs 203.0.113.254 10.2.0.9
	[[ $output == *"at 203.0.113.77"* ]]
}

# The spoke sees nothing of it. (Another address inside is the NAT's trouble: GRE has no ports, so until the router forgets the
# old one it has no mapping for the same peer.)
@test "nhrp life: the NAT of a spoke gets another address: the next refresh finds that out, and all find the way again" {
	HOLD=6 MOVES=any
	ours --nat
	pings spoke1 1 10.2.0.1 20 64
	in_node router ip addr del 203.0.113.1/24 dev outside
	in_node router ip addr add 203.0.113.2/24 dev outside
	eventually 10 grep -q 'registered: 10.255.255.2 at 203.0.113.2: behind a NAT, NBMA address 192.0.2.12' "$T/hub.log"
	eventually 5 grep -q 'behind a NAT, seen as 203.0.113.2' "$T/spoke2.log"
	eventually 3 grep -q 'purged: 10.2.0.0' "$T/spoke1.log"
	again spoke1 1 10.2.0.1
	# And the public one moves.
	move spoke1 203.0.113.11 203.0.113.78
	eventually 5 grep -q 'registered: 10.255.255.1 at 203.0.113.78' "$T/hub.log"
	eventually 3 grep -q 'purged: 10.1.0.0' "$T/spoke2.log"
	# An answer that takes the direct way before the NAT has a mapping for the new address is lost.
	pings spoke2 2 10.1.0.1 18 6.
	pings spoke2 2 10.1.0.1 20 64
}

@test "nhrp life: our spoke moves under FRR's hub, and FRR's spoke under ours" {
	timeout 120 "$FRR" up
	frr hub
	spoke spoke1 any 1
	move spoke1 203.0.113.11 203.0.113.78
	eventually 5 vty_has hub 'show ip nhrp cache' 'dynamic +10\.255\.255\.1 +203\.0\.113\.78 '
	pings spoke1 1 10.0.0.1 20 64
	nhrp_teardown
	PIDS=()
	timeout 120 "$FRR" up
	hub
	frr spoke2
	eventually 10 grep -q 'registered: 10.255.255.2 at 203.0.113.12' "$T/hub.log"
	move spoke2 203.0.113.12 203.0.113.77
	eventually 10 grep -q 'registered: 10.255.255.2 at 203.0.113.77' "$T/hub.log"
}
