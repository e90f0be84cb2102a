#!/usr/bin/env bats
# Two spokes, each behind a NAT of its own: in a DMVPN and in an AutoConnect VPN.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034 # eval; each test is a subshell; lib/acvpn.bash reads variables
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/pki
load lib/acvpn

setup() { acvpn_setup; }
teardown() { acvpn_teardown; }

# The NAT of one that gives each mapping a port at random.
SHUFFLE='meta l4proto udp masquerade to :20000-60000 fully-random'

# finds_direct: they talk, and both come to the direct tunnel.
finds_direct() {
	local n
	talk
	for n in 1 2; do eventually 20 answers "$n" 64 100 || { tail -n 40 s1.err s2.err hub.err; return 1; }; done
	silence
	# The first one did not wait for the tunnel.
	grep -qh 'icmp_seq=1 .*ttl=63 ' ping1.out ping2.out
	for n in 1 2; do
		run ! seen "s$n" 'no direct tunnel'
		run ! grep "ID mismatch\|calls itself" "s$n.err"
	done
}

# stays_with_hub: they talk, while the tunnel between them is tried and does not come up, again and again. The tries are few, each
# spoke says once why, and nothing is lost.
IKE_FAST='--timeout 3'
stays_with_hub() {
	local n
	background dump ip netns exec "${P}net" tcpdump -i br0 -w wire.pcap -U 'udp and host 203.0.113.1 and host 203.0.113.2'
	eventually 5 grep -q listening dump.err
	talk
	for n in 1 2; do wait_for 20 "s$n" "no direct tunnel with 203.0.113.$((3 - n)): both ends are behind a NAT"; done
	# It is tried again after that.
	for n in 1 2; do wait_for 30 "s$n" "reconnecting with 203.0.113.$((3 - n)):4500"; done
	for n in 1 2; do eventually 20 answers "$n" 63 600; done
	silence
	kill "${BG[dump]}"
	ended dump || :
	for n in 1 2; do
		run ! grep 'ttl=64 ' "ping$n.out"
		[ "$(grep -c 'no direct tunnel' "s$n.err")" = 1 ]
		grep -q '^hint: a NAT that changes UDP port 4500' "s$n.err"
		# Less than one message a second: a try of 3 s has at most 4.
		[ "$(tshark -r wire.pcap -Y "isakmp && ip.src == 203.0.113.$n" 2>/dev/null | wc -l)" -lt "$((SECONDS + 10))" ]
	done
}

@test "two nats: dmvpn: NATs that keep ports: a direct tunnel, and no packet is lost" {
	behind_nat 1
	behind_nat 2
	dmvpn
	finds_direct
	seen s1 'negotiating phase 1 with 203.0.113.2:4500'
	seen s2 'negotiating phase 1 with 203.0.113.1:4500'
}

@test "two nats: dmvpn: both spokes have the same address behind their NATs" {
	behind_nat 1 masquerade 192.0.2.12
	behind_nat 2 masquerade 192.0.2.12
	dmvpn
	finds_direct
}

@test "two nats: dmvpn: NATs that change ports: all goes on by the hub, and no packet is lost" {
	IKE_OPTIONS=$IKE_FAST
	behind_nat 1 "$SHUFFLE"
	behind_nat 2 "$SHUFFLE"
	dmvpn
	stays_with_hub
}

@test "two nats: acvpn: NATs that keep ports: a direct tunnel, and no packet is lost" {
	behind_nat 1
	behind_nat 2
	connect
	finds_direct
	seen s1 'set: 10.255.255.2 at 203.0.113.2: both ends are behind a NAT and begin the tunnel'
}

@test "two nats: acvpn: one NAT changes ports: all goes on by the hub, and no packet is lost" {
	IKE_OPTIONS=$IKE_FAST
	behind_nat 1
	behind_nat 2 "$SHUFFLE"
	connect
	stays_with_hub
	wait_for 20 hub 'unconnected: 10.255.255.'
}
