#!/usr/bin/env bats
# GRE inside ESP in transport mode: gre-tun over the SAs of esp-tun, negotiated; tshark judges the wire.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { need gre-tun; }
teardown() { two_teardown; }

# gre NAME NAMESPACE OPTION...: a gre-tun in the background; its messages are in NAME.err.
gre() {
	local name=$1 ns=$2
	shift 2
	background "$name" ip netns exec "$ns" gre-tun -v --tun gre1 "$@"
	eventually 20 grep -q 'gre1 is up' "$name.err" || { cat "$name.err"; return 1; }
}

# captured: IPv4 of the outer wire of left in wire.pcap from now on.
captured() {
	tun_whole
	background dump ip netns exec "$L" tcpdump -i eth0 -w wire.pcap -U ip
	eventually 20 grep -q listening dump.err
}

# only FILTER: every packet of the capture passes it, and there are many; none is GRE in clear.
only() {
	eventually 20 recorded "$2"
	kill "${BG[dump]}"
	ended dump || :
	[ "$(tshark -r wire.pcap -Y "$1" 2>/dev/null | wc -l)" -gt "$2" ]
	[ "$(tshark -r wire.pcap -Y "!($1)" 2>/dev/null | tee others | wc -l)" -eq 0 ] || { head others; return 1; }
	[ "$(tshark -r wire.pcap -Y 'ip.proto == 47 || gre' 2>/dev/null | wc -l)" -eq 0 ]
}

recorded() { [ "$(tcpdump -nr wire.pcap 2>/dev/null | wc -l)" -gt "$1" ]; }

# no_clear: as gre-tun(8) advises, nothing of protocol 47 leaves by eth0 itself.
no_clear() {
	local ns
	for ns in "$L" "$R"; do
		ip netns exec "$ns" nft -f - <<-'NFT'
			table inet clear {
				chain out {
					type filter hook output priority filter;
					oifname "eth0" meta l4proto 47 counter drop
				}
			}
		NFT
	done
}

# through: IPv4, IPv6, packets larger than the MTU and TCP go through the GRE tunnel.
through() {
	eventually 30 one_ping 10.9.0.2 || { logs; return 1; }
	eventually 10 one_ping 2001:db8:9::2
	left ping -q -c 2 -i 0.1 -s 3000 -W 10 10.9.0.2
	background sink ip netns exec "$R" socat -u TCP-LISTEN:99 CREATE:got
	eventually 15 listening 99
	head -c 500000 /dev/urandom >sent
	left timeout 120 socat -u OPEN:sent TCP:10.9.0.2:99
	ended sink 20
	cmp sent got
}
listening() { [ -n "$(right ss -Hlnt "sport = :$1")" ]; }

@test "gre over esp: negotiated transport mode for protocol 47: no GRE in clear on the wire" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024 --esp aes128gcm16 --mode transport)
	no_clear
	captured
	# The GRE devices are first: until there are SAs their packets go nowhere.
	gre greleft "$L" --remote 203.0.113.2 --key 42 --address 10.9.0.1/24 --address 2001:db8:9::1/64
	gre greright "$R" --remote 203.0.113.1 --key 42 --address 10.9.0.2/24 --address 2001:db8:9::2/64
	run ! one_ping 10.9.0.2
	eventually 5 grep -q 'cannot send GRE to 203.0.113.2: .*a packet filter of this machine rejects IP protocol 47' greleft.err
	answer --local-ts '203.0.113.2[gre]' --remote-ts '203.0.113.1[gre]'
	begin --local-ts '203.0.113.1[gre]' --remote-ts '203.0.113.2[gre]'
	through
	two_stop left 10
	only 'esp || udp.port == 500' 300
}

@test "gre over esp: multipoint by bindings, through NAT traversal: GRE passes where it has no ports" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024 --esp aes128-sha256 --mode transport --natt force)
	no_clear
	captured
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 left.nhrp
	sa_make binding 2001:db8:9::2 --nbma 203.0.113.2 - >>left.nhrp
	sa_make binding 10.9.0.1 --nbma 203.0.113.1 right.nhrp
	sa_make binding 2001:db8:9::1 --nbma 203.0.113.1 - >>right.nhrp
	answer --local-ts '203.0.113.2[gre]' --remote-ts '203.0.113.1[gre]'
	begin --local-ts '203.0.113.1[gre]' --remote-ts '203.0.113.2[gre]'
	gre greleft "$L" --key 42 --checksum --address 10.9.0.1/32 --address 2001:db8:9::1/128 left.nhrp
	gre greright "$R" --key 42 --checksum --address 10.9.0.2/32 --address 2001:db8:9::2/128 right.nhrp
	through
	two_stop left 10
	only 'udp.port == 500 || udp.port == 4500' 300
}
