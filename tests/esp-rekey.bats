#!/usr/bin/env bats
# Our own two ends rekey by volume under load: no packet is lost, and TCP retransmits nothing.
# REKEYS: how many at least, default 2; RATE: bytes a second of TCP each way, default 10 MB. The long run:
# REKEYS=20 RATE=100000000 make check T=esp-rekey
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() { two_teardown; }

TRAFFIC=$SAPIPE_BUILD/tests/traffic

# tcp NAME: the sum of both kernels' counters.
tcp() {
	local n
	n=$({ left nstat -asz "$1" && right nstat -asz "$1"; } | awk -v n="$1" '$1 == n { sum += $2 } END { print sum }')
	echo "$n"
}

# why: what both kernels count of overtaken, late and lost segments.
why() {
	local side
	for side in left right; do
		$side nstat -as | awk -v s=$side '/Tcp.*(Retrans|Reorder|DSACK|Loss|Lost|TLP|Timeout|OFO|Prun|Drop)/ { print "# " s ": " $1, $2 }'
	done
}

# patient left|right NET: its kernel sends again what others overtook, and not what is late on a busy machine.
patient() {
	local route
	$1 sysctl -qw net.ipv4.tcp_early_retrans=0
	route=$($1 ip route show "$2" dev vpn0)
	# shellcheck disable=SC2086 # words
	$1 ip route change $route dev vpn0 rto_min 20s
}

children() { grep -c "child SA .* established" left.ike; }
rekeyed() { [ "$(children)" -gt "$1" ]; }

# drops: what both ends have counted.
drops() {
	kill -USR1 "$(pid_of left esp-tun)" "$(pid_of right esp-tun)"
	eventually 10 grep -q ' device ' "$T/left.log" && eventually 10 grep -q ' device ' "$T/right.log"
	nap 0.1
	grep -hE ' (in:|out:|device|sa) ' "$T/left.log" "$T/right.log"
}

# loaded OPTION...: TCP and UDP both ways at a steady rate while the SAs are replaced.
loaded() {
	local rekeys=${REKEYS:-2} rate=${RATE:-10000000} kind bad=0 again
	# No "tee" in the pipelines: while it waits for the processor, records wait.
	two_start right right "ike-respond -v --psk-file gw.psk --local-id right.example --remote-id left.example \
		$(words "${FAST[@]}" "${STEN4[@]}" "$@") 2>right.ike | esp-tun -v --tun vpn0 --state-dir right.state"
	eventually 30 listens || { cat right.ike right.log; return 1; }
	TEE=
	begin --esp-lifebytes $((rate * 8)) "${NETS4[@]}" "$@"
	crosses
	# A rekey has the time of a fifth of this volume, 1.6 s.
	patient left 10.2.0.0/24
	patient right 10.1.0.0/24
	ip -n "$L" link set vpn0 txqueuelen 10000
	ip -n "$R" link set vpn0 txqueuelen 10000
	background echo ip netns exec "$R" "$TRAFFIC" echo 10.2.0.1 7000
	eventually 10 grep -q listening "$T/echo.out"
	again=$(tcp TcpRetransSegs)
	background udp ip netns exec "$L" "$TRAFFIC" udp 10.1.0.1 10.2.0.1 7000 400 1 $((rate / 10))
	background tcp ip netns exec "$L" "$TRAFFIC" tcp 10.1.0.1 10.2.0.1 7000 400 2 "$rate"
	eventually $((rekeys * 20)) rekeyed "$rekeys" || { logs; return 1; }
	kill "${BG[udp]}" "${BG[tcp]}"
	for kind in udp tcp; do
		ended $kind 30 || bad=1
		sed "s/^/# $kind: /" "$T/$kind.out" "$T/$kind.err" | tee -a "$T/told"
	done
	again=$(($(tcp TcpRetransSegs) - again))
	echo "# $* $(children) child SAs; TCP retransmitted $again" | tee -a "$T/told"
	[ -z "${REKEYS-}" ] || cat "$T/told" >&3
	[ $bad$again = 00 ] || { logs; drops; why; }
	[ $bad = 0 ]
	[ "$again" = 0 ]
	run ! grep -E "reconnecting|is dead" left.ike right.ike
}

@test "esp-rekey: under load, raw, no packet is lost and TCP retransmits nothing" {
	loaded
}

@test "esp-rekey: under load, AES-GCM in UDP, no packet is lost and TCP retransmits nothing" {
	FAST=(--ike aes128-sha256-modp1024 --esp aes128gcm16)
	loaded --natt force
}

@test "esp-rekey: where the volume ends before the new SA is here, in the middle of a super-packet, packets wait for it" {
	local again i life
	mkfifo "$T/lf" "$T/rf"
	for i in 1 2 3 4; do
		# The right end may receive with all of them, and send when the left end has the same one.
		life=(--kilobytes 3003)
		[ $i -lt 4 ] || life=()
		make_pair aes128gcm16 udp 4 4 --seed "rekey $i" "${life[@]}" --right-set 'use="in"'
		mv "$T/right.sa" "$T/in$i.sa"
		make_pair aes128gcm16 udp 4 4 --seed "rekey $i" "${life[@]}"
		mv "$T/left.sa" "$T/left$i.sa"
		mv "$T/right.sa" "$T/right$i.sa"
	done
	tun_start left "$T/lf"
	tun_start right "$T/rf"
	exec 6>"$T/lf" 7>"$T/rf"
	cat "$T/left1.sa" >&6
	cat "$T"/right1.sa "$T"/in[234].sa >&7
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
	patient left 10.2.0.0/24
	patient right 10.1.0.0/24
	ip -n "$L" link set vpn0 txqueuelen 10000
	ip -n "$R" link set vpn0 txqueuelen 10000
	background echo ip netns exec "$R" "$TRAFFIC" echo 10.2.0.1 7000
	eventually 10 grep -q listening "$T/echo.out"
	again=$(tcp TcpRetransSegs)
	background udp ip netns exec "$L" "$TRAFFIC" udp 10.1.0.1 10.2.0.1 7000 60 1 2000000
	background tcp ip netns exec "$L" "$TRAFFIC" tcp 10.1.0.1 10.2.0.1 7000 60 2 20000000
	for i in 2 3 4; do
		eventually 15 eval '[ "$(grep -c "hard expiry by volume" "$T/left.err")" = $((i - 1)) ]' || { cat "$T/left.err"; return 1; }
		eventually 5 eval '[ "$(grep -c "packets wait for a new SA" "$T/left.err")" = $((i - 1)) ]' || { cat "$T/left.err"; return 1; }
		cat "$T/left$i.sa" >&6
		eventually 15 eval '[ "$(grep -c "is in use" "$T/left.err")" = $i ]'
		cat "$T/right$i.sa" >&7
	done
	sleep 1
	kill "${BG[udp]}" "${BG[tcp]}"
	for i in udp tcp; do
		ended $i 30 || { cat "$T/$i.out" "$T/$i.err"; counters left; counters right; return 1; }
	done
	again=$(($(tcp TcpRetransSegs) - again))
	[ "$again" = 0 ] || { echo "# retransmitted $again"; why; counters left; counters right; cat "$T"/*.err; return 1; }
	[ "$(grep -c "packets wait for a new SA" "$T/left.err")" = 3 ]
	counters left >"$T/counters"
	counters right >>"$T/counters"
	run ! grep -E 'expired [1-9]|no-sa [1-9]|policy-drops [1-9]' "$T/counters"
	exec 6>&- 7>&-
}

# overflowed: datagrams for which the right end's sockets had no room, on a machine that is too busy to read them.
overflowed() { right nstat -asz UdpRcvbufErrors | awk '/^UdpRcv/ { print $2 }'; }

@test "esp-rekey: what comes before the claim of its SA is held, a thousand packets at once, strangers are not" {
	local keeper
	make_pair aes128gcm16 udp
	mkfifo "$T/rf"
	tun_start right "$T/rf"
	exec 6>"$T/rf"
	eventually 15 grep -q 'device vpn0 is open' "$T/right.err"
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left
	# Another SA first, which opens the port and carries nothing.
	sa_make child --esp aes128gcm16 --encap udp --local 203.0.113.2:4500 --remote 203.0.113.1:4500 --local-ts 10.9.0.0/24 \
		--remote-ts 10.8.0.0/24 "$T/other.sa" "$T/other2.sa"
	cat "$T/other.sa" >&6
	eventually 15 tun_is_up right
	ip -n "$L" link set vpn0 txqueuelen 10000
	ip -n "$R" link set vpn0 txqueuelen 10000
	keeper=$(pgrep -P "${BG[right]}")
	kill -STOP "$keeper"
	cat "$T/right.sa" >&6
	left "$SAPIPE_BUILD/tests/forge" udp 203.0.113.2 20000 1 96 00000000 >"$T/forged"
	background traffic ip netns exec "$L" ping -q -f -l 1000 -c 1000 -W 20 10.2.0.1
	eventually 15 eval '[ "$(left cat /sys/class/net/vpn0/statistics/tx_packets)" -ge 1000 ]'
	sleep 0.5
	kill -CONT "$keeper"
	eventually 15 replied 1000 || { cat "$T/right.err" "$T/traffic.out"; counters right; return 1; }
	exec 6>&-
	eventually 10 eval '[ $(($(counter right in unknown-spi) + $(overflowed))) = "$(cat "$T/forged")" ]' || { counters right; overflowed; cat "$T/forged"; return 1; }
}

@test "esp-rekey: in a stream that goes on while the claim comes, nothing is lost" {
	local keeper i at
	mkfifo "$T/rf" "$T/lf"
	for i in 1 2 3 4 5 6; do
		make_pair aes128gcm16 udp 4 4 --seed "claim $i"
		mv "$T/left.sa" "$T/left$i.sa"
		mv "$T/right.sa" "$T/right$i.sa"
	done
	tun_start right "$T/rf"
	tun_start left "$T/lf"
	exec 6>"$T/rf" 7>"$T/lf"
	cat "$T/right1.sa" >&6
	cat "$T/left1.sa" >&7
	eventually 15 tun_is_up right && eventually 15 tun_is_up left
	ip -n "$L" link set vpn0 txqueuelen 10000
	keeper=$(pgrep -P "${BG[right]}")
	for i in 2 3 4 5 6; do
		kill -STOP "$keeper"
		cat "$T/right$i.sa" >&6
		cat "$T/left$i.sa" >&7
		eventually 15 eval '[ "$(grep -c "is in use" "$T/left.err")" = $i ]'
		at=$(left cat /sys/class/net/vpn0/statistics/tx_packets)
		background "stream$i" ip netns exec "$L" /usr/bin/python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.1.0.1", 0))
for n in range(400):
    for _ in range(25):
        s.sendto(b"x" * 18, ("10.2.0.1", 9))
    time.sleep(0.0005)'
		eventually 15 eval '[ "$(left cat /sys/class/net/vpn0/statistics/tx_packets)" -ge $((at + 200)) ]'
		kill -CONT "$keeper"
		ended "stream$i" 30
	done
	eventually 10 eval '[ $(($(counter right in packets) + $(overflowed))) -ge 50000 ]' || { counters right; overflowed; return 1; }
	[ "$(counter right in unknown-spi)" = 0 ] || { counters right; return 1; }
	exec 6>&- 7>&-
}

@test "esp-rekey: an end killed in a fast stream refuses what it had reserved, and gets a new SA" {
	local at start
	two_start right right "ike-respond -v --psk-file gw.psk --local-id right.example --remote-id left.example \
		$(words "${FAST[@]}" "${STEN4[@]}") -o right.sa 2>right.ike"
	eventually 30 listens
	begin "${NETS4[@]}"
	eventually 20 test -s right.sa
	start='tail -c +1 -f right.sa | esp-tun -v --tun vpn0 --state-dir right.state'
	two_start tun right "$start"
	crosses
	# Blocks of numbers grow while each of them lasts less than a second.
	background flood ip netns exec "$L" ping -q -f -w 300 10.2.0.1
	at=$(right cat /sys/class/net/vpn0/statistics/rx_packets)
	eventually 40 eval '[ "$(right cat /sys/class/net/vpn0/statistics/rx_packets)" -gt $((at + 20000)) ]'
	kill -KILL -- "-${GROUP[tun]}"
	eventually 5 group_gone "${GROUP[tun]}"
	kill -INT "${BG[flood]}"
	ended flood || :
	two_start tun right "$start"
	eventually 30 one_ping || { logs; cat tun.log; return 1; }
	grep -q "packets are refused as replays.* a new SA is requested" tun.log
	[ "$(children)" = 2 ]
}
