#!/usr/bin/env bats
# The examples of esp-tun(8), ike-initiate(8) and ike-respond(8) as they are printed, between two namespaces.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() {
	two_setup
	command -v man >/dev/null || skip "no man (make deps)"
}
teardown() { two_teardown; }

# example PAGE TEXT: the commands of the block that contains TEXT.
example() {
	awk -v text="$2" '/^\.Bd/ { block = ""; on = 1; next } /^\.Ed/ { if (index(block, text)) printf "%s", block; on = 0 }
		on { block = block $0 "\n" }' "$SAPIPE_TOP/man/$1" | sed 's/\\e$/\\/'
}

# in_own_state SIDE NAME SCRIPT: in the background, with a /var/lib and a /run of its own.
in_own_state() {
	[ -n "$3" ]
	printf '%s' "$3" >"$T/$2.sh"
	two_start "$2" "$1" "exec unshare -m bash -ec '
		mount --make-rprivate /
		mkdir -p var.$1
		mount --bind var.$1 /var/lib
		cd \"$T/$1\"
		. ../$2.sh'"
}

# ends: a directory for each end, with the secret.
ends() {
	mkdir left right
	cp gw.psk left
	cp gw.psk right
}

# gateway: the example of ike-respond(8), for peers of any ID.
gateway() {
	in_own_state right gateway "ike-respond --psk-file gw.psk --local-ts 10.2.0.0/24 | esp-tun --tun vpn0"
	eventually 10 listens || { cat gateway.log; return 1; }
}

tunnel_logs() { tail -n 20 ./*.log; }

@test "examples: ike-respond(8) serves the tunnel of ike-initiate(8)" {
	ends
	in_own_state right gateway "$(example ike-respond.8 'ike-respond --psk-file gw.psk --remote-id' |
		sed 's/ike-respond /&--local-id right.lab.example /')"
	eventually 10 listens || { cat gateway.log; return 1; }
	in_own_state left tunnel "$(example ike-initiate.8 'ike-initiate --keep')"
	crosses || { tunnel_logs; return 1; }
}

@test "examples: esp-tun(8): a tunnel, then each step from files, and the last one again" {
	local round
	ends
	gateway
	in_own_state left tunnel "$(example esp-tun.8 'ike-initiate --keep')"
	eventually 15 one_ping || { tunnel_logs; return 1; }
	two_stop tunnel
	example esp-tun.8 'esp-tun --tun vpn0 --stats' >steps
	[ "$(wc -l <steps)" = 3 ]
	(cd left && left bash -ec "$(head -n 2 ../steps)")
	for round in 1 2; do
		in_own_state left "last$round" "$(tail -n 1 steps)"
		eventually 15 one_ping || { tunnel_logs; return 1; }
		two_stop "last$round"
		grep -q "out: " "last$round.log"
	done
	# and from ike-initiate(8), the delete of both
	(cd left && left bash -ec "$(example ike-initiate.8 'ike-initiate --delete' | tail -n 1)")
	eventually 10 grep -q "vpn0 is down" gateway.log || { tunnel_logs; return 1; }
}

@test "examples: esp-tun(8): two peers on one device; captures on the wire and by --pcap" {
	local packets
	ends
	sa_make child --local 203.0.113.1 --remote 203.0.113.2 --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 left/berne.sa right/left.sa
	sa_make child --local 203.0.113.1 --remote 203.0.113.9 --local-ts 10.1.0.0/24 --remote-ts 10.9.0.0/24 left/basle.sa none
	in_own_state right peer "esp-tun --tun vpn0 left.sa"
	in_own_state left tunnel "$(example esp-tun.8 'cat berne.sa basle.sa')"
	eventually 15 one_ping || { tunnel_logs; return 1; }
	left ip route get 10.9.0.1 | grep -q "dev vpn0"
	cp left/berne.sa left/p2.sa
	example esp-tun.8 'tcpdump -i eth0' >offline
	(cd left && exec setsid ip netns exec "$L" bash -c "exec $(sed -n 's/^tcpdump/& -Z root -U/p;q' ../offline)") >dump.log 2>&1 3>&- 4>&- &
	GROUP[dump]=$!
	eventually 10 grep -q listening dump.log || { cat dump.log; return 1; }
	left ping -q -c 3 -i 0.1 10.2.0.1
	eventually 5 eval '[ "$(tcpdump -r left/esp.pcap 2>/dev/null | wc -l)" -ge 6 ]'
	two_stop dump
	packets=$(cd left && bash -ec "$(tail -n 2 ../offline)" 2>../offline.err)
	[ "$(grep -c 'ICMP echo' <<<"$packets")" = 6 ] || { cat offline.err; echo "$packets"; return 1; }
	two_stop tunnel
	example esp-tun.8 'esp-tun --tun vpn0 --pcap' >debug
	in_own_state left tunnel "$(head -n 1 debug)"
	eventually 15 one_ping || { tunnel_logs; return 1; }
	two_stop tunnel
	run -0 bash -ec "cd left; $(tail -n 2 debug)"
	[[ $output == *"sent ESP "*"received ESP "* ]]
	[ "$(tcpdump -r left/clear.pcapng 2>/dev/null | grep -c 'ICMP echo')" -ge 2 ]
}
