#!/usr/bin/env bats
# ike-respond | esp-tun as the IPsec half of an L2TP server: clients with the IDs and proposals of Windows, macOS and Android,
# behind one NAT; a UDP echo stands in for the L2TP daemon.
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() {
	have_python scapy || skip "no python3-scapy (make deps)"
	two_setup nat
	second_client
	cat >peers.ini <<-'INI'
		[l2tp]
		address = any
		psk-file = gw.psk
		remote-id = any
		ike = aes256-sha1-modp2048, aes128-sha1-modp2048, 3des-sha1-modp1024
		esp = aes128-sha1, 3des-sha1
		mode = transport
		local-ts = 203.0.113.2[udp/1701]
		remote-ts = 0.0.0.0/0[udp]
	INI
}
teardown() {
	two_teardown
	netns_gone "${M-}"
}

# A second client 192.0.3.10 behind the router of two_setup.
second_client() {
	M=et$$x${BATS_TEST_NUMBER}m
	ip netns add "$M"
	ip -n "$N" link add inside2 type veth peer name eth0 netns "$M"
	ip -n "$N" addr add 192.0.3.1/24 dev inside2
	ip -n "$N" link set inside2 up
	ip -n "$M" link set lo up
	ip -n "$M" addr add 192.0.3.10/24 dev eth0
	ip -n "$M" link set eth0 up
	ip -n "$M" route add default via 192.0.3.1
}

# server: the gateway, and the echo behind UDP 1701.
server() {
	two_start right right "ike-respond -v --peers peers.ini 2>right.ike | tee right.sa | esp-tun -v --tun vpn0 --state-dir right.state"
	background echo ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/echo_udp.py" 203.0.113.2 1701
	eventually 10 listens && eventually 10 grep -q listening "$T/echo.out" || { cat right.ike right.log; return 1; }
}

# client NAME NAMESPACE ADDRESS OPTION...: the ID of phase 1 is its private address, which the server does not know.
client() {
	local name=$1 ns=$2 addr=$3
	shift 3
	ip netns exec "$ns" setsid bash -c "ike-initiate -v --keep --psk-file gw.psk --mode transport --local-ts ${addr}[udp/1701] \
		--remote-ts 203.0.113.2[udp/1701] $(words "$@") 203.0.113.2 2>$name.ike | tee $name.sa |
		esp-tun -v --tun vpn0 --state-dir $name.state" </dev/null >"$name.out" 2>"$name.log" 3>&- 4>&- &
	GROUP[$name]=$!
	eventually 10 grep -q 'vpn0 is up' "$name.log" || { tail -n 20 "$name.ike" "$name.log" right.ike right.log; return 1; }
}

# says NAMESPACE TEXT: what the echo answers to a datagram from port 1701, in $ANSWER: "ADDRESS PORT TEXT".
says() {
	ANSWER=$(ip netns exec "$1" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/ask_udp.py" 203.0.113.2 1701 1701 "$2") && return
	tail -n 20 right.ike right.log
	return 1
}

# answered TEXT: the echo of says() was this.
answered() {
	[ "$ANSWER" = "$1" ] && return
	echo "the answer is '$ANSWER', not '$1'"
	tail -n 30 right.ike right.log one.ike one.log two.ike
	return 1
}

@test "l2tp: two clients behind one NAT, both with port 1701: each gets its own answers, also after a rekey" {
	server
	background sniff ip netns exec "$R" "$SAPIPE_TOP/tests/lib/sniff.py" eth0 "$T/right.pcap" 900
	eventually 15 grep -q listening "$T/sniff.out"
	# Both call themselves 192.168.1.10, as many clients in the world do: they are two peers all the same.
	client one "$L" 192.0.2.10 --local-id 192.168.1.10 --ike aes256-sha1-modp2048,3des-sha1-modp1024 --esp aes128-sha1
	client two "$M" 192.0.3.10 --local-id 192.168.1.10 --ike aes128-sha1-modp2048 --esp aes128-sha1 --esp-lifetime 6
	# Only UDP 1701 enters the tunnel: everything else goes to the address of the NAT as before.
	right ip rule | grep -q "ipproto udp sport 1701"
	right ping -q -c 1 -W 20 203.0.113.1
	says "$L" first
	answered "203.0.113.1 1701 first"
	says "$M" second
	[[ $ANSWER == "203.0.113.1 "*" second" ]]
	other=${ANSWER#203.0.113.1 } other=${other% second}
	[ "$other" != 1701 ]
	# in turn, and at the same time
	says "$L" third
	answered "203.0.113.1 1701 third"
	(says "$L" fourth; answered "203.0.113.1 1701 fourth") &
	says "$M" fifth
	answered "203.0.113.1 $other fifth"
	wait $!
	# The port stays the client's own when its SA is rekeyed.
	eventually 15 eval '[ "$(grep -c "child SA .* established" two.ike)" -ge 2 ]'
	says "$M" sixth
	answered "203.0.113.1 $other sixth"
	says "$L" seventh
	answered "203.0.113.1 1701 seventh"
	run ! grep -q INITIAL-CONTACT right.ike
	stop_background
	/usr/bin/python3 "$SAPIPE_TOP/tests/lib/wire_judge.py" right.sa right.pcap -- >judged || { cat judged; return 1; }
	grep -q "'udp'" judged
	# The selector is the address that packets arrive from; the client's own is in nat-oa.
	sa-show right.sa | grep -q 'remote-ts  *203.0.113.1/32 proto 17 port 1701'
	sa-show right.sa | grep -q 'nat-oa  *local 203.0.113.2, remote 192.0.3.10'
}

@test "l2tp: the first offers of Windows, macOS and old Android are answered, the gateway may be behind a NAT too" {
	local offer
	server
	# Windows begins with curves that are not configured here, Android of old has group 2 alone.
	for offer in aes256-sha1-ecp384,aes128-sha1-ecp256,aes256-sha1-modp2048,3des-sha1-modp2048 \
		aes256-sha256-modp2048,aes256-sha1-modp2048,aes256-sha1-modp1024,3des-sha1-modp1024 \
		aes128-sha1-modp1024,3des-sha1-modp1024; do
		ip netns exec "$L" ike-initiate --look --psk-file gw.psk --mode transport --local-ts '192.0.2.10[udp/1701]' \
			--remote-ts '203.0.113.2[udp/1701]' --ike "$offer" --esp aes256-sha1,aes128-sha1,3des-sha1 -o look.sa 203.0.113.2
		sa-show look.sa | grep -q 'mode  *transport, ESP in UDP'
	done
	two_stop right
	# The client dials the NAT's address, and its IDcr is that; the gateway itself has a private one.
	ip netns exec "$N" nft 'add chain ip two prerouting { type nat hook prerouting priority dstnat; }'
	ip netns exec "$N" nft add rule ip two prerouting iifname outside udp dport '{ 500, 4500 }' dnat to 192.0.2.10
	sed -i 's/203.0.113.2\[/192.0.2.10[/' peers.ini
	two_start right left "ike-respond -v --peers peers.ini 2>right.ike | tee right.sa | esp-tun -v --tun vpn0 --state-dir right.state"
	eventually 10 eval '[ -n "$(left ss -Hlun "sport = :500")" ]'
	ip netns exec "$R" ike-initiate --look --psk-file gw.psk --mode transport --local-ts '203.0.113.2[udp/1701]' \
		--remote-id any --remote-ts '203.0.113.1[udp/1701]' --ike aes256-sha1-modp2048 --esp aes128-sha1 -o look.sa 203.0.113.1 ||
		{ cat right.ike; return 1; }
	sa-show right.sa | grep -q 'local-ts  *192.0.2.10/32 proto 17 port 1701'
	sa-show right.sa | grep -q 'nat-oa  *local 203.0.113.1, remote 203.0.113.2'
}
