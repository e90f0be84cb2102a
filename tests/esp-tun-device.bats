#!/usr/bin/env bats
# esp-tun and what the machine around it does with its device and its packets.
# shards: 3
# shellcheck disable=SC2154 # BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() { tun_setup; }
teardown() {
	tun_teardown
	[ -z "${D-}" ] || rm -rf "$D"
}

# says left|right TEXT
says() {
	eventually 15 grep -qF -- "$2" "$T/$1.err" || {
		echo "$1 did not say: $2"
		cat "$T/$1.err"
		return 1
	}
}

unwritten() { counters right >"$T/counters" && grep -q " unwritten $1," "$T/counters"; }

# has TEXT: a line of the counters that "counters" has printed to $T/counters.
has() { grep -Eq -- "$1" "$T/counters" || { echo "no such counters: $1"; cat "$T/counters"; return 1; }; }

# unsent N: so many packets of the left end did not leave.
unsent() { counters left >"$T/counters" && grep -q " unsent $1," "$T/counters"; }

@test "esp-tun: packets that a local filter drops count as unsent and are reported once; in UDP too" {
	local encap
	left nft 'add table ip u; add chain ip u o { type filter hook output priority 0; }; add rule ip u o ip daddr 203.0.113.2 drop'
	for encap in none udp; do
		make_pair aes128gcm16 $encap
		tun_start left "$T/left.sa"
		eventually 15 tun_is_up left || { cat "$T/left.err"; return 1; }
		left ping -q -c 2 -i 0.1 -W 0.1 10.2.0.1 >/dev/null || :
		eventually 5 unsent 2 || { cat "$T/counters"; return 1; }
		has "out: packets 0, bytes 0"
		has "device vpn0: .* unsent 2,"
		has "^esp-tun: sa .* out 0 packets 0 bytes"
		says left "a packet filter of this machine drops what esp-tun sends to 203.0.113.2 (EPERM)"
		[ "$(grep -c EPERM "$T/left.err")" = 1 ]
		stop_background
	done
	left nft delete table ip u
}

@test "esp-tun: packets that the device does not accept count as unwritten, not as received" {
	make_pair aes128gcm16
	tun_both
	ping_across 10.2.0.1 1
	right ip link set vpn0 down
	left ping -q -c 2 -i 0.1 -W 0.1 10.2.0.1 >/dev/null || :
	eventually 10 unwritten 2 || { cat "$T/counters"; return 1; }
	has "in: packets 1, bytes 84"
	has "^esp-tun: sa .*: in 1 packets 84 bytes"
}

@test "esp-tun: --mtu below 1280 with IPv6 in the tunnel is a warning with the cause; IPv4 goes on" {
	make_pair aes128gcm16 none 4 6
	mv "$T/left.sa" "$T/six.sa"
	make_pair aes128gcm16
	tun_start left --mtu 1228 "$T/six.sa" "$T/left.sa"
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up left
	eventually 15 tun_is_up right
	says left "an SA carries IPv6, but vpn0 with MTU"
	run ! grep -q "No such device" "$T/left.err"
	ping_across 10.2.0.1 1
}

@test "esp-tun: a persistent device keeps its configuration; --script gets the address of --address" {
	make_pair aes128gcm16
	left ip tuntap add dev vpn7 mode tun
	left ip link set vpn7 mtu 1333
	local n
	for n in 77 78; do
		background t ip netns exec "$L" esp-tun --tun vpn7 --address 10.1.0.$n/24 --state-dir "$T/left.state" \
			--script "env | grep INTERNAL >>$T/env" "$T/left.sa"
		eventually 15 grep -q "vpn7 is up" "$T/t.err" || { cat "$T/t.err"; return 1; }
		run -0 left ip addr show vpn7
		output_has "10.1.0.$n/24"
		output_has "qlen 1000"
		kill "${BG[t]}"
		ended t 10
		run -0 left ip -br addr show vpn7
		[[ $output != *10.1.0.* && $output == *DOWN* ]] || { echo "$output"; return 1; }
		run -0 left ip -d link show vpn7
		output_has "gso_max_size 65536"
		output_has "qlen 500"
		run -0 left ip link show vpn7
		output_has "mtu 1333"
	done
	grep -qx "INTERNAL_IP4_ADDRESS=10.1.0.77" "$T/env"
	grep -qx "INTERNAL_IP4_ADDRESS=10.1.0.78" "$T/env"
}

@test "esp-tun: a user runs a device that root created for it, with SAs in UDP" {
	make_pair aes128gcm16 udp
	# A directory that the user nobody can reach.
	D=$(mktemp -d /tmp/esp-tun-device.XXXXXX)
	cp "$T/left.sa" "$D/left.sa"
	chown -R nobody "$D"
	left ip tuntap add vpn0 mode tun user nobody
	left ip link set vpn0 up mtu 1400
	left ip route add 10.2.0.0/24 dev vpn0 src 10.1.0.1
	as_nobody() {
		background left ip netns exec "$L" setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --inh-caps=-all \
			--bounding-set=-all esp-tun -v --no-route --tun vpn0 --state-dir "$D/state" "$@" "$D/left.sa"
		eventually 15 tun_is_up left || { cat "$T/left.err"; return 1; }
	}
	as_nobody --mtu 1400
	run ! grep -q "only root can change" "$T/left.err"
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up right
	ping_across 10.2.0.1
	kill "${BG[left]}"
	ended left 10
	# If it lacks a setting, the warning names the command; the tunnel works without it.
	as_nobody --mtu 1300
	says left "vpn0 has MTU 1400 and is up, and only root can change that: ip link set vpn0 up mtu 1300"
	ping_across 10.2.0.1
	run -0 left ip link show vpn0
	output_has "mtu 1400"
	# Raw ESP needs root.
	kill "${BG[left]}"
	ended left 10
	make_pair aes128gcm16
	cp "$T/left.sa" "$D/left.sa"
	run -3 --separate-stderr left setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --inh-caps=-all \
		--bounding-set=-all esp-tun --no-route --tun vpn0 --mtu 1400 --state-dir "$D/state" "$D/left.sa"
	stderr_has "raw socket"
}

# super N: the left kernel has handed over fewer than N packets, and they were cut to more.
super() {
	local tx out
	tx=$(left cat /sys/class/net/vpn0/statistics/tx_packets)
	out=$(counter left out packets)
	echo "$tx packets of the device, $out of ESP"
	[ "$tx" -gt 0 ] && [ $((tx * $1)) -lt "$out" ]
}

@test "esp-tun: segments of TCP are cut, sealed, opened and joined, in each mode and transport, and nothing is lost" {
	local encap outer inner
	for encap in udp none; do
		for outer in 4 6; do
			[ $outer = 4 ] && inner=6 || inner=4
			make_pair aes128gcm16 $encap $outer "$inner"
			tun_both
			says left "vpn0: checksums"
			run -0 left ip -d link show vpn0
			[ $encap = none ] || [[ $output =~ gso_max_size\ (5|6[0-4])[0-9]+\  ]] || { echo "$output"; return 1; }
			local to=10.2.0.1 from=10.1.0.1
			[ "$inner" = 4 ] || to=2001:db8:2::1 from=2001:db8:1::1
			tcp_across $to 3000000
			super 4
			tcp_across $from 300000 back
			[ "$(counter right in packets)" -gt 2000 ]
			counters right >"$T/counters"
			has "device vpn0: .* cut 0, unsent 0, unwritten 0,"
			stop_background
		done
	done
}

@test "esp-tun: where no device segments, or packets are fragmented outside, a stream crosses all the same" {
	make_pair aes128gcm16 udp
	ip -n "$L" link set eth0 gso_max_segs 1
	# Longer than the path allows: UDP_SEGMENT is refused, and each packet is fragmented on its own.
	tun_both --mtu 1480
	tcp_across 10.2.0.1 1000000
	super 2
	tcp_across 10.1.0.1 300000 back
	ping_across 10.2.0.1
}

# fair: of eight flows with one packet each behind a flow of 500, some pass it; the packets of that one stay in order.
fair() {
	background receiver ip netns exec "$R" "$SAPIPE_TOP/tests/lib/fair_udp.py" receive 10.2.0.1
	eventually 15 grep -q ready "$T/receiver.out"
	left "$SAPIPE_TOP/tests/lib/fair_udp.py" send 10.1.0.1 10.2.0.1 "${BG[left]}"
	ended receiver 15
	[ "$(awk '$1 == 0 && $2 == n + 0 { n++ } END { print n }' "$T/receiver.out")" = 500 ] || { cat "$T/receiver.out"; return 1; }
	# Others share its queue by chance, but not seven of eight. In one queue none passes it.
	[ "$(awk '$1 > 0 && $1 ~ /^[0-9]/ && bulk < 400 { n++ } $1 == "0" { bulk++ } END { print n + 0 }' "$T/receiver.out")" -ge 2 ]
}

# packets_a_read: what esp-tun -v says of this kernel, if that is certain.
packets_a_read() {
	local off=/proc/sys/kernel/io_uring_disabled
	if [ -e $off ] && [ "$(<$off)" = 2 ]; then
		echo "one packet a read"
	elif [ "$(uname -r | awk -F. '{ print $1 * 1000 + $2 }')" -ge 6004 ]; then
		echo "several small packets a read"
	fi
}

@test "esp-tun: a flow that has filled the device delays no others, and stays in order" {
	local threads
	make_pair aes128gcm16 udp
	for threads in 1 2; do
		tun_both --threads $threads
		says left "fair queues, $(packets_a_read)"
		run -0 left ip link show vpn0
		output_has "qdisc noqueue"
		output_has "qlen 1000"
		fair
		stop_background
	done
}

# reassembled N: the right kernel has put N datagrams together, and given none up.
reassembled() { [ "$(right nstat -asz | awk '$1 == "IpReasmOKs" { ok = $2 } $1 == "IpReasmFails" { fails = $2 } END { print ok, fails }')" = "$1 0" ]; }

@test "esp-tun: fragments of datagrams that were sent at the same time do not come apart" {
	local threads had sent
	make_pair aes128gcm16 udp
	for threads in 1 2; do
		tun_both --threads $threads
		ip -n "$L" link set vpn0 txqueuelen 10000
		ping_across 10.2.0.1
		had=$(right nstat -asz | awk '$1 == "IpReasmOKs" { print $2 }')
		sent=$(left "$SAPIPE_TOP/tests/lib/frag_queues.py" 10.1.0.1 10.2.0.1 "${BG[left]}")
		[ "$sent" -gt 5000 ]
		eventually 10 reassembled $((had + sent)) || { right nstat -asz | grep Reasm; return 1; }
		stop_background
	done
}

@test "esp-tun: a persistent device has one queue, in which all packets stay in order; one of another esp-tun is in use" {
	make_pair aes128gcm16 udp
	left ip tuntap add dev vpn0 mode tun
	tun_both
	says left "one queue"
	run ! fair
	[ "$(grep -c '^0 ' "$T/receiver.out")" = 500 ]
	run -3 --separate-stderr right esp-tun --tun vpn0 --state-dir "$T/other.state" "$T/right.sa"
	stderr_has "interface vpn0 is in use by another program"
}
