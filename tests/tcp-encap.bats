#!/usr/bin/env bats
# Cisco's TCP encapsulation between our own ends; tshark's dissector tcpencap reads what is on the wire.
# shards: 4
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

TCP=(--encap tcp)

setup() {
	case $BATS_TEST_DESCRIPTION in
	*NAT66*) two_setup nat && nat66 ;;
	*NAT*) two_setup nat ;;
	*) two_setup ;;
	esac
	command -v tshark >/dev/null || skip "no tshark (make deps)"
}
teardown() { two_teardown; }

# capture NAME [FILTER]: left's wire into NAME.pcap until the end of the test.
capture() {
	background "$1" ip netns exec "$L" tcpdump --immediate-mode -B 16384 -lni eth0 -s 4096 -U -w "$T/$1.pcap" "${2:-tcp port 10000}"
	eventually 5 grep -q listening "$T/$1.err"
}

# nat66: the router between both ends translates IPv6, too: left is 2001:db8:aa::10 inside and 2001:db8:ff::1 outside.
nat66() {
	ip -n "$L" addr add 2001:db8:aa::10/64 dev eth0 nodad
	ip -n "$N" addr add 2001:db8:aa::1/64 dev inside nodad
	ip -n "$N" addr add 2001:db8:ff::1/64 dev outside nodad
	ip -n "$R" addr add 2001:db8:ff::2/64 dev eth0 nodad
	ip -n "$L" -6 route add default via 2001:db8:aa::1
	ip netns exec "$N" sysctl -qw net.ipv6.conf.all.forwarding=1
	ip netns exec "$N" nft -f - <<-'NFT'
		table ip6 two {
			chain postrouting {
				type nat hook postrouting priority srcnat;
				oifname "outside" masquerade
			}
		}
	NFT
	PEER=2001:db8:ff::2
}

# shark NAME FILTER: how many frames of the capture tshark's dissectors find to be so.
shark() { tshark -r "$T/$1.pcap" -Y "$2" 2>/dev/null | wc -l; }

# silent SIDE: the kernel there has neither rules nor sockets of ours.
silent() {
	[ -z "$("$1" nft list ruleset)" ] && [ -z "$("$1" ss -Hltn 'sport = :10000')" ] && [ -z "$("$1" ss -Hawn)" ]
}

@test "TCP encapsulation: a tunnel in TCP 10000 and nothing else" {
	capture wire "ip and not icmp"
	answer "${TCP[@]}" "${STEN4[@]}"
	begin "${TCP[@]}" "${NETS4[@]}"
	crosses
	tcp_across 10.2.0.1
	tcp_across 10.1.0.1 300000 back
	[ "$(shark wire "!tcp.port==10000")" = 0 ]
	# A second SYN is due where a busy machine answers after a second.
	[ "$(shark wire "tcp.flags.syn==1 && !tcp.analysis.retransmission")" = 2 ]
	[ "$(shark wire "tcpencap && isakmp && udp.checksum==0")" -ge 9 ]
	[ "$(shark wire "tcpencap && esp")" -ge 400 ]
	# all that has a payload is one or the other, and whole
	[ "$(shark wire "tcp.len > 0 && !(tcpencap && (isakmp || esp))")" = 0 ]
	[ "$(shark wire "_ws.malformed")" = 0 ]
	# 1500 less 20 of IP, 20 of TCP, 16 of the trailer; nothing is fragmented
	[ "$(shark wire "ip.len > 1500 || ip.flags.mf==1")" = 0 ]
	[ "$(shark wire "ip.len > 1480")" -ge 200 ]
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" left.sa right.sa
	run -0 bash -c 'sa-show left.sa | grep -c "in TCP"'
	[ "$output" = 2 ]
	# an occasional tool joins the port
	run -0 ip netns exec "$L" dpd-ping -c 2 -i 0.1 left.sa
}

@test "TCP encapsulation: through a NAT, 3 MB each way, and a new mapping" {
	answer "${TCP[@]}" "${STEN4[@]}"
	begin "${TCP[@]}" "${NETS4[@]}"
	crosses
	tcp_across 10.2.0.1 3000000
	tcp_across 10.1.0.1 3000000 back
	run ! grep "NAT-T" left.ike right.ike
	# a masqueraded connection ends with its address
	ip -n "$N" addr add 203.0.113.9/24 dev outside
	ip -n "$N" addr del 203.0.113.1/24 dev outside
	ip -n "$N" addr show dev outside | grep -q 203.0.113.9 || ip -n "$N" addr add 203.0.113.9/24 dev outside
	WITHIN=60 crosses
	grep -q "peer moved from 203.0.113.1:.* to 203.0.113.9:" right.ike right.log
}

# crosses_both: IPv4 and IPv6 inside, in both directions, data too.
crosses_both() {
	crosses
	crosses 2001:db8:2::1 2001:db8:1::1
	tcp_across 10.2.0.1
	tcp_across 2001:db8:2::1
	tcp_across 2001:db8:1::1 300000 back
}

@test "TCP encapsulation: a tunnel in TCP 10000 over IPv6 and nothing else" {
	PEER=2001:db8:ff::2
	capture wire "ip6 and not icmp6"
	answer "${TCP[@]}" "${STEN4[@]}" "${STEN6[@]}"
	begin "${TCP[@]}" "${NETS4[@]}" "${NETS6[@]}"
	crosses_both
	[ "$(shark wire "!(tcp.port==10000 || icmpv6)")" = 0 ]
	# A second SYN is due where neighbour discovery kept the first one back for a second.
	[ "$(shark wire "tcp.flags.syn==1 && !tcp.analysis.retransmission")" = 2 ]
	[ "$(shark wire "tcpencap && isakmp")" -ge 9 ]
	[ "$(shark wire "tcpencap && esp")" -ge 400 ]
	[ "$(shark wire "tcp.len > 0 && !(tcpencap && (isakmp || esp))")" = 0 ]
	[ "$(shark wire "_ws.malformed")" = 0 ]
	[ "$(tshark -o tcp.check_checksum:TRUE -r wire.pcap -Y 'tcp && tcp.checksum.status != 1' 2>/dev/null | wc -l)" = 0 ]
	# 1500 less 40 of IPv6, 20 of TCP, 16 of the trailer; nothing is fragmented
	[ "$(shark wire "ipv6.plen > 1460 || ipv6.fraghdr")" = 0 ]
	[ "$(shark wire "ipv6.plen > 1440")" -ge 200 ]
	run -0 ip netns exec "$L" dpd-ping -c 2 -i 0.1 left.sa
	# the end of the peer, and the next one
	kill -TERM "$(pid_of right ike-respond)"
	eventually 5 group_gone "${GROUP[right]}"
	unset "GROUP[right]"
	eventually 3 silent right
	answer "${TCP[@]}" "${STEN4[@]}" "${STEN6[@]}"
	WITHIN=60 crosses
}

@test "TCP encapsulation: over IPv6 through NAT66, and kill -9 leaves no socket" {
	answer "${TCP[@]}" "${STEN4[@]}" "${STEN6[@]}"
	begin "${TCP[@]}" "${NETS4[@]}" "${NETS6[@]}"
	crosses_both
	run ! grep "NAT-T" left.ike right.ike
	sa-show right.sa | grep -qF 'remote       [2001:db8:ff::1]:10000' || { sa-show right.sa; return 1; }
	kill -KILL -- "-${GROUP[left]}"
	eventually 3 group_gone "${GROUP[left]}"
	eventually 3 silent left
	begin "${TCP[@]}" "${NETS4[@]}" "${NETS6[@]}"
	WITHIN=30 crosses
}

@test "TCP encapsulation: lost segments are lost, and the tunnel goes on" {
	answer "${TCP[@]}" "${STEN4[@]}"
	begin "${TCP[@]}" "${NETS4[@]}"
	crosses
	right nft -f - <<-'NFT'
		table inet lossy {
			chain in {
				type filter hook prerouting priority -300;
				tcp dport 10000 numgen random mod 5 == 0 drop
			}
		}
	NFT
	run left ping -q -i 0.02 -c 200 -W 1 10.2.0.1
	[[ $output =~ ([0-9]+)%\ packet\ loss ]]
	[ "${BASH_REMATCH[1]}" -gt 0 ]
	[ "${BASH_REMATCH[1]}" -lt 60 ]
	right nft delete table inet lossy
	lossless 1
	[ "$(grep -c "IKE SA\|phase 1 with" left.ike)" = 1 ]
}

@test "TCP encapsulation: kill -9 leaves no rule and no socket, and the next one connects" {
	answer "${TCP[@]}" "${STEN4[@]}"
	begin "${TCP[@]}" "${NETS4[@]}"
	crosses
	kill -KILL -- "-${GROUP[left]}"
	eventually 3 group_gone "${GROUP[left]}"
	eventually 3 silent left
	begin "${TCP[@]}" "${NETS4[@]}"
	crosses
}

# A kernel's RST has a window of 0.
closed_by_reset() { [ "$(shark wire "tcp.flags.reset==1 && tcp.window_size_value==65535 && ip.src==203.0.113.2")" -ge 1 ]; }

@test "TCP encapsulation: two holders of a connection that end at once close it by RST" {
	local i pids
	for i in 1 2 3 4 5; do
		capture wire
		answer "${TCP[@]}" "${STEN4[@]}"
		begin "${TCP[@]}" "${NETS4[@]}"
		crosses
		pids="$(pid_of right ike-respond) $(pid_of right esp-tun)"
		# shellcheck disable=SC2086 # two words
		kill -TERM $pids
		eventually 5 group_gone "${GROUP[right]}"
		unset "GROUP[right]"
		eventually 5 closed_by_reset
		kill -KILL -- "-${GROUP[left]}"
		eventually 3 group_gone "${GROUP[left]}"
		unset "GROUP[left]"
	done
}

@test "TCP encapsulation: the end of a peer closes the connection by RST, and the next one is used" {
	capture wire
	answer "${TCP[@]}" "${STEN4[@]}"
	begin "${TCP[@]}" --timeout 4 "${NETS4[@]}"
	crosses
	kill -TERM "$(pid_of right ike-respond)"
	eventually 5 group_gone "${GROUP[right]}"
	unset "GROUP[right]"
	eventually 3 silent right
	eventually 5 closed_by_reset
	answer "${TCP[@]}" "${STEN4[@]}"
	WITHIN=30 crosses
}

@test "TCP encapsulation: one that is killed is found dead by its keepalives" {
	answer "${TCP[@]}" "${STEN4[@]}"
	begin "${TCP[@]}" --dpd-interval 1 --dpd-tries 2 --timeout 4 "${NETS4[@]}"
	crosses
	kill -KILL -- "-${GROUP[right]}"
	eventually 3 group_gone "${GROUP[right]}"
	unset "GROUP[right]"
	answer "${TCP[@]}" "${STEN4[@]}"
	WITHIN=60 crosses
}

@test "TCP encapsulation: the negotiator dies, esp-tun goes on with the connection" {
	answer "${TCP[@]}" "${STEN4[@]}"
	begin "${TCP[@]}" "${NETS4[@]}"
	crosses
	kill -KILL "$(pid_of right ike-respond)"
	lossless 2
}

# strange SEGMENT: a segment of another address of left's, by the fields of its Python dict; the answers within a moment.
strange() {
	left /usr/bin/python3 - "$1" <<-'PY'
		import sys
		from scapy.all import IP, TCP, Raw, sr, conf
		conf.verb = 0
		f = eval(sys.argv[1])
		load = f.pop("load", b"")
		p = IP(src="203.0.113.7", dst="203.0.113.2") / TCP(sport=10000, dport=10000, window=65535, **f) / Raw(load)
		got, _ = sr(p, timeout=3, multi=True)
		print(len(got), *[str(a[TCP].flags) for _, a in got])
	PY
}

@test "TCP encapsulation: who has not completed the handshake gets SYN-ACK and nothing else" {
	capture wire
	answer "${TCP[@]}" "${STEN4[@]}"
	begin "${TCP[@]}" "${NETS4[@]}"
	crosses
	left ip addr add 203.0.113.7/24 dev eth0
	# the kernel of that address must not answer for it
	left nft add table inet quiet
	left nft add chain inet quiet out '{ type filter hook output priority 0; }'
	left nft add rule inet quiet out ip saddr 203.0.113.7 tcp flags rst drop
	run -0 strange '{"flags": "S", "seq": 7}'
	[ "$output" = "1 SA" ]
	# a real packet of the tunnel, from elsewhere, with a guessed number
	hex=$(tshark -r wire.pcap -Y 'esp && ip.src==203.0.113.1' -T fields -e tcp.payload -c 1000 2>/dev/null | tail -n 1)
	[ -n "$hex" ]
	run -0 strange "{\"flags\": \"A\", \"seq\": 8, \"ack\": 9, \"load\": bytes.fromhex(\"$hex\")}"
	[ "$output" = 0 ]
	run -0 strange '{"flags": "R", "seq": 8}'
	[ "$output" = 0 ]
	run ! grep "moved" right.ike right.log
	lossless 1
	[ "$(shark wire "ip.dst==203.0.113.7")" = 1 ]
}

# to ADDRESS [OPTION...]: what an initiator reports about it.
to() {
	run -1 --separate-stderr ip netns exec "$L" ike-initiate --psk-file gw.psk --encap tcp --timeout 6 "${NETS4[@]}" "${@:2}" "$1"
	echo "$stderr"
}

@test "TCP encapsulation: nobody listens, nobody answers, no IKE there: each with its hint, IPv4 and IPv6" {
	local a
	capture wire
	for a in 203.0.113.2 2001:db8:ff::2; do
		to $a
		[[ $stderr == *"$a"*":10000 is unreachable: nothing listens there"* ]]
		stderr_has "hint: the gateway answers, and no TCP encapsulation is on that port: --tcp-port names another"
	done
	# one SYN a second
	[ "$(shark wire "tcp.flags.syn==1 && ip")" -le 8 ] && [ "$(shark wire "tcp.flags.syn==1 && ipv6")" -le 8 ]
	run -2 --separate-stderr ip netns exec "$L" ike-initiate --psk-file gw.psk --encap tcp --tcp-port 4500 "${NETS4[@]}" 203.0.113.2
	right nft -f - <<-'NFT'
		table inet mute {
			chain in {
				type filter hook input priority 0;
				tcp dport 10000 drop
			}
		}
	NFT
	for a in 203.0.113.2 2001:db8:ff::2; do
		to $a
		[[ $stderr == *"$a"*":10000 is unreachable: the TCP connection is not answered"* ]]
		stderr_has "hint: the gateway is down, the port is filtered on the path, or"
	done
	right nft delete table inet mute
	# Another program, which waits for more.
	background web ip netns exec "$R" socat TCP-LISTEN:10000,fork,reuseaddr SYSTEM:'cat >/dev/null'
	eventually 5 eval '[ -n "$(right ss -Hltn "sport = :10000")" ]'
	to 203.0.113.2
	stderr_has "no answer from 203.0.113.2:10000 to message 1"
	stderr_has "hint: the connection is open, but IKE is not answered in it: the port is another program's"
}
