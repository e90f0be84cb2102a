# Interop: vpnmon over a tunnel to the lab's gateway whose plug is pulled. The tunnel is one-shot
# (no --keep), so that nothing but --rekey mends it.
# shards: 2

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	[ ! -e "${T:-}/group" ] || LAB_GROUP[tunnel]=$(<"$T/group")
	lab_teardown
}

# tunnel: negotiates once, and esp-tun keeps running. $T/start does so, and ends the one before; it is
# what --rekey runs. Its process group is in $T/group.
tunnel() {
	need vpnmon ike-initiate esp-tun
	T=$BATS_TEST_TMPDIR
	lab_up ikev1-psk
	cat >"$T/start" <<-END
		#!/bin/bash
		# reason and device as vpnmon says them, if it is vpnmon
		echo "\${reason-first} \${TUNDEV-} \${SAPIPE_STATE-}" >>'$T/starts'
		[ ! -e '$T/group' ] || kill -TERM -- "-\$(<'$T/group')" 2>/dev/null
		ip netns exec $NS_LEFT timeout 30 ike-initiate $(lab_policy ikev1-psk) --timeout 4 \\
			-o '$T/new.sa' $RIGHT_IP >'$T/ike.out' 2>>'$T/ike.err' || exit
		setsid ip netns exec $NS_LEFT $(ESP_TUN) '$T/new.sa' </dev/null >'$T/esp.out' 2>>'$T/esp.err' &
		echo \$! >'$T/group'
	END
	chmod +x "$T/start"
	"$T/start" 3>&- 4>&-
	# shellcheck disable=SC2034 # lab_teardown reads it
	LAB_GROUP[tunnel]=$(<"$T/group")
	eventually 15 lab_answers left "$RIGHT_INNER"
}

# monitor OPTION...: vpnmon of it, in left.
monitor() {
	mkdir -m 755 "$T/m"
	background mon ip netns exec "$NS_LEFT" vpnmon -v --json --tun vpn0 --source "$LEFT_INNER" \
		--metrics "$T/m/prom" "$@" "$RIGHT_INNER"
}

# pull, plug: nothing of UDP comes or goes on the wire to the gateway, or it does.
pull() {
	in_left nft 'add table inet plug; add chain inet plug in { type filter hook input priority -300; }; add chain inet plug out { type filter hook output priority -300; }; add rule inet plug in udp sport { 500, 4500 } drop; add rule inet plug out udp dport { 500, 4500 } drop'
}
plug() { in_left nft delete table inet plug; }

# states: those of the report so far, in one line.
states() { jq -r .state "$T/mon.out" | xargs; }
has_states() { [ "$(states)" = "$1" ]; }
soon() {
	eventually "$1" has_states "$2" || {
		echo "wanted: $2"
		cat "$T/mon.out" "$T/mon.err" "$T/starts" "$T/ike.err"
		return 1
	}
}

# Changes by the tool's own count are those that were reported, and no event is before the one above it.
none_lost() {
	local changes
	changes=$(sed -n 's/^vpnmon_state_changes_total{.*} //p' "$T/m/prom")
	[ "$changes" -eq $(($(wc -l <"$T/mon.out") - 1)) ]
	jq -r .time "$T/mon.out" | sort -c
}

no_route() { ! has_route; }
has_route() { in_left ip route show table main "$RIGHT_NET" | grep -q 'dev vpn0'; }

@test "lab vpnmon: plug pulled: DOWN after interval x threshold, routes gone; --rekey brings it back; no event lost" {
	tunnel
	monitor --interval 1 --threshold 3 --rekey "$T/start" \
		--on-down "echo \"\$SAPIPE_REASON \$(ip route show table main $RIGHT_NET | wc -l)\" >>'$T/downs'"
	soon 10 "ready up"
	has_route
	local from
	from=$(date +%s%3N)
	pull
	soon 15 "ready up down"
	# the last answer came up to one interval before the pull; three questions after it are not answered,
	# and the third is missed when the next is due
	local took=$(($(date -d "$(jq -r -s '.[2].time' "$T/mon.out")" +%s%3N) - from))
	echo "DOWN after $took ms"
	[ "$took" -ge 1990 ] && [ "$took" -le 20000 ]
	eventually 5 no_route
	# the routes were removed before the command ran
	eventually 5 grep -qx 'no-answer 0' "$T/downs"
	# The gateway is restarted and has lost the old SAs: only a new negotiation helps.
	eventually 20 eval "[ \$(grep -c attempt-reconnect '$T/starts') -ge 2 ]"
	"$LAB/strongswan.sh" stop
	"$LAB/strongswan.sh" start ikev1-psk 3>&- 4>&-
	plug
	soon 60 "ready up down up"
	eventually 5 has_route
	lab_ping left "$RIGHT_INNER"
	[ "$(sort -u <(tail -n +2 "$T/starts"))" = "attempt-reconnect vpn0 down" ]
	kill "${BG[mon]}"
	ended mon
	has_states "ready up down up"
	none_lost
}

@test "lab vpnmon: the plug pulled and put back five times: exactly those events, in order" {
	tunnel
	monitor --interval 0.4 --threshold 6 --persist
	soon 10 "ready up"
	local want="ready up"
	for _ in 1 2 3 4 5; do
		pull
		want+=" down"
		soon 15 "$want"
		eventually 5 no_route
		plug
		want+=" up"
		soon 15 "$want"
		eventually 5 has_route
	done
	# one that is too short for the threshold is no event; a busy machine may make it longer
	local from=${EPOCHREALTIME/./}
	pull
	sleep 0.5
	plug
	[ $(((${EPOCHREALTIME/./} - from) / 1000)) -lt 1900 ] || {
		want+=" down up"
		eventually 10 has_states "$want" || want=${want% down up}
	}
	lab_ping left "$RIGHT_INNER" 10
	kill "${BG[mon]}"
	ended mon
	has_states "$want"
	none_lost
	run -0 jq -e -s 'all(.[]; if .state == "up" then .reason == "answered" and .["rtt-ms"] > 0
		elif .state == "down" then .reason == "no-answer" else .reason == "started" end)' "$T/mon.out"
}
