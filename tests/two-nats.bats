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

CRYPT='--mode transport --ike aes128-sha256-modp2048 --esp aes128gcm16 --psk-file gw.psk'

# dmvpn: the hub and both spokes of a DMVPN with IPsec, each behind its NAT.
dmvpn() {
	local n
	printf 'lilies-and-roses\n' >gw.psk
	end hub "ike-respond -v $CRYPT | esp-tun -v --pass --tun vpn0 --state-dir hub.state --control $T/hub.ctl |
		gre-tun --require-sa --tun gre1 --local 203.0.113.254 --key 42 --mtu 1300 --address 10.255.255.254/32 \
			- <(nhrp-serve -v --redirect --holding-time 60 --tun gre1 --address 10.255.255.254)"
	wait_for 20 hub 'serving on gre1'
	at hub ip route add 10.1.0.0/24 via 10.255.255.1 dev gre1 onlink
	at hub ip route add 10.2.0.0/24 via 10.255.255.2 dev gre1 onlink
	for n in 1 2; do
		end "s$n" "nhrp-register -v --keep --shortcut --prefix 10.$n.0.0/24 --holding-time 60 --tun gre1 --address 10.255.255.$n \
				203.0.113.254 | tee s$n.nhrp |
			ike-initiate -v --keep --bindings - $CRYPT $IKE_OPTIONS 203.0.113.254 | tee s$n.rec |
			esp-tun -v --pass --tun vpn0 --state-dir s$n.state --control $T/s$n.ctl |
			gre-tun --require-sa --tun gre1 --local ${INNER[$n]:-192.0.2.1$n} --key 42 --mtu 1300 --address 10.255.255.$n/32"
		wait_for 20 "s$n" 'registered: '
		eventually 5 at "s$n" ip route add 10.0.0.0/8 via 10.255.255.254 dev gre1 onlink src "10.$n.0.1"
	done
}

# connect: an AutoConnect VPN of the same.
connect() {
	connect_hub
	connect_spoke 1 s1
	connect_spoke 2 s2
	eventually 15 at hub ip route get 10.1.0.1
	eventually 15 at hub ip route get 10.2.0.1
}

# talk: both spokes ping each other, until "silence".
talk() {
	background ping1 ip netns exec "${P}s1" ping -i 0.02 -I 10.1.0.1 10.2.0.1
	background ping2 ip netns exec "${P}s2" ping -i 0.02 -I 10.2.0.1 10.1.0.1
}
# answers N TTL COUNT: the pings of spoke N have so many with this TTL.
answers() { [ "$(grep -c "ttl=$2 " "ping$1.out")" -ge "$3" ]; }
# silence: the end of "talk"; no answer is missing, neither of the first packet nor later.
silence() {
	local n
	for n in 1 2; do
		kill -INT "${BG[ping$n]}"
		ended "ping$n" || :
		sed -n 's/.*icmp_seq=\([0-9]*\) .*ttl=.*/\1/p' "ping$n.out" | sort -nu | awk '$1 != NR { print "no answer to " NR; exit 1 }
			END { exit !(NR > 50) }' || { tail -n 4 "ping$n.out"; tail -n 40 s1.err s2.err hub.err; return 1; }
	done
}

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
	INNER=([1]=192.0.2.12 [2]=192.0.2.12)
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
