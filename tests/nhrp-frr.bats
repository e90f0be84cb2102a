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

# nets_of NODE: the networks that its gre-tun has routes to.
nets_of() { in_node "$1" ip route | grep ' dev gre1' | grep -o '^10\.[12]\.[0-9.]*/[0-9]*' | sort | tr '\n' ' '; }
has_nets() { [ "$(nets_of "$1")" = "$2" ]; }

# registers_and_is_asked: spoke1 with networks, of which the hub accepts some; then spoke2's pings to one of them.
registers_and_is_asked() {
	spoke spoke1 203.0.113.11 1 --register-prefixes --prefix 10.7.0.0/24 --prefix 203.0.113.240/28 --prefix 10.8.1.0/24
	eventually 10 grep -q 'registered: 10.255.255.2 at 203.0.113.12' "$T/hub.log"
	in_node hub ip route add 10.2.0.0/24 via 10.255.255.2 dev gre1 onlink
	pings spoke2 2 10.1.0.1 19 64
}

@test "nhrp frr: networks registered at our hub: no static routes, one answer for FRR's spoke, and what is not allowed" {
	local i
	timeout 120 "$FRR" up
	# Among those of two thousand clients.
	for ((i = 0; i < 2000; i++)); do echo "10.254.$((i / 250)).$((i % 250))=10.$((100 + i / 250)).$((i % 250)).0/24"; done >"$T/nets"
	printf '10.255.255.1=10.1.0.0/16\n\t# both\n 10.8.0.0/16 # for all\r\n' >>"$T/nets"
	pipe hub "nhrp-serve -v --redirect --holding-time $HOLD --prefix 10.0.0.0/24 --tun gre1 --address 10.255.255.254 \
			--client-net '@$T/nets' --client-net 203.0.113.0/24 |
		gre-tun --tun gre1 --local 203.0.113.254 --key 42 --mtu 1400 --route --address 10.255.255.254/32"
	eventually 10 grep -q 'serving on' "$T/hub.log"
	frr spoke2
	wire "$T/wire.pcap" registers_and_is_asked
	# Each end says which network, and the code.
	grep 'refused: 10.7.0.0 at 203.0.113.254: the network: administratively prohibited (code 4)' "$T/spoke1.log"
	grep 'refused: 10.7.0.0 at 203.0.113.11: the network is not allowed: administratively prohibited (code 4)' "$T/hub.log"
	grep 'refused: 203.0.113.240 at 203.0.113.11: the network contains the server' "$T/hub.log"
	grep 'registered: 10.1.0.0 at 203.0.113.254: the network' "$T/spoke1.log"
	grep 'registered: 10.8.1.0 at 203.0.113.254: the network' "$T/spoke1.log"
	faultless "$T/wire.pcap"
	tshark -r "$T/wire.pcap" -Y 'nhrp.hdr.op.type == 4' -T fields -e nhrp.code -e nhrp.prefix 2>/dev/null >"$T/codes"
	grep -E '^0,0,4,4,0.*	32,24,24,28,24' "$T/codes" || { cat "$T/codes"; false; }
	has_nets hub '10.1.0.0/24 10.2.0.0/24 '
	in_node hub ip route | grep '10.8.1.0/24 via 10.255.255.1'
	# The server has answered for the whole network.
	eventually 5 vty_has spoke2 'show ip nhrp shortcut' 'dynamic +10\.1\.0\.0/24'
	run ! grep 'answered: ' "$T/spoke1.log"
	# The networks end with the registration.
	kill -- "-${PID[spoke1]}"
	eventually 5 has_nets hub '10.2.0.0/24 '
}

@test "nhrp frr: networks at FRR's hub: it refuses them with code 13, and the registration holds" {
	timeout 120 "$FRR" up
	frr hub
	spoke spoke1 203.0.113.11 1 --register-prefixes
	eventually 5 grep -q 'refused: 10.1.0.0 at 203.0.113.254: the network: the binding exists but is not unique (code 13)' "$T/spoke1.log"
	eventually 5 vty_has hub 'show ip nhrp cache' 'dynamic +10\.255\.255\.1 +203\.0\.113\.11 '
	pings spoke1 1 10.0.0.1 20 64
	pipe spoke2 "sleep 60 | gre-tun --tun gre1 --local 203.0.113.12 --key 42"
	run -1 --separate-stderr in_node spoke2 nhrp-register --tun gre1 --address 10.255.255.2 --register-prefixes \
		--prefix 10.2.0.0/24 203.0.113.254
	[[ $stderr == *"accepted by 10.255.255.254"* && $stderr == *"(code 13)"* ]]
}

@test "nhrp frr: ours alone: a network that a spoke registers no more is purged, and its prefix with it" {
	local hub="nhrp-serve -v --redirect --holding-time $HOLD --tun gre1 --address 10.255.255.254 --client-net 10.0.0.0/8"
	timeout 120 "$FRR" up
	pipe hub "$hub | gre-tun --tun gre1 --local 203.0.113.254 --key 42 --mtu 1400 --route --address 10.255.255.254/32"
	eventually 10 grep -q 'serving on' "$T/hub.log"
	spoke spoke1 203.0.113.11 1 --register-prefixes
	spoke spoke2 203.0.113.12 2 --register-prefixes
	eventually 5 has_nets hub '10.1.0.0/24 10.2.0.0/24 '
	pings spoke1 1 10.2.0.1 20 64
	has_nets spoke1 '10.2.0.0/24 '
	# Another registration of the same spoke, without the network.
	in_node spoke2 nhrp-register --tun gre1 --address 10.255.255.2 --holding-time 30 203.0.113.254 >/dev/null
	eventually 5 grep -q 'purged: 10.2.0.0 at 203.0.113.254' "$T/spoke1.log"
	eventually 5 has_nets spoke1 ''
	eventually 5 has_nets hub '10.1.0.0/24 '
}
