#!/usr/bin/env bats
# Keepalives of gre-tun, between our own ends and with scapy, and the path MTU of GRE through a router.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; lib/tun.bash sets L, R and T
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/router

setup() {
	need gre-tun
	have_python scapy || skip "no python3-scapy (make deps)"
	tun_setup
	cd "$T" || return
}
teardown() {
	tun_teardown
	router_gone
}

KEEPALIVE() { ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/gre_keepalive.py" "$@"; }

# gre NAME NAMESPACE OPTION...: a gre-tun in the background; its messages are in NAME.err.
gre() {
	local name=$1 ns=$2
	shift 2
	background "$name" ip netns exec "$ns" gre-tun -v --tun gre1 "$@"
	eventually 20 grep -q 'gre1 is up' "$name.err" || { cat "$name.err"; return 1; }
}
stop() {
	kill -TERM "${BG[$1]}"
	ended "$1"
}

# carrier NAMESPACE: whether the device has one.
carrier() { ip -n "$1" link show gre1 | grep -q LOWER_UP; }
no_carrier() { ! carrier "$1"; }
pings() { ip netns exec "$L" ping -q -c 1 -i 0.1 -W 1 "$@" >/dev/null 2>&1; }

@test "gre keepalive: a peer that ends takes the carrier, and one that comes back returns it; IPv4 and IPv6, with each header field" {
	local opts l r
	for opts in '' '6 --key 42 --checksum --sequence'; do
		l=203.0.113.1 r=203.0.113.2
		[[ $opts != 6* ]] || l=2001:db8:ff::1 r=2001:db8:ff::2
		# shellcheck disable=SC2086 # words
		gre left "$L" --local $l --remote $r --keepalive 1 --keepalive-retries 2 ${opts#6} --address 10.9.0.1/24
		eventually 20 grep -q "gre1 is down: $r has not answered 2 keepalives" left.err
		eventually 5 no_carrier "$L"
		ip -n "$L" route show 10.9.0.0/24 | grep linkdown
		# shellcheck disable=SC2086 # words
		gre right "$R" --local $r --remote $l ${opts#6} --address 10.9.0.2/24
		eventually 20 grep -q "gre1 is up: $r answers keepalives" left.err
		eventually 5 carrier "$L"
		eventually 5 pings 10.9.0.2
		stop right
		[ -z "$opts" ] || eventually 20 eval '[ "$(grep -c "gre1 is down" left.err)" = 2 ]'
		stop left
		run ! grep -q 'dropped in, keepalive' right.err
	done
}

@test "gre keepalive: a router of scapy forwards the answers, and tshark finds no fault in what we ask" {
	background dump ip netns exec "$L" tcpdump -i eth0 -w wire.pcap -U proto 47
	eventually 5 grep -q listening dump.err
	background router ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/gre_keepalive.py" peer 203.0.113.2 203.0.113.1 7
	gre left "$L" --local 203.0.113.1 --remote 203.0.113.2 --key 7 --keepalive 1 --keepalive-retries 2 --address 10.9.0.1/24
	eventually 20 eval '[ "$(grep -c "forwarded 203.0.113.2 203.0.113.1" router.out)" -ge 3 ]' || { cat router.err; false; }
	carrier "$L"
	kill -9 "${BG[router]}"
	eventually 20 no_carrier "$L"
	kill "${BG[dump]}"
	ended dump || :
	tshark -r wire.pcap -Y 'ip.src == 203.0.113.1 && gre' -T fields -e ip.proto -e ip.src -e ip.dst -e gre.proto -e gre.key \
		-e _ws.malformed 2>/dev/null | sort -u >seen
	diff seen - <<<$'47,47\t203.0.113.1,203.0.113.2\t203.0.113.2,203.0.113.1\t0x0800,0x0000\t0x00000007,0x00000007\t'
}

@test "gre keepalive: only what goes back to its sender is answered, and not without limit" {
	gre left "$L" --remote 203.0.113.2 --address 10.9.0.1/24
	[ "$(KEEPALIVE ask 203.0.113.2 203.0.113.1 good)" = 1 ]
	local kind begun
	for kind in key forged content packet; do
		[ "$(KEEPALIVE ask 203.0.113.2 203.0.113.1 $kind)" = 0 ] || { echo "$kind is answered"; return 1; }
	done
	# To a third host: nothing leaves for it.
	background dump ip netns exec "$L" tcpdump -ni eth0 -l host 203.0.113.77
	eventually 5 grep -q listening dump.err
	[ "$(KEEPALIVE ask 203.0.113.2 203.0.113.1 other)" = 0 ]
	# 500 at once, 50 answers a second: of two seconds if it begins between them, of more on a busy machine.
	begun=$SECONDS
	run -0 KEEPALIVE ask 203.0.113.2 203.0.113.1 good 500
	[ "$output" -ge 40 ] && [ "$output" -le $((50 * (SECONDS - begun + 2))) ] && [ "$output" -lt 450 ] || { echo "$output answers"; return 1; }
	kill -USR1 "${BG[left]}"
	eventually 5 grep -qE 'dropped in, keepalive that would go to somebody else, or one too many: [0-9]{3}' left.err
	run ! grep -q 203.0.113.77 dump.out
	stop left
	gre left "$L" --remote 203.0.113.2 --key 42 --address 10.9.0.1/24
	[ "$(KEEPALIVE ask 203.0.113.2 203.0.113.1 key)" = 1 ]
	run -2 gre-tun --keepalive 5 --remote 203.0.113.2
}

@test "gre path: gre-tun tells the sender of a narrower path, in IPv4 and IPv6, by GRE over both" {
	local opts l r room
	router_between
	for opts in 4 6; do
		l=203.0.113.1 r=203.0.113.2 room=1272		# 1300 less IP and GRE with a key
		[ $opts = 4 ] || l=2001:db8:ff::1 r=2001:db8:ff::2 room=1252
		gre left "$L" --local $l --remote $r --key 42 --address 10.9.0.1/24 --address 2001:db8:9::1/64
		gre right "$R" --local $r --remote $l --key 42 --address 10.9.0.2/24 --address 2001:db8:9::2/64
		eventually 10 pings 10.9.0.2
		# DF, and longer than the path: lost until the router has said so, then refused by gre-tun with what fits.
		eventually 10 eval "left ping -c 1 -W 1 -M do -s 1300 10.9.0.2 2>&1 | grep -q 'mtu.*$room'" || { left ping -c 2 -W 1 -M do -s 1300 10.9.0.2; cat left.err; false; }
		pings -M do -s $((room - 28)) 10.9.0.2
		run ! pings -M do -s $((room - 27)) 10.9.0.2
		grep -q "path MTU to $r is 1300" left.err
		# Without DF it is fragmented, on the way or before.
		left ping -q -c 1 -W 5 -M dont -s 1300 10.9.0.2 >/dev/null
		# IPv6 is told no less than its minimum; each end loses one, and learns.
		eventually 10 pings -s 1330 2001:db8:9::2
		ip -n "$L" -6 route get 2001:db8:9::2 | grep 'mtu 1280'
		kill -USR1 "${BG[left]}"
		eventually 5 grep -qE 'dropped out, too long for the path, the sender was told: [1-9]' left.err
		stop left
		stop right
	done
}

@test "gre path: TCP through a narrow path has an MSS that fits, and no outer packet is fragmented" {
	router_between
	gre left "$L" --local 203.0.113.1 --remote 203.0.113.2 --key 42 --address 10.9.0.1/24
	gre right "$R" --local 203.0.113.2 --remote 203.0.113.1 --key 42 --address 10.9.0.2/24
	eventually 10 pings 10.9.0.2
	eventually 10 eval "left ping -c 1 -W 1 -M do -s 1300 10.9.0.2 2>&1 | grep -q 'mtu'"
	background sink ip netns exec "$R" socat -u TCP-LISTEN:99 CREATE:got
	eventually 15 eval '[ -n "$(ip netns exec "$R" ss -Hlnt "sport = :99")" ]'
	right nft reset counters >/dev/null
	background dump ip netns exec "$R" tcpdump -i eth0 -w wire.pcap -U proto 47
	eventually 5 grep -q listening dump.err
	head -c 300000 /dev/urandom >sent
	left timeout 60 socat -u OPEN:sent TCP:10.9.0.2:99
	ended sink 20
	cmp sent got
	eventually 10 eval '[ "$(tshark -r wire.pcap -Y "tcp.flags.fin == 1" 2>/dev/null | wc -l)" -ge 1 ]'
	kill "${BG[dump]}"
	ended dump || :
	[ "$(tshark -r wire.pcap -Y 'ip.src == 10.9.0.1 && tcp.flags.syn == 1' -T fields -e tcp.options.mss_val 2>/dev/null)" = 1232 ]
	[ "$(right nft list counter inet m pieces | grep -o 'packets [0-9]*')" = 'packets 0' ]
}
