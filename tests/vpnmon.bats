# vpnmon between two namespaces: the plug is pulled and put back, on tunnels of esp-tun with
# hand-made SA state.
# shards: 6

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun
load lib/mon

setup() { mon_setup; }

teardown() { tun_teardown; }

@test "vpnmon: READY, UP at the first answer; the plug pulled: DOWN after interval x threshold, routes gone; back: UP, routes as before" {
	tunnel
	left ip route add 10.77.0.0/16 dev vpn0 metric 7
	left ip route add 10.78.0.0/16 dev eth0
	left ip route add 10.79.0.0/16 via 10.77.0.9 dev vpn0
	left ip route show table all dev vpn0 >"$T/before"
	monitor --persist --json
	eventually 15 grep -q '"up"' "$T/mon.out"
	run -0 jq -r -s '.[] | .state + " " + .reason' "$T/mon.out"
	[ "$output" = $'ready started\nup answered' ]
	run -0 jq -e -s '.[0]["rtt-ms"] == null and .[1]["rtt-ms"] > 0 and .[1].loss == 0 and
		(.[1] | keys_unsorted) == ["time", "tun", "state", "reason", "loss", "rtt-ms"] and
		.[1].tun == "vpn0" and (.[1].time | test("^20[0-9-]{8}T[0-9:]{8}[.][0-9]{3}Z$"))' "$T/mon.out"
	sleep 0.5
	local from
	from=$(date +%s%3N)
	pull
	eventually 15 grep -q '"down"' "$T/mon.out"
	run -0 jq -r -s '.[2] | .state + " " + .reason' "$T/mon.out"
	[ "$output" = "down no-answer" ]
	# ten questions in a row, the first of them up to one interval after the pull or just before it
	local took=$(($(date -d "$(jq -r -s '.[2].time' "$T/mon.out")" +%s%3N) - from))
	[ "$took" -ge 1500 ] && [ "$took" -le 10000 ] || { echo "DOWN after $took ms"; return 1; }
	run -0 left ip route show table main dev vpn0
	[ -z "$output" ] || { echo "left over: $output"; return 1; }
	run -0 left ip route show 10.78.0.0/16
	output_has "dev eth0"
	plug
	eventually 15 eval "[ \$(grep -c '\"up\"' '$T/mon.out') -eq 2 ]"
	left ip route show table all dev vpn0 | diff "$T/before" -
	run -0 left ip rule
	[[ $output != *icmp* ]]
	ping_across 10.2.0.1
	kill "${BG[mon]}"
	ended mon
	run -0 jq -r -s '[.[].state] | join(" ")' "$T/mon.out"
	[ "$output" = "ready up down up" ]
}

@test "vpnmon: silence from the start is DOWN at interval x threshold; without --persist and --rekey probing stops, SIGHUP restarts it" {
	tunnel
	pull
	monitor
	says_soon DOWN
	local took=$(($(epoch_ms 2) - $(epoch_ms 1)))
	[ "$took" -ge 2000 ] && [ "$took" -lt 10000 ] || { echo "DOWN after $took ms"; return 1; }
	run ! says UP
	kill -USR1 "${BG[mon]}"
	eventually 15 grep -q 'vpn0 is DOWN since 20.*, 0/10 answered, loss 100%' "$T/mon.err"
	plug
	sleep 0.8
	run ! says UP
	kill -HUP "${BG[mon]}"
	says_soon UP
	has_route
	kill "${BG[mon]}"
	ended mon
}

@test "vpnmon: ended while DOWN it puts the routes back, and its exit status is 1" {
	tunnel
	monitor
	says_soon UP
	pull
	says_soon DOWN
	run ! has_route
	kill -INT "${BG[mon]}"
	ended_with 1
	has_route
	run -0 left ip rule
	[[ $output != *icmp* ]]
}

@test "vpnmon: killed while DOWN, its successor finds the routes and puts them back" {
	tunnel
	monitor
	says_soon UP
	pull
	says_soon DOWN
	run ! has_route
	kill -KILL "${BG[mon]}"
	ended_with 137
	run ! has_route
	plug
	monitor
	says_soon UP
	grep -q 'warning: 1 routes over vpn0 were out of use' "$T/mon.err"
	has_route
	run -0 left ip rule
	[[ $output != *icmp* ]]
}

@test "vpnmon: a second monitor leaves the routes of a running one alone; routes that others add meanwhile are withdrawn" {
	tunnel
	monitor
	says_soon UP
	pull
	says_soon DOWN
	run ! has_route
	background look ip netns exec "$L" vpnmon --interval 5 --tun vpn0 10.2.0.1
	eventually 15 grep -q "READY" "$T/look.out" || { cat "$T/look.err"; return 1; }
	eventually 5 grep -q "the routes over vpn0 are in the hands of process ${BG[mon]}: left alone" "$T/look.err"
	run ! grep -q "were out of use" "$T/look.err"
	run ! has_route
	kill "${BG[look]}"
	ended look
	run ! has_route
	# Somebody adds a route by hand: vpnmon removes it soon and reports it once.
	for _ in 1 2; do
		left ip route add 10.2.0.0/24 dev vpn0 src 10.1.0.1
		eventually 15 eval "! has_route"
	done
	eventually 5 grep -q "routes were added while it is out of use, by another program: withdrawn again" "$T/mon.err"
	[ "$(grep -c "routes were added while it is out of use, by another program: withdrawn again" "$T/mon.err")" = 1 ]
	# Killed, it holds nothing any more.
	kill -KILL "${BG[mon]}"
	ended_with 137
	plug
	monitor
	says_soon UP
	grep -q 'routes over vpn0 were out of use, left so by a monitor that was killed' "$T/mon.err"
	has_route
}

@test "vpnmon: an address of this machine is no destination, from the start or later" {
	tunnel
	run -2 --separate-stderr left vpnmon --tun vpn0 10.1.0.1
	one_error
	stderr_has "10.1.0.1 is an address of this machine: its answers say nothing about the tunnel"
	monitor --persist
	says_soon UP
	left ip addr add 10.2.0.1/32 dev vpn0
	eventually 15 grep -q "warning: vpn0: 10.2.0.1 has become an address of this machine: its answers do not count" "$T/mon.err"
	says_soon DOWN
	left ip addr del 10.2.0.1/32 dev vpn0
	says_soon UP 2
}

@test "vpnmon: --routes keep does not change routes" {
	tunnel
	monitor --routes keep --persist
	says_soon UP
	pull
	says_soon DOWN
	has_route
	plug
	says_soon UP 2
	has_route
}

@test "vpnmon: strict reverse path checks do not keep it DOWN" {
	tunnel
	left sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.vpn0.rp_filter=1
	monitor --persist
	says_soon UP
	pull
	says_soon DOWN
	plug
	says_soon UP 2
}

@test "vpnmon: --rekey is run with a pause that grows, and brings it back" {
	tunnel
	monitor --rekey 'echo "$reason $TUNDEV $SAPIPE_STATE $SAPIPE_DEST" >>'"$T/rekey"'
		[ "$(wc -l <'"$T/rekey"')" -lt 3 ] || ip netns exec '"$L"' nft delete table inet plug; exit 5' \
		--on-down 'echo "down $reason $SAPIPE_REASON $SAPIPE_LOSS" >>'"$T/script" \
		--on-up 'echo "up $reason $SAPIPE_RTT_MS" >>'"$T/script"
	says_soon UP
	pull
	says_soon DOWN
	says_soon UP 2
	# at once, after 2 s, after 4 s more
	local took=$(($(epoch_ms 4) - $(epoch_ms 3)))
	[ "$took" -ge 5900 ] || { echo "UP after $took ms"; return 1; }
	[ "$(sort -u "$T/rekey")" = "attempt-reconnect vpn0 down 10.2.0.1" ]
	[ "$(wc -l <"$T/rekey")" -eq 3 ]
	grep -q 'ended with status 5' "$T/mon.err"
	eventually 15 eval "[ \$(wc -l <'$T/script') -eq 3 ]"
	[ "$(cut -d' ' -f1,2 "$T/script")" = $'up connect\ndown disconnect\nup connect' ]
	grep -q '^down disconnect no-answer [0-9.]*$' "$T/script"
}

@test "vpnmon: after three --rekey commands without an answer the destination is named as the cause, once" {
	tunnel
	right sysctl -qw net.ipv4.icmp_echo_ignore_all=1
	monitor --rekey "echo run >>'$T/rekey'"
	eventually 20 grep -q "vpn0: 10.2.0.1 has never answered, after 3 --rekey commands" "$T/mon.err"
	eventually 5 grep -q "^hint: does 10.2.0.1 answer ICMP echo at all" "$T/mon.err"
	eventually 5 eval '[ "$(wc -l <"$T/rekey")" -ge 3 ]'
	[ "$(grep -c "never answered" "$T/mon.err")" = 1 ]
}

@test "vpnmon: a --rekey command that runs on is not started twice" {
	tunnel
	pull
	monitor --rekey "echo run >>'$T/rekey'; exec sleep 30"
	says_soon DOWN
	eventually 15 grep -q 'runs still' "$T/mon.err"
	[ "$(wc -l <"$T/rekey")" -eq 1 ]
	kill "${BG[mon]}"
	ended_with 1
}

@test "vpnmon: --rekey that restarts the tunnel: the new device is monitored" {
	tunnel
	monitor --rekey "'$T/restart'"
	says_soon UP
	make_pair aes256gcm16
	cat >"$T/restart" <<-END
		#!/bin/bash
		ip netns exec $L esp-tun -v --tun vpn0 --state-dir $T/left.state $T/left.sa </dev/null >/dev/null 2>$T/left2.err 3>&- &
		echo \$! >$T/left.pid
	END
	chmod +x "$T/restart"
	kill "${BG[left]}" "${BG[right]}"
	ended left
	ended right
	tun_start right "$T/right.sa"
	says_soon DOWN
	says_soon UP 2
	BG[left]=$(<"$T/left.pid")
	has_route
	ping_across 10.2.0.1
}

@test "vpnmon: a device that is not there yet" {
	tun_setup
	monitor --persist
	eventually 15 grep -q 'warning: there is no device vpn0 yet' "$T/mon.err"
	says_soon DOWN
	grep -q 'DOWN: cannot probe 10.2.0.1: No such device' "$T/mon.out"
	make_pair aes128gcm16
	tun_both
	says_soon UP
	has_route
}

@test "vpnmon: flapping is reported as it was, no event lost" {
	tunnel
	monitor --persist
	says_soon UP
	local i
	for i in 1 2 3 4; do
		pull
		says_soon DOWN "$i"
		plug
		says_soon UP $((i + 1))
	done
	kill "${BG[mon]}"
	ended mon
	run -0 sed 's/^[^ ]* vpn0 \([A-Z]*\):.*/\1/' "$T/mon.out"
	[ "${lines[*]}" = "READY UP DOWN UP DOWN UP DOWN UP DOWN UP" ]
	# and no event is before the one above it
	cut -d' ' -f1 "$T/mon.out" | sort -c
}

@test "vpnmon: a plug that is pulled for less than the threshold changes nothing" {
	tunnel
	# 15 s, which the plug is not pulled for however busy the machine is
	background mon ip netns exec "$L" vpnmon -v --tun vpn0 --interval 0.1 --threshold 150 10.2.0.1
	says_soon UP
	pull
	nap 0.5
	plug
	ping_across 10.2.0.1
	nap 1
	run ! says DOWN
}

@test "vpnmon: --optimized: incoming traffic keeps it UP without questions, and silence is still found" {
	tunnel
	# 10.2.0.9 answers nothing, but traffic comes in.
	background mon ip netns exec "$L" vpnmon --optimized --persist --tun vpn0 --interval 0.2 --threshold 10 \
		10.2.0.9
	right ip route add blackhole 10.2.0.9
	says_soon DOWN
	left ip route add 10.2.0.1/32 dev vpn0 src 10.1.0.1
	background traffic ip netns exec "$R" ping -q -i 0.05 10.1.0.1
	says_soon UP
	grep -q 'UP: inbound packets' "$T/mon.out"
	sleep 1
	run ! says DOWN 2
	kill "${BG[traffic]}"
	ended traffic || :
	says_soon DOWN 2
}

@test "vpnmon: --optimized=pcap names the packet that counted, also of a device that was created again" {
	tunnel
	right ip route add blackhole 10.2.0.9
	background mon ip netns exec "$L" vpnmon -v --optimized=pcap --persist --json --tun vpn0 --interval 0.3 \
		--threshold 3 --routes keep 10.2.0.9
	eventually 15 grep -q '"down"' "$T/mon.out"
	right bash -c 'echo x >/dev/udp/10.1.0.1/4321'
	eventually 15 grep -q '"up"' "$T/mon.out"
	run -0 jq -r 'select(.state == "up") | .reason + " " + .packet' "$T/mon.out"
	[[ $output =~ ^traffic\ UDP\ 10\.2\.0\.1:[0-9]+\ \>\ 10\.1\.0\.1:4321,\ 30\ bytes$ ]] || { echo "$output"; return 1; }
	# what goes out does not count
	background out ip netns exec "$L" ping -q -i 0.1 -I vpn0 10.2.0.9
	eventually 15 eval "[ \$(grep -c '\"down\"' '$T/mon.out') -eq 2 ]"
	kill -USR1 "${BG[mon]}"
	eventually 15 grep -q '1 packets were seen, the last: UDP 10.2.0.1' "$T/mon.err"
	kill "${BG[left]}" "${BG[out]}"
	ended left
	make_pair aes256gcm16
	kill "${BG[right]}"
	ended right
	tun_start left "$T/left.sa"
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
	# the capture goes on with the new device once it has seen it
	seen_again() { right bash -c 'echo x >/dev/udp/10.1.0.1/4322'; grep -q '10.1.0.1:4322' "$T/mon.out"; }
	eventually 15 seen_again
}

@test "vpnmon: --optimized counts no answer of its own as traffic" {
	tunnel
	right nft 'add table inet count; add chain inet count in { type filter hook input priority 0; }; add rule inet count in icmp type echo-request counter'
	background mon ip netns exec "$L" vpnmon --optimized --tun vpn0 --interval 0.1 --threshold 10 10.2.0.1
	says_soon UP
	sleep 3
	local n
	n=$(right nft list table inet count | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
	[ "$n" -ge 10 ] || { echo "$n questions in 3 s"; return 1; }
}

@test "vpnmon: IPv6" {
	tunnel 6
	background mon ip netns exec "$L" vpnmon -v --persist --tun vpn0 --interval 0.2 --threshold 10 \
		--source 2001:db8:1::1 2001:db8:2::1
	says_soon UP
	left ip -6 route show dev vpn0 | grep -q '^2001:db8:2::/64'
	pull
	says_soon DOWN
	run -0 left ip -6 route show table main dev vpn0
	[[ $output != *2001:db8:2::* ]]
	plug
	says_soon UP 2
	left ip -6 route show dev vpn0 | grep -q '^2001:db8:2::/64'
	run -0 left ip -6 rule
	[[ $output != *icmp* ]]
}

@test "vpnmon: answers to questions of others do not count" {
	tunnel
	# Its own questions are 84 bytes long; those of ping here are not, and are answered.
	right nft 'add table inet mute; add chain inet mute in { type filter hook input priority 0; }; add rule inet mute in meta length 84 icmp type echo-request drop'
	background ping ip netns exec "$L" ping -q -i 0.05 -s 100 -I vpn0 10.2.0.1
	monitor --persist
	says_soon DOWN
	sleep 0.5
	run ! says UP
	kill -INT "${BG[ping]}"
	ended ping
	grep -qE '[1-9][0-9]* received' "$T/ping.out"
}

@test "vpnmon: without permission to change routes it fails at once" {
	tun_setup
	run -3 --separate-stderr left setpriv --bounding-set -net_admin --inh-caps -net_admin \
		vpnmon --tun eth0 203.0.113.2
	stderr_has "cannot change routes"
	stderr_has "--routes keep"
}
