# vpnmon with several tunnels: two of esp-tun between two namespaces, one outside over IPv4,
# the other over IPv6, so that the plug of each is pulled by itself.
# shards: 3

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun
load lib/readme

setup() {
	need vpnmon
	T=$BATS_TEST_TMPDIR
}

teardown() { tun_teardown; }

# addr SIDE N: inner address N of left (1) or right (2).
addr() {
	if [ "$INNER" = 4 ]; then echo "10.$1.0.$2"; else echo "2001:db8:$1::$2"; fi
}
net() { if [ "$INNER" = 4 ]; then echo "10.$1.0.0/24"; else echo "2001:db8:$1::/64"; fi; }

# tunnels [INNER]: vpn0 and vpn1 on each side. Each has addresses of its own to be asked (1 and 2); 3 is
# for what is to be carried. Both have routes to the same net, those of vpn1 with a worse metric.
tunnels() {
	local side ns n=1 peer bits=32
	INNER=${1:-4}
	[ "$INNER" = 4 ] || bits=128
	tun_setup
	make_pair aes128gcm16 none 4 "$INNER"
	mv "$T/left.sa" "$T/left0.sa"
	mv "$T/right.sa" "$T/right0.sa"
	make_pair aes128gcm16 none 6 "$INNER"
	for side in left right; do
		ns=$L peer=2
		[ "$side" = left ] || { ns=$R n=2 peer=1; }
		ip -n "$ns" addr add "$(addr $n 2)/$bits" dev lo
		ip -n "$ns" addr add "$(addr $n 3)/$bits" dev lo
		background "${side}0" ip netns exec "$ns" esp-tun -v --tun vpn0 --state-dir "$T/${side}0.state" \
			--no-route "$T/${side}0.sa"
		background "${side}1" ip netns exec "$ns" esp-tun -v --tun vpn1 --state-dir "$T/${side}1.state" \
			--no-route "$T/$side.sa"
		eventually 15 grep -q 'vpn0 is up' "$T/${side}0.err"
		eventually 15 grep -q 'vpn1 is up' "$T/${side}1.err"
		ip -n "$ns" route add "$(net $peer)" dev vpn0 metric 10 src "$(addr $n 3)"
		ip -n "$ns" route add "$(net $peer)" dev vpn1 metric 20 src "$(addr $n 3)"
	done
}

# group SIDE [OPTION...]: a monitor of both, as a group.
group() {
	local side=$1 ns=$L n=1 peer=2
	shift
	[ "$side" = left ] || { ns=$R n=2 peer=1; }
	background "mon-$side" ip netns exec "$ns" vpnmon -v --interval 0.3 --threshold "${THRESHOLD:-10}" --group gw \
		--tun vpn0 --tun vpn1 --source "$(addr $n 1)" --source "$(addr $n 2)" "$@" \
		"$(addr $peer 1)" "$(addr $peer 2)"
}

# pull 4|6, plug 4|6: ESP of that outer family does not reach left.
pull() {
	left nft "add table inet plug$1; add chain inet plug$1 in { type filter hook input priority -300; }; add rule inet plug$1 in meta nfproto ipv$1 meta l4proto esp drop"
}
plug() { left nft delete table inet "plug$1"; }

# says SIDE TEXT [N]: N (1) lines of its report have that.
says() { [ "$(grep -c -- " $2" "$T/mon-$1.out")" -ge "${3:-1}" ]; }
says_soon() {
	eventually 15 says "$@" || {
		echo "not there: $*"
		cat "$T/mon-$1.out" "$T/mon-$1.err"
		return 1
	}
}

# carrier: the device of the route in use from left to right.
carrier() { left ip -"$INNER" route show table main "$(net 2)" | sed 's/.* dev \([^ ]*\).*/\1/'; }

carries() {
	[ "$(carrier)" = "$1" ] || {
		echo "carrier: $(carrier)"
		cat "$T/mon-left.out" "$T/mon-left.err"
		return 1
	}
}

# words FILE: state and carrier events, without times and reasons.
words() { sed -E 's/^[^ ]* ([^ ]+) ([A-Z]+): ?([^ ,]*).*/\1 \2 \3/; / CARRIER /!s/ [^ ]*$//' "$1"; }

crosses() { left ping -q -c 1 -W 5 "$(addr 2 3)" >/dev/null; }

# A connection that survives while the tunnels change.
connect() {
	local v=$INNER host
	host=$(addr 2 3)
	[ "$v" = 4 ] || host="[$host]"
	background echo ip netns exec "$R" socat "TCP$v-LISTEN:7,reuseaddr" EXEC:cat
	eventually 15 eval "ip netns exec $R ss -ltn | grep -q ':7 '"
	mkfifo "$T/say"
	left socat -t 30 STDIO "TCP$v:$host:7" <"$T/say" >"$T/heard" 3>&- 4>&- &
	BG[client]=$!
	exec 9>"$T/say"
}
echoes() {
	echo "$1" >&9
	eventually 15 grep -q "^$1$" "$T/heard"
}

failover() {
	tunnels "$1"
	if [ "$1" = 4 ]; then
		# as in the README, with shorter intervals
		background mon-left ip netns exec "$L" bash -c \
			"exec $(example failover | sed 's/^vpnmon /&-v /; s/ 5 / 0.3 /; s/ 3 / 10 /')"
	else
		group left
	fi
	group right
	says_soon left "vpn0 UP"
	says_soon left "vpn1 UP"
	says_soon right "vpn1 UP"
	carries vpn0
	connect
	echoes one
	pull 4
	says_soon left "gw CARRIER: vpn1, in place of vpn0 (down)"
	says_soon right "gw CARRIER: vpn1, in place of vpn0 (down)"
	carries vpn1
	echoes two
	crosses
	plug 4
	says_soon left "gw CARRIER: vpn0, in place of vpn1 (preempted)"
	says_soon right "gw CARRIER: vpn0, in place of vpn1 (preempted)"
	carries vpn0
	echoes three
	exec 9>&-
	kill "${BG[mon-left]}"
	ended mon-left
	# all routes as they were
	run -0 left ip -"$1" route show table main "$(net 2)"
	output_has "dev vpn0"
	output_has "dev vpn1"
	run -0 left ip -"$1" rule
	[[ $output != *icmp* ]]
	# no event lost, none made up, in order
	run -0 words "$T/mon-left.out"
	[ "$(grep -v 'vpn1' <<<"$output" | grep -v CARRIER)" = $'vpn0 READY\nvpn0 UP\nvpn0 DOWN\nvpn0 UP' ]
	[ "$(grep -v CARRIER <<<"$output" | grep vpn1)" = $'vpn1 READY\nvpn1 UP' ]
	[ "$(grep CARRIER <<<"$output")" = $'gw CARRIER vpn0\ngw CARRIER vpn1\ngw CARRIER vpn0' ]
}

@test "vpnmon: a group fails over and back, and a connection survives" {
	failover 4
}

@test "vpnmon: a group fails over and back, inside IPv6" {
	failover 6
}

@test "vpnmon: --no-preempt stays with the second one; all DOWN: no routes; the first to come back carries" {
	tunnels
	right ip route add "$(addr 1 2)" dev vpn1
	group left --no-preempt --json
	says_soon left '' 0
	eventually 15 eval "[ \"\$(jq -r 'select(.state == \"up\") | .tun' '$T/mon-left.out' | sort -u | xargs)\" = 'vpn0 vpn1' ]"
	carries vpn0
	pull 4
	eventually 15 carries vpn1
	plug 4
	eventually 15 eval "[ \$(jq -r 'select(.tun == \"vpn0\" and .state == \"up\") | .tun' '$T/mon-left.out' | wc -l) -eq 2 ]"
	carries vpn1
	pull 4
	eventually 15 eval "[ \$(jq -r 'select(.tun == \"vpn0\" and .state == \"down\") | .tun' '$T/mon-left.out' | wc -l) -eq 2 ]"
	pull 6
	eventually 15 eval "jq -e -s 'last(.[] | select(.carrier != null or has(\"carrier\"))) | .carrier == null' '$T/mon-left.out'"
	run -0 left ip route show table main "$(net 2)"
	[ -z "$output" ]
	plug 6
	eventually 15 carries vpn1
	kill "${BG[mon-left]}"
	ended mon-left
	run -0 jq -r -s '[.[] | select(has("carrier")) | (.carrier // "none") + "/" + (.before // "none") + "/" + .reason] | join(" ")' "$T/mon-left.out"
	[ "$output" = "vpn0/none/started vpn1/vpn0/down none/vpn1/down vpn1/none/up" ]
	# lines of states have the keys that scripts rely on, and the group
	run -0 jq -e -s 'all(.[] | select(has("state")); keys_unsorted == ["time", "tun", "state", "reason", "loss", "rtt-ms", "group"] and .group == "gw")' "$T/mon-left.out"
}

@test "vpnmon: a group that was killed is found again by the next one" {
	tunnels
	right ip route add "$(addr 1 3)" dev vpn1
	right ip route add "$(addr 1 2)" dev vpn1
	group left
	says_soon left "vpn0 UP"
	pull 4
	says_soon left "gw CARRIER: vpn1"
	kill -KILL "${BG[mon-left]}"
	ended mon-left || :
	carries vpn1
	run ! grep -q 'dev vpn0' <(left ip route show table main "$(net 2)")
	group left
	# what is out of use comes back, and the one that does not answer is passed over
	says_soon left "gw CARRIER: vpn1, in place of vpn0"
	carries vpn1
	crosses
	plug 4
	says_soon left "gw CARRIER: vpn0, in place of vpn1"
	carries vpn0
	kill "${BG[mon-left]}"
	ended mon-left
	run -0 left ip route show table main "$(net 2)"
	[ "$(grep -c . <<<"$output")" -eq 2 ]
}

@test "vpnmon: a member whose device vanishes is passed over at once, and is back with it" {
	tunnels
	right ip route add "$(addr 1 3)" dev vpn1
	right ip route add "$(addr 1 2)" dev vpn1
	THRESHOLD=200 group left
	says_soon left "vpn0 UP"
	says_soon left "vpn1 UP"
	kill "${BG[left0]}"
	ended left0
	says_soon left "gw CARRIER: vpn1, in place of vpn0 (no-device)"
	carries vpn1
	crosses
	background left0 ip netns exec "$L" esp-tun -v --tun vpn0 --state-dir "$T/left0.state" --no-route "$T/left0.sa"
	eventually 15 left ip link show vpn0
	left ip route add "$(net 2)" dev vpn0 metric 10 src "$(addr 1 3)"
	says_soon left "gw CARRIER: vpn0, in place of vpn1 (preempted)"
	carries vpn0
	eventually 15 crosses
	run ! says left "vpn0 DOWN"
}

@test "vpnmon: routes of the same metric over two devices do not lose each other" {
	tunnels
	left ip route del "$(net 2)" dev vpn1
	left ip route append "$(net 2)" dev vpn1 metric 10 src "$(addr 1 3)"
	right ip route add "$(addr 1 2)" dev vpn1
	group left
	says_soon left "vpn1 UP"
	carries vpn0
	pull 4
	says_soon left "gw CARRIER: vpn1"
	carries vpn1
	plug 4
	says_soon left "gw CARRIER: vpn0, in place of vpn1"
	carries vpn0
	kill "${BG[mon-left]}"
	ended mon-left
	run -0 left ip route show table main "$(net 2)"
	[ "$(grep -c . <<<"$output")" -eq 2 ]
}

@test "vpnmon: one DEST for two tunnels: pings of other programs use the routes" {
	tunnels
	right ip route add "$(addr 1 2)" dev vpn1
	background mon-left ip netns exec "$L" vpnmon -v --interval 0.3 --threshold 6 --group gw \
		--tun vpn0 --tun vpn1 --source "$(addr 1 1)" --source "$(addr 1 2)" "$(addr 2 1)"
	says_soon left "vpn0 UP"
	says_soon left "vpn1 UP"
	pull 4
	says_soon left "gw CARRIER: vpn1"
	left ping -q -c 2 -i 0.2 -W 2 -I "$(addr 1 2)" "$(addr 2 1)"
}

@test "vpnmon: --peers: a section a tunnel, with what it says of its own; --metrics of all in one file" {
	tunnels
	cat >"$T/peers.ini" <<-END
		[defaults]
		interval = 0.3
		threshold = 6
		persist = yes
		on-down = echo "\$TUNDEV \$SAPIPE_GROUP \$SAPIPE_CARRIER" >>$T/downs

		[first]			; outside IPv4
		tun = vpn0
		dest = 10.2.0.1
		source = 10.1.0.1
		group = gw
		priority = 20

		[second]
		tun = vpn1
		dest = 10.2.0.2
		source = 10.1.0.2
		group = gw
		priority = 10
	END
	chmod 600 "$T/peers.ini"
	right ip route add 10.1.0.2 dev vpn1
	mkdir -m 755 "$T/m"
	background mon-left ip netns exec "$L" vpnmon -v --peers "$T/peers.ini" --metrics "$T/m/vpn.prom"
	says_soon left "vpn0 UP"
	says_soon left "vpn1 UP"
	# the lower number goes first
	carries vpn1
	pull 6
	says_soon left "gw CARRIER: vpn0, in place of vpn1 (down)"
	carries vpn0
	eventually 15 grep -qx 'vpn1 gw vpn0' "$T/downs"
	kill -USR1 "${BG[mon-left]}"
	eventually 15 grep -q 'vpn0 is UP since .*, carries the routes of gw' "$T/mon-left.err"
	eventually 15 grep -q 'vpn1 is DOWN since ' "$T/mon-left.err"
	# all tunnels in one file: one HELP and TYPE a name, its samples together
	eventually 15 grep -q '^vpnmon_up{tun="vpn1",.*} 0$' "$T/m/vpn.prom"
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/prom_check.py" "$T/m/vpn.prom"
	output_has 'vpnmon_up{destination="10.2.0.1",group="gw",tun="vpn0"} 1'
	output_has 'vpnmon_up{destination="10.2.0.2",group="gw",tun="vpn1"} 0'
	output_has 'vpnmon_carrier{destination="10.2.0.1",group="gw",tun="vpn0"} 1'
	# Whichever was up first carried first: the log counts the times that another one took its place.
	output_has "vpnmon_switches_total{group=\"gw\"} $(grep -c 'gw CARRIER: .*, in place of vpn' "$T/mon-left.out")"
	output_has 'vpnmon_state{destination="10.2.0.2",group="gw",state="down",tun="vpn1"} 1'
	# the checker finds what is wrong
	{ cat "$T/m/vpn.prom"; echo 'vpnmon_up{tun="x"} 1'; } >"$T/bad.prom"
	run -1 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/prom_check.py" "$T/bad.prom"
	output_has "not together"
	# a member carries: the answer is yes
	kill "${BG[mon-left]}"
	ended mon-left
}
