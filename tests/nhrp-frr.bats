#!/usr/bin/env bats
# The tools of NHRP with FRR's nhrpd as hub and as spokes: registration, resolution, indication, shortcut, purge; plain and
# with a NAT; and our own tools at all ends.
# shards: 3
# shellcheck disable=SC2034 # lib/nhrp.bash reads HOLD
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/nhrp

setup() { nhrp_setup; }
teardown() { nhrp_teardown; }

@test "nhrp frr: nhrp-register at FRR's hub: one registration, the verdict, the record" {
	timeout 120 "$FRR" up
	frr hub
	in_node spoke1 true
	pipe spoke1 "sleep 60 | gre-tun --tun gre1 --local 203.0.113.11 --key 42"
	run -0 --separate-stderr in_node spoke1 bash -c "set -o pipefail; nhrp-register --tun gre1 --address 10.255.255.1 \
		--holding-time 30 203.0.113.254 | sa-show --format json"
	[[ $stderr == *"accepted by 10.255.255.254 for 30 s"*"no NAT"* ]]
	[[ $output == *'"kind":"nhs"'*'"proto":"10.255.255.254"'* || $output == *'"10.255.255.254"'* ]]
	eventually 5 vty_has hub 'show ip nhrp cache' 'dynamic +10\.255\.255\.1 +203\.0\.113\.11 '
	# The hub's own address: refused, in words.
	run -1 --separate-stderr in_node spoke1 nhrp-register --tun gre1 --address 10.255.255.254 203.0.113.254
	[[ $stderr == *"administratively prohibited (code 4)"* ]]
	# Nobody there.
	run -1 --separate-stderr in_node spoke1 nhrp-register --timeout 0.3 --tun gre1 --address 10.255.255.1 203.0.113.99
	[[ $stderr == *"no answer from 203.0.113.99"* ]]
}

@test "nhrp frr: our spoke at FRR's hub finds the direct way to FRR's spoke, and the other way round" {
	timeout 120 "$FRR" up
	frr hub spoke2
	spoke spoke1 203.0.113.11 1
	wire "$T/wire.pcap" pings spoke1 1 10.2.0.1 19 64
	grep -q 'indication: 10.2.0.1' "$T/spoke1.log"
	grep -q 'resolved: 10.2.0.0 at 203.0.113.12' "$T/spoke1.log"
	pings spoke2 2 10.1.0.1 19 64
	faultless "$T/wire.pcap"
	run -0 in_node spoke1 nhrp-resolve --tun gre1 --address 10.255.255.1 --nhs 203.0.113.254 10.2.0.9
	[[ $output == *"10.2.0.9 is behind 10.255.255.2 at 203.0.113.12"* ]]
	[[ $output == *"request 1  10.255.255.254 at 203.0.113.254"* ]]
}

@test "nhrp frr: FRR's spokes register at our hub and find the direct way" {
	timeout 120 "$FRR" up
	hub
	frr spoke1 spoke2
	eventually 10 grep -q 'registered: 10.255.255.1 at 203.0.113.11' "$T/hub.log"
	eventually 10 grep -q 'registered: 10.255.255.2 at 203.0.113.12' "$T/hub.log"
	wire "$T/wire.pcap" pings spoke1 1 10.2.0.1 19 64
	eventually 5 vty_has spoke1 'show ip nhrp shortcut' 'dynamic +10\.2\.0\.0/24'
	faultless "$T/wire.pcap"
}

@test "nhrp frr: ours alone, behind a NAT: the public spoke that begins loses nothing" {
	timeout 120 "$FRR" up --nat
	hub
	spoke spoke1 203.0.113.11 1
	spoke spoke2 192.0.2.12 2
	grep -q 'behind a NAT, seen as 203.0.113.1' "$T/spoke2.log"
	wire "$T/wire.pcap" pings spoke1 1 10.2.0.1 20 64
	faultless "$T/wire.pcap"
}

@test "nhrp frr: ours alone: the purge of a spoke that stops is obeyed at once" {
	timeout 120 "$FRR" up
	hub
	spoke spoke1 203.0.113.11 1
	spoke spoke2 203.0.113.12 2
	pings spoke1 1 10.2.0.1 20 64
	in_node spoke1 ip route | grep '10.2.0.0/24 via 10.255.255.2'
	kill -- "-${PIDS[2]}"
	eventually 3 grep -q 'purged: 10.2.0.0' "$T/spoke1.log"
	eventually 3 eval '! in_node spoke1 ip route | grep "10.2.0.0/24 via 10.255.255.2"'
}

@test "nhrp frr: FRR's public spoke begins, ours is behind the NAT and opens it" {
	timeout 120 "$FRR" up --nat
	frr hub spoke1
	spoke spoke2 192.0.2.12 2
	grep -q 'behind a NAT, seen as 203.0.113.1' "$T/spoke2.log"
	wire "$T/wire.pcap" pings spoke1 1 10.2.0.1 19 64
	faultless "$T/wire.pcap"
}

@test "nhrp frr: ours alone: a killed spoke ends with its holding time, and with it the others' way to it" {
	HOLD=4
	timeout 120 "$FRR" up
	hub
	spoke spoke1 203.0.113.11 1
	spoke spoke2 203.0.113.12 2
	pings spoke1 1 10.2.0.1 20 64
	kill -9 -- "-${PIDS[2]}"
	eventually 10 grep -q 'expired: 10.255.255.2' "$T/hub.log"
	eventually 5 eval '! in_node spoke1 ip route | grep "10.2.0.0/24 via 10.255.255.2"'
}

@test "nhrp frr: ours alone: a hub that is killed and comes back has its spokes within a third of the holding time" {
	HOLD=6
	timeout 120 "$FRR" up
	hub
	spoke spoke1 203.0.113.11 1
	kill -9 -- "-${PIDS[0]}"
	eventually 5 eval '! in_node hub ip link show gre1'
	hub
	eventually 4 grep -q 'registered: 10.255.255.1 at 203.0.113.11' "$T/hub.log"
	pings spoke1 1 10.0.0.1 20 64
	run ! grep -q 'lost: ' "$T/spoke1.log"
}

@test "nhrp frr: authentication in both forms: the wrong secret is refused and named" {
	local form
	for form in clear hmac; do
		timeout 120 "$FRR" up
		echo secret >"$T/good"
		echo other >"$T/bad"
		chmod 600 "$T/good" "$T/bad"
		hub --auth-file "$T/good" --auth "$form"
		spoke spoke1 203.0.113.11 1 --auth-file "$T/good" --auth "$form"
		pipe spoke2 "sleep 60 | gre-tun --tun gre1 --local 203.0.113.12 --key 42"
		run -1 --separate-stderr in_node spoke2 nhrp-register --timeout 1 --tun gre1 --address 10.255.255.2 \
			--auth-file "$T/bad" --auth "$form" 203.0.113.254
		eventually 3 grep -q 'refused: 10.255.255.2 at 203.0.113.12: a wrong secret (code 11)' "$T/hub.log"
		nhrp_teardown
		PIDS=()
	done
}
