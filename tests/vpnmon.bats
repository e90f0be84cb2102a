# vpnmon between two namespaces: the plug is pulled and put back, on tunnels of esp-tun with
# hand-made SA state.

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

setup() {
	need vpnmon
	T=$BATS_TEST_TMPDIR
}

teardown() { tun_teardown; }

# tunnel [INNER]: an esp-tun on each side.
tunnel() {
	tun_setup
	make_pair aes128gcm16 none 4 "${1:-4}"
	tun_both
}

# monitor OPTION...: vpnmon in left, every 0.2 s, DOWN after 3.
monitor() {
	background mon ip netns exec "$L" vpnmon -v --tun vpn0 --interval 0.2 --threshold 3 "$@" 10.2.0.1
}

# pull, plug: ESP on its way from right to left is lost, or not.
pull() {
	left nft 'add table inet plug; add chain inet plug in { type filter hook input priority -300; }; add rule inet plug in meta l4proto esp drop'
}
plug() { left nft delete table inet plug; }

# says STATE [N]: the report has N (1) events of that state.
says() { [ "$(grep -c " vpn0 $1: " "$T/mon.out")" -ge "${2:-1}" ]; }
says_soon() {
	eventually 6 says "$@" || {
		echo "not there: $*"
		cat "$T/mon.out" "$T/mon.err"
		return 1
	}
}

# epoch_ms LINE: the time of the n-th event.
epoch_ms() { date -d "$(sed -n "$1p" "$T/mon.out" | cut -d' ' -f1)" +%s%3N; }

# ended_with STATUS: the monitor has, with that.
ended_with() {
	local rc=0
	ended mon || rc=$?
	[ "$rc" -eq "$1" ] || {
		echo "exit status $rc"
		return 1
	}
}

has_route() { left ip route show table main | grep -q '^10\.2\.0\.0/24 dev vpn0 .*src 10\.1\.0\.1'; }

@test "vpnmon: misuse" {
	run -2 --separate-stderr vpnmon 10.2.0.1
	one_error
	run -2 --separate-stderr vpnmon --tun vpn0
	one_error
	run -2 --separate-stderr vpnmon --tun vpn0 nonsense
	one_error
	stderr_has '"nonsense" is no address'
	run -2 --separate-stderr vpnmon --tun vpn0 --tun vpn1 --tun vpn2 10.2.0.1 10.2.0.2
	one_error
	stderr_has "2 DEST for 3 tunnels"
	run -2 --separate-stderr vpnmon --tun vpn0 --tun vpn0 10.2.0.1
	stderr_has "two tunnels with the device vpn0"
	run -2 --separate-stderr vpnmon --tun vpn0 --group gw --routes keep 10.2.0.1
	stderr_has "a group moves routes"
	run -2 --separate-stderr vpnmon --json --format cbor --tun vpn0 10.2.0.1
	stderr_has "exclude each other"
	run -2 --separate-stderr vpnmon --tun vpn0 --source 2001:db8::1 10.2.0.1
	stderr_has "not of one family"
	run -2 --separate-stderr vpnmon --tun a-name-that-no-device-has 10.2.0.1
	one_error
	for bad in "--interval 0" "--threshold 0" "--routes maybe"; do
		# shellcheck disable=SC2086 # two words
		run -2 --separate-stderr vpnmon --tun vpn0 $bad 10.2.0.1
		one_error
	done
}

# peers TEXT MESSAGE: a peers file of that is refused with that.
peers() {
	printf "$1" >"$T/peers.ini"
	chmod 600 "$T/peers.ini"
	run -2 --separate-stderr vpnmon --peers "$T/peers.ini"
	one_error
	stderr_has "$2"
}

@test "vpnmon: mistakes of a peers file are told with their line" {
	peers '[a]\ntun = vpn0\n' 'peers.ini:1: section [a] has no dest'
	peers '[a]\ndest = 10.2.0.1\n' 'peers.ini:1: section [a] has no tun'
	peers '[a]\ntun = vpn0\ndest = gw\n' 'peers.ini:3: dest: "gw" is no address'
	peers '[a]\ntun = vpn0\ndest = 10.2.0.1\n[b]\ntun = vpn0\ndest = 10.2.0.1\n' \
		'peers.ini:5: tun: two tunnels with the device vpn0'
	peers '[a]\ntun = vpn0\ntund = x\n' "peers.ini:3: unknown key 'tund'"
	peers '[a]\ntun = vpn0\ninterval = 0\n' 'peers.ini:3: interval: 0 is out of range'
	peers '[defaults]\ngroup = gw\n[a]\ntun = vpn0\ndest = 10.2.0.1\nroutes = keep\n' 'peers.ini:3: group'
	peers '' 'no section describes a tunnel'
	run -2 --separate-stderr vpnmon --peers "$T/peers.ini" --tun vpn0 10.2.0.1
	stderr_has "no --tun, --source or DEST beside it"
	run -2 --separate-stderr vpnmon --peers "$T/none.ini"
	stderr_has "No such file"
}

@test "vpnmon: the peers file of its man page is one that it takes" {
	tun_setup
	awk '/^\.Bd/ { n = 1; next } /^\.Ed/ { on = 0 } n == 1 { n = 0; on = ($0 == "[defaults]") } on' \
		"$SAPIPE_TOP/man/vpnmon.8" >"$T/peers.ini"
	chmod 600 "$T/peers.ini"
	left ip link add vpn0 type dummy
	left ip link add vpn1 type dummy
	left ip addr add 10.1.255.1/32 dev vpn0
	left ip addr add 10.1.255.2/32 dev vpn1
	run -0 --separate-stderr left timeout --preserve-status 1 vpnmon --peers "$T/peers.ini"
	[ -z "$stderr" ] || { echo "$stderr"; return 1; }
	[[ $output == *"vpn0 READY: asking 10.7.255.1 every 5 s"*"vpn1 READY: asking 10.7.255.2 every 30 s"*"branch-7 CARRIER: vpn0 (started)"* ]]
}

@test "vpnmon: READY, UP at the first answer; the plug pulled: DOWN after interval x threshold, routes gone; back: UP, routes as before" {
	tunnel
	left ip route add 10.77.0.0/16 dev vpn0 metric 7
	left ip route add 10.78.0.0/16 dev eth0
	left ip route add 10.79.0.0/16 via 10.77.0.9 dev vpn0
	left ip route show table all dev vpn0 >"$T/before"
	monitor --persist --json
	eventually 5 grep -q '"up"' "$T/mon.out"
	run -0 jq -r -s '.[] | .state + " " + .reason' "$T/mon.out"
	[ "$output" = $'ready started\nup answered' ]
	run -0 jq -e -s '.[0]["rtt-ms"] == null and .[1]["rtt-ms"] > 0 and .[1].loss == 0 and
		(.[1] | keys_unsorted) == ["time", "tun", "state", "reason", "loss", "rtt-ms"] and
		.[1].tun == "vpn0" and (.[1].time | test("^20[0-9-]{8}T[0-9:]{8}[.][0-9]{3}Z$"))' "$T/mon.out"
	sleep 0.5
	local from
	from=$(date +%s%3N)
	pull
	eventually 5 grep -q '"down"' "$T/mon.out"
	run -0 jq -r -s '.[2] | .state + " " + .reason' "$T/mon.out"
	[ "$output" = "down no-answer" ]
	# three questions in a row, the first of them up to one interval after the pull or just before it
	local took=$(($(date -d "$(jq -r -s '.[2].time' "$T/mon.out")" +%s%3N) - from))
	[ "$took" -ge 395 ] && [ "$took" -le 1200 ] || { echo "DOWN after $took ms"; return 1; }
	run -0 left ip route show table main dev vpn0
	[ -z "$output" ] || { echo "left over: $output"; return 1; }
	run -0 left ip route show 10.78.0.0/16
	output_has "dev eth0"
	plug
	eventually 5 eval "[ \$(grep -c '\"up\"' '$T/mon.out') -eq 2 ]"
	left ip route show table all dev vpn0 | diff "$T/before" -
	run -0 left ip rule
	[[ $output != *icmp* ]]
	ping_across 10.2.0.1
	kill "${BG[mon]}"
	ended mon
	run -0 jq -r -s '[.[].state] | join(" ")' "$T/mon.out"
	[ "$output" = "ready up down up" ]
}

@test "vpnmon: silence from the start is DOWN at interval x threshold; without --persist and --rekey asking stops, SIGHUP asks anew" {
	tunnel
	pull
	monitor
	says_soon DOWN
	local took=$(($(epoch_ms 2) - $(epoch_ms 1)))
	[ "$took" -ge 600 ] && [ "$took" -lt 900 ] || { echo "DOWN after $took ms"; return 1; }
	run ! says UP
	kill -USR1 "${BG[mon]}"
	eventually 3 grep -q 'vpn0 is DOWN since 20.*, 0/3 answered, loss 100%' "$T/mon.err"
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

@test "vpnmon: --routes keep leaves routes alone" {
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
	local from
	says_soon DOWN
	from=$(date +%s%3N)
	says_soon UP 2
	# at once, after 0.6 s, after 1.2 s more
	local took=$(($(date +%s%3N) - from))
	[ "$took" -ge 1700 ] || { echo "UP after $took ms"; return 1; }
	[ "$(sort -u "$T/rekey")" = "attempt-reconnect vpn0 down 10.2.0.1" ]
	[ "$(wc -l <"$T/rekey")" -eq 3 ]
	grep -q 'ended with status 5' "$T/mon.err"
	eventually 3 eval "[ \$(wc -l <'$T/script') -eq 3 ]"
	[ "$(cut -d' ' -f1,2 "$T/script")" = $'up connect\ndown disconnect\nup connect' ]
	grep -q '^down disconnect no-answer [0-9.]*$' "$T/script"
}

@test "vpnmon: a --rekey command that runs on is not started twice" {
	tunnel
	pull
	monitor --rekey "echo run >>'$T/rekey'; exec sleep 30"
	says_soon DOWN
	eventually 5 grep -q 'runs still' "$T/mon.err"
	[ "$(wc -l <"$T/rekey")" -eq 1 ]
	kill "${BG[mon]}"
	ended_with 1
}

@test "vpnmon: --rekey that starts the tunnel anew: the new device is watched" {
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
	eventually 5 grep -q 'warning: there is no device vpn0 yet' "$T/mon.err"
	says_soon DOWN
	grep -q 'DOWN: 10.2.0.1 cannot be asked: No such device' "$T/mon.out"
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
	background mon ip netns exec "$L" vpnmon --tun vpn0 --interval 0.1 --threshold 20 10.2.0.1
	says_soon UP
	pull
	sleep 0.5
	plug
	sleep 1
	run ! says DOWN
}

@test "vpnmon: --optimized: incoming traffic keeps it UP without questions, and silence is still found" {
	tunnel
	# 10.2.0.9 answers nothing, but traffic comes in.
	background mon ip netns exec "$L" vpnmon --optimized --persist --tun vpn0 --interval 0.2 --threshold 3 \
		10.2.0.9
	right ip route add blackhole 10.2.0.9
	says_soon DOWN
	left ip route add 10.2.0.1/32 dev vpn0 src 10.1.0.1
	background traffic ip netns exec "$R" ping -q -i 0.05 10.1.0.1
	says_soon UP
	grep -q 'UP: packets come in' "$T/mon.out"
	sleep 1
	run ! says DOWN 2
	kill "${BG[traffic]}"
	ended traffic || :
	says_soon DOWN 2
}

@test "vpnmon: --optimized counts no answer of its own as traffic" {
	tunnel
	right nft 'add table inet count; add chain inet count in { type filter hook input priority 0; }; add rule inet count in icmp type echo-request counter'
	background mon ip netns exec "$L" vpnmon --optimized --tun vpn0 --interval 0.1 --threshold 10 10.2.0.1
	says_soon UP
	sleep 1.5
	local n
	n=$(right nft list table inet count | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
	[ "$n" -ge 10 ] || { echo "$n questions in 1.5 s"; return 1; }
}

@test "vpnmon: IPv6" {
	tunnel 6
	background mon ip netns exec "$L" vpnmon -v --persist --tun vpn0 --interval 0.2 --threshold 3 \
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

@test "vpnmon: --metrics writes a whole file each time, readable by all" {
	tunnel
	mkdir -m 755 "$T/m"
	monitor --persist --metrics "$T/m/vpn.prom"
	says_soon UP
	eventually 3 grep -q '^vpnmon_up{tun="vpn0",destination="10.2.0.1"} 1$' "$T/m/vpn.prom"
	grep -q '^vpnmon_state{tun="vpn0",destination="10.2.0.1",state="up"} 1$' "$T/m/vpn.prom"
	grep -qE '^vpnmon_rtt_seconds\{[^}]*\} 0\.0[0-9]+$' "$T/m/vpn.prom"
	[ "$(stat -c %a "$T/m/vpn.prom")" = 644 ]
	pull
	says_soon DOWN
	eventually 3 grep -q '^vpnmon_up{.*} 0$' "$T/m/vpn.prom"
	# every line of the format: a comment, or a name, labels and a number
	run ! grep -vE '^# (HELP|TYPE) vpnmon_[a-z_]+ .+$|^vpnmon_[a-z_]+\{[^}]*\} [-+0-9.e]+$' "$T/m/vpn.prom"
	kill "${BG[mon]}"
	ended_with 1
	[ "$(ls -A "$T/m")" = vpn.prom ]
	run -3 --separate-stderr left vpnmon --tun vpn0 --metrics "$T/none/vpn.prom" 10.2.0.1
	stderr_has "cannot make"
}

@test "vpnmon: a reader that goes away is exit 3, and the routes are there" {
	tunnel
	run -3 --separate-stderr bash -c \
		'set -o pipefail; ip netns exec "$1" timeout 20 vpnmon --persist --tun vpn0 --interval 0.1 --threshold 3 10.2.0.1 |
		{ read -r _; read -r _; ip netns exec "$1" nft "add table inet plug; add chain inet plug in { type filter hook input priority -300; }; add rule inet plug in meta l4proto esp drop"; }' - "$L"
	stderr_has "Broken pipe"
	has_route
}

@test "vpnmon: a reader that goes away is noticed when there is nothing to be said" {
	tunnel
	run -3 --separate-stderr bash -c 'set -o pipefail
		ip netns exec "$1" timeout 20 vpnmon --tun vpn0 --interval 300 10.2.0.1 | { read -r _; read -r _; }' - "$L"
	stderr_has "Broken pipe"
	run -3 --separate-stderr bash -c 'set -o pipefail
		ip netns exec "$1" timeout 20 vpnmon --format cbor --tun vpn0 --interval 300 10.2.0.1 | head -c 100 >/dev/null' - "$L"
	stderr_has "vpnmon: "
}

@test "vpnmon: --format cbor: event records that fit the schema and that sa-show reads" {
	need sa-show
	tunnel
	monitor --format cbor --persist --group gw
	eventually 6 grep -qa carrier "$T/mon.out"
	eventually 6 eval "sa-show '$T/mon.out' | grep -q 'what  *up'"
	pull
	eventually 6 eval "sa-show '$T/mon.out' | grep -q 'what  *down'"
	kill "${BG[mon]}"
	ended_with 1
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" "$T/mon.out"
	[ "$output" = "5 event" ]
	run -0 sa-show --format json "$T/mon.out"
	[ "$(jq -r -s 'map([.source, .what, .tun // ""] | join(" ")) | join("; ")' <<<"$output")" = \
		"vpnmon ready vpn0; vpnmon carrier vpn0; vpnmon up vpn0; vpnmon down vpn0; vpnmon carrier " ]
	jq -e -s --argjson now "$(date +%s)" 'all(.[]; .time > $now - 60 and .time <= $now and .text != "")' <<<"$output"
	# through a pipe, as it is meant
	run -0 bash -c 'ip netns exec "$1" timeout 2 vpnmon --format cbor --tun vpn0 10.2.0.1 | sa-show' - "$L"
	output_has "ready, from vpnmon"
	run -2 env TERM=xterm script -qec "ip netns exec $L vpnmon --format cbor --tun vpn0 10.2.0.1" /dev/null </dev/null
	output_has "vpnmon --format cbor ... | sa-show"
}

@test "vpnmon: without the right to change routes it says so at once" {
	tun_setup
	run -3 --separate-stderr left setpriv --bounding-set -net_admin --inh-caps -net_admin \
		vpnmon --tun eth0 203.0.113.2
	stderr_has "cannot change routes"
	stderr_has "--routes keep"
}

@test "vpnmon: --watch draws a table on a terminal, events above it" {
	tunnel
	run -2 --separate-stderr left vpnmon --watch --tun vpn0 10.2.0.1
	stderr_has "standard output is none"
	pull
	background unplug bash -c "sleep 1.5; ip netns exec $L nft delete table inet plug"
	run -0 env TERM=xterm LC_ALL=C.UTF-8 script -qec "timeout --foreground --preserve-status -s INT 3 ip netns exec $L \
		vpnmon --watch --persist --tun vpn0 -i 0.2 --threshold 3 10.2.0.1" /dev/null </dev/null
	local plain
	plain=$(sed 's/\x1b\[[0-9;]*m//g' <<<"$output")
	grep -qE 'vpn0 +DOWN +0m0[0-9]s +100\.0% +-  xxx' <<<"$plain"
	grep -qE 'vpn0 +UP +0m0[0-9]s +[0-9.]+% +[0-9]+\.[0-9]{3}  xxxx*[▁▂▃▄▅▆▇█]+' <<<"$plain"
	grep -qE '^20[^ ]*Z vpn0 DOWN: ' <<<"$(tr '\r' '\n' <<<"$plain" | sed 's/\x1b\[[0-9]*[AJ]//g')"
	[[ $output == *$'\x1b[1A'* ]]
}

# draws ENVIRONMENT STTY: what a terminal of that kind gets in 2 s, without colours and movements.
draws() {
	# shellcheck disable=SC2086 # variables for env
	env TERM=xterm LC_ALL=C.UTF-8 $1 script -qec "stty $2; timeout --foreground --preserve-status -s INT 2 \
		ip netns exec $L vpnmon --watch --persist --tun vpn0 -i 0.2 --threshold 3 10.2.0.1" /dev/null </dev/null >"$T/raw" || :
	tr '\r' '\n' <"$T/raw" | sed 's/\x1b\[[0-9;]*[mAJ]//g'
}

@test "vpnmon: --watch: narrow and low terminals, NO_COLOR, TERM=dumb, no UTF-8" {
	tunnel
	# of 30 columns none but events is longer
	draws "" "cols 30 rows 10" | grep -v '^20' >"$T/narrow"
	grep -qE '^vpn0 UP +0m0' "$T/narrow"
	[ "$(awk '{ gsub(/[^ -~]/, ""); print length }' "$T/narrow" | sort -n | tail -1)" -lt 30 ]
	draws "" "cols 12 rows 2" | grep -v '^20' >"$T/narrow"
	grep -qE '^vpn0 UP *$' "$T/narrow"
	[ "$(awk '{ print length }' "$T/narrow" | sort -n | tail -1)" -lt 12 ]
	draws NO_COLOR=1 "cols 100" | grep -qE '^vpn0 UP .*[▁▂▃▄▅▆▇█]'
	! grep -q $'\x1b\\[[0-9;]*m' "$T/raw" || return 1
	grep -q $'\x1b\\[1A' "$T/raw"
	draws LC_ALL=C "cols 100" | grep -qE '^vpn0 UP .*[.0-9]  [1-8]+'
	draws TERM=dumb "cols 80" >"$T/dumb"
	! grep -q $'\x1b' "$T/raw" || return 1
	grep -q 'cannot be drawn on' "$T/dumb"
	grep -q ' vpn0 UP: ' "$T/dumb"
}

@test "vpnmon: --watch follows the size of the terminal" {
	tunnel
	background resize bash -c "sleep 1.5; for p in /proc/[0-9]*; do
			grep -qz 'RESIZE_ME=$T' \$p/environ 2>/dev/null && [ \"\$(cat \$p/comm)\" = vpnmon ] || continue
			stty cols 24 <\$(readlink \$p/fd/1)
		done"
	env TERM=xterm LC_ALL=C.UTF-8 RESIZE_ME="$T" script -qec "stty cols 90; timeout --foreground --preserve-status -s INT 4 \
		ip netns exec $L vpnmon --watch --persist --tun vpn0 -i 0.2 --threshold 3 10.2.0.1" /dev/null </dev/null >"$T/raw" || :
	# wide first, narrow at the end
	tr '\r' '\n' <"$T/raw" | sed 's/\x1b\[[0-9;]*[mAJ]//g' >"$T/text"
	grep -q 'LAST QUESTIONS' "$T/text"
	[ "$(grep '^vpn0 UP' "$T/text" | tail -1 | awk '{ gsub(/[^ -~]/, ""); print length }')" -lt 24 ]
}
