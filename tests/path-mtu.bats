#!/usr/bin/env bats
# The path MTU: what routers say about it, what nobody says, and what an attacker says; DF and fragments.
# shards: 3
# shellcheck disable=SC2154 # BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/router

setup() {
	tun_setup
	command -v nft >/dev/null && command -v tcpdump >/dev/null || skip "no nft or tcpdump (make deps)"
	router_between
}
teardown() {
	tun_teardown
	router_gone
}

# quiet: the router says nothing about packets that are too big.
quiet() {
	mid nft 'add rule inet m output icmp type destination-unreachable drop; add rule inet m output icmpv6 type packet-too-big drop'
}

pieces() { right nft list counter inet m pieces | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
device_mtu() { left cat /sys/class/net/vpn0/mtu; }
# The inner MTU of the SA, by the counters.
sa_mtu() { counters left | sed -n 's/.*: sa .* mtu \([0-9]*\).*/\1/p'; }
narrow() { left ping -q -c 1 -W 1 -M "do" -s "${2:-1300}" "$1" >/dev/null 2>&1 || :; [ "$(device_mtu)" -lt 1300 ]; }

# learns ADDRESS: the first large packet is lost, and teaches; the longest that fits then passes, and no other.
learns() {
	local mtu
	[ "$(device_mtu)" -gt 1300 ]
	eventually 10 narrow "$1" || { cat "$T/left.err"; counters left; return 1; }
	mtu=$(device_mtu)
	[ "$mtu" = "$(sa_mtu)" ]
	[ "$mtu" -gt $((1300 - 100)) ]
	case $1 in *:*) mtu=$((mtu - 48)) ;; *) mtu=$((mtu - 28)) ;; esac
	left ping -q -c 1 -W 20 -M "do" -s $mtu "$1"
	run ! left ping -q -c 1 -W 1 -M "do" -s $((mtu + 1)) "$1"
	tcp_across "$1"
	[ "$(pieces)" = 0 ] || { echo "$(pieces) outer fragments"; return 1; }
}

@test "path MTU: a router's ICMP lowers it for ESP in UDP, and nothing is fragmented outside" {
	make_pair aes128gcm16 udp
	tun_both
	ping_across 10.2.0.1
	learns 10.2.0.1
}

@test "path MTU: a router's ICMP lowers it for raw ESP" {
	make_pair aes256-sha256
	tun_both
	ping_across 10.2.0.1
	learns 10.2.0.1
}

@test "path MTU: a router's ICMPv6 lowers it, with IPv4 inside; in UDP and raw" {
	local encap
	for encap in udp none; do
		make_pair aes128gcm16 $encap 6 4
		tun_both
		ping_across 10.2.0.1
		learns 10.2.0.1
		stop_background
		left ip -6 route flush cache
	done
}

# dumped FILTER: what the router sees come from the left, to $T/wire.out.
dumped() {
	background wire ip netns exec "$M" tcpdump -lnvi toleft src 203.0.113.1 and "$@"
	eventually 10 grep -q listening "$T/wire.err"
}
# flags: the DF bits of the packets that were dumped so far.
flags() { sed -n 's/^[0-9:.]* IP .*flags \[\([^]]*\)\], proto.*/\1/p' "$T/wire.out" | xargs; }
flags_are() { [ "$(flags)" = "$*" ]; }

@test "path MTU: --df copies the bit, sets it or clears it; in UDP, raw and in AH" {
	local df encap want
	for encap in udp none ah; do
		for df in "" copy set clear; do
			if [ $encap = ah ]; then make_pair aes128gcm16 none 4 4 --ah sha256; else make_pair aes128gcm16 $encap; fi
			tun_both ${df:+--df "$df"}
			dumped "(udp or proto 50 or proto 51)"
			left ping -q -c 1 -W 20 -M "do" -s 100 10.2.0.1
			left ping -q -c 1 -W 20 -M dont -s 100 10.2.0.1
			case $df in "" | copy) want="DF none" ;; set) want="DF DF" ;; clear) want="none none" ;; esac
			# shellcheck disable=SC2086 # two words
			eventually 5 flags_are $want || { cat "$T/wire.out"; echo "$encap --df $df"; return 1; }
			stop_background
		done
	done
}

@test "path MTU: with --df clear a router may fragment, and large packets pass a narrow path" {
	make_pair aes128gcm16 udp
	tun_both --df clear
	quiet
	left ping -q -c 1 -W 20 -M "do" -s 1372 10.2.0.1
	[ "$(pieces)" -gt 0 ]
	[ "$(device_mtu)" -gt 1400 ]
}

# The SPI and the latest number that left has sent: two hexadecimal words.
latest() {
	tcpdump -nr "$T/wire.pcap" 2>/dev/null | sed -n 's/.*spi=0x\([0-9a-f]*\),seq=0x\([0-9a-f]*\).*/\1 \2/p' | tail -n 1
}
forged() { counters left | sed -n 's/.* forged \([0-9]*\).*/\1/p'; }
forged_are() { [ "$(forged)" = "$1" ]; }
believed() { counters left | sed -n 's/.* path-mtu \([0-9]*\),.*/\1/p'; }
# toobig SPI NUMBER [BYTES]: the router says so of an ESP packet with these; of as many bytes of it.
toobig() {
	mid /usr/bin/python3 "$SAPIPE_TOP/tests/lib/toobig.py" 203.0.113.1 203.0.113.2 "$ENCAP" 900 "$@"
}

@test "path MTU: forged ICMP changes nothing: wrong SPI, old or future number, too short, or of a ping" {
	local spi seq n was
	for ENCAP in udp none; do
		# the kernel believes this one, and knows a path of 900 bytes now
		mid /usr/bin/python3 "$SAPIPE_TOP/tests/lib/toobig.py" 203.0.113.1 203.0.113.2 ping 900
		eventually 5 eval 'left ip route get 203.0.113.2 | grep -q "mtu 900"'
		make_pair aes128gcm16 $ENCAP
		tun_both
		background wire ip netns exec "$M" tcpdump -Z root -Uni toleft -w "$T/wire.pcap" src 203.0.113.1 and "(udp or proto 50)"
		eventually 10 grep -q listening "$T/wire.err"
		ping_across 10.2.0.1
		eventually 5 eval '[ -n "$(latest)" ]'
		read -r spi seq <<<"$(latest)"
		was=$(device_mtu)
		[ "$was" -gt 1400 ]
		toobig 12345678 "$seq"
		toobig "$spi" 0
		toobig "$spi" 7f
		toobig "$spi" fffffff0
		n=4
		[ $ENCAP = none ] || { toobig "$spi" "$seq" 8; n=5; }
		eventually 10 forged_are $n || { counters left; return 1; }
		[ "$(believed)" = 0 ]
		[ "$(device_mtu)" = "$was" ] && [ "$(sa_mtu)" = "$was" ]
		left ping -q -c 1 -W 20 -M "do" -s 1100 10.2.0.1
		[ "$(pieces)" = 0 ]
		# and the true one
		toobig "$spi" "$seq"
		eventually 10 eval '[ "$(device_mtu)" -lt 900 ]' || { counters left; return 1; }
		left ip route flush cache
		stop_background
	done
}

@test "path MTU: what is too long for the SA is fragmented before encryption, or answered with the MTU" {
	local mtu inner
	for inner in 4 6; do
		make_pair aes128gcm16 udp 4 $inner
		tun_start left --mtu 1500 --control "$T/ctl" "$T/left.sa"
		tun_start right --mtu 1500 "$T/right.sa"
		eventually 15 tun_is_up left && eventually 15 tun_is_up right
		left ip link set vpn0 gso_max_segs 1
		mtu=$(sa_mtu)
		[ "$mtu" -gt 1400 ] && [ "$mtu" -lt 1500 ]
		# the path is narrower than that, and says so
		eventually 10 narrowed $inner || { counters left; return 1; }
		mtu=$(sa_mtu)
		[ "$(device_mtu)" = 1500 ]
		sa-stat --json "$T/ctl" | jq -e ".sas[0][\"path-mtu\"] == 1300 and .sas[0].mtu == $mtu and .believed > 0 and .forged == 0"
		if [ $inner = 6 ]; then
			run left ping -c 1 -W 3 -M "do" -s 1400 2001:db8:2::1
			[[ $output == *"mtu=$([ "$mtu" -lt 1280 ] && echo 1280 || echo "$mtu")"* ]] || [[ $output == *"mtu: $mtu"* ]]
			stop_background
			continue
		fi
		run left ping -c 1 -W 3 -M "do" -s 1400 10.2.0.1
		output_has "mtu = $mtu"
		left ip route flush cache
		left ping -q -c 3 -i 0.1 -W 20 -M dont -s 1472 10.2.0.1
		left ping -q -c 1 -W 20 -M dont -s 9000 10.2.0.1
		[ "$(pieces)" = 0 ]
		counters left >"$T/counters"
		grep -Eq ' fragmented [1-9]' "$T/counters"
		sa-stat --reset --json "$T/ctl" | jq -e '.fragmented > 0 and .cut == 0'
		sa-stat --json "$T/ctl" | jq -e '.fragmented == 0 and .believed == 0'
		stop_background
	done
}
narrowed() {
	local to=10.2.0.1
	[ "$1" = 4 ] || to=2001:db8:2::1
	left ping -q -c 1 -W 1 -M "do" -s 1350 $to >/dev/null 2>&1 || :
	[ "$(sa_mtu)" -lt 1300 ]
}

# swallow N: the router drops longer packets and says nothing, in both directions; its links carry 1500 bytes.
swallow() {
	mid ip link set toright mtu 1500
	right ip link set eth0 mtu 1500
	# the router's filter sees what the kernel has not cut yet as one packet
	tun_whole
	mid nft "add chain inet m forward { type filter hook forward priority 0; }; add rule inet m forward meta length > $1 drop"
}
narrower_than() { [ "$(device_mtu)" -lt "$1" ]; }
found_mtu() { sed -n "s/.*path MTU to $1 is \([0-9]*\): .*/\1/p" "$T/left.err" | tail -n 1; }

@test "path MTU: --mtu-probe finds what a path carries that loses longer packets silently, and TCP passes; not without it" {
	local what mtu to peer head
	swallow 1390
	for what in "udp 4 4" "none 4 6" "udp 6 4"; do
		# shellcheck disable=SC2086 # three words
		set -- $what
		to=10.2.0.1 head=28 peer=203.0.113.2
		[ "$3" = 4 ] || { to=2001:db8:2::1; head=48; }
		[ "$2" = 4 ] || peer=2001:db8:ff::2
		make_pair aes128gcm16 "$@"
		tun_both
		ping_across $to
		run ! left ping -q -c 2 -i 0.2 -W 1 -M "do" -s 1350 $to
		[ "$(device_mtu)" -gt 1400 ]
		stop_background
		make_pair aes128gcm16 "$@"
		tun_both --mtu-probe $to
		eventually 30 narrower_than 1390 || { cat "$T/left.err"; return 1; }
		mtu=$(device_mtu)
		[ "$mtu" = "$(sa_mtu)" ]
		# exact: at most the padding of ESP below
		[ "$(found_mtu $peer)" -le 1390 ] && [ "$(found_mtu $peer)" -gt 1386 ] || { cat "$T/left.err"; return 1; }
		grep -q "$to has answered echo requests of $mtu bytes through the tunnel, and of $((mtu + 1)) bytes none of 3" "$T/left.err"
		left ping -q -c 1 -W 20 -M "do" -s $((mtu - head)) $to
		tcp_across $to
		[ "$(pieces)" = 0 ]
		stop_background
	done
}

@test "path MTU: --mtu-probe proves nothing where the address does not answer, and changes nothing on a wide path" {
	swallow 1500
	make_pair aes128gcm16 udp
	tun_both --mtu-probe 10.2.0.1
	eventually 10 grep -q "path MTU to 203.0.113.2 is 1500: 10.2.0.1 has answered an echo request of $(device_mtu) bytes" "$T/left.err"
	[ "$(device_mtu)" -gt 1400 ]
	stop_background
	make_pair aes128gcm16 udp
	dumped udp
	tun_both --mtu-probe 10.2.0.77
	# five rounds of two packets, which nobody answers
	eventually 20 eval '[ "$(grep -c "flags \[DF\], proto UDP" "$T/wire.out")" -ge 10 ]'
	[ "$(device_mtu)" -gt 1400 ]
	run ! grep "path MTU to" "$T/left.err"
}
