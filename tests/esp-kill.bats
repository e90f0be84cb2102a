#!/usr/bin/env bats
# esp-tun killed at full rate, again and again: no sequence number and no IV is sent twice.
# KILLS: how often, default 10. The long run: KILLS=120 make check T=esp-kill
# shards: 3
# shellcheck disable=SC2154 # BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() { tun_setup; }
teardown() { tun_teardown; }

# sent_by left|right: packets that its wire has had.
sent_by() {
	local ns=$L
	[ "$1" = left ] || ns=$R
	ip netns exec "$ns" cat /sys/class/net/eth0/statistics/tx_bytes
}

sent_more() { [ "$(sent_by "$1")" -gt "$2" ]; }

value() { sed -n "s/^$1 //p" "$T/numbers.out"; }

# killed PROPOSAL ENCAP: both ends send at full rate, and are killed in turn in the middle of it.
killed() {
	local kills=${KILLS:-10} i side had rc seconds
	seconds=$((kills * 10 + 90))	# a bound: they are ended below
	make_pair "$1" "$2"
	tun_both
	ping_across 10.2.0.1
	background numbers nice -n -10 ip netns exec "$L" "$SAPIPE_BUILD/tests/numbers" eth0
	eventually 10 grep -q listening "$T/numbers.out"
	background blast-left ip netns exec "$L" "$SAPIPE_BUILD/tests/blast" 10.1.0.1 10.2.0.1 9 "${BLAST:-200000}" $((seconds > 900 ? 900 : seconds))
	background blast-right ip netns exec "$R" "$SAPIPE_BUILD/tests/blast" 10.2.0.1 10.1.0.1 9 "${BLAST:-200000}" $((seconds > 900 ? 900 : seconds))
	for ((i = 0; i < kills; i++)); do
		side=left
		[ $((i % 3)) -lt 2 ] || side=right
		had=$(sent_by $side)
		eventually 10 sent_more $side $((had + 5000000 + RANDOM * 500)) || { cat "$T/$side.err"; return 1; }
		kill -KILL "${BG[$side]}"
		rc=0
		ended $side || rc=$?
		[ $rc -eq 137 ]
		tun_start $side "$T/$side.sa"
		eventually 15 tun_is_up $side || { cat "$T/$side.err"; return 1; }
	done
	# The tunnel works again; an end that was killed refuses the numbers that it had reserved, until the other is past them.
	eventually 60 one_ping || { counters right; counters left; return 1; }
	kill "${BG[blast-left]}" "${BG[blast-right]}"
	kill "${BG[numbers]}"
	ended numbers 20
	echo "# $1, $2: $kills kills; $(tr '\n' ' ' <"$T/numbers.out")"
	[ -z "${KILLS-}" ] || echo "# $1, $2: $kills kills; $(tr '\n' ' ' <"$T/numbers.out")" >&3
	[ "$(value again)" = 0 ]
	[ "$(value iv-again)" = 0 ]
	[ "$(value missed)" = 0 ]
	[ "$(value packets)" -gt $((kills * 1000)) ]
}

# one_ping: beside full rate a ping may find no room on a slow machine, so the load has a break meanwhile.
one_ping() {
	local rc=0
	kill -STOP "${BG[blast-left]}" "${BG[blast-right]}"
	left ping -q -c 3 -i 0.2 -W 0.5 10.2.0.1 >/dev/null 2>&1 || rc=1
	kill -CONT "${BG[blast-left]}" "${BG[blast-right]}"
	return $rc
}

@test "esp-kill: AES-GCM in UDP, whole super-packets: no number and no IV is sent twice" {
	killed aes128gcm16 udp
	[ "$(value super)" -gt 100 ]
}

@test "esp-kill: AES-CBC, raw: no number and no IV is sent twice" {
	BLAST=50000
	killed aes128-sha256 none
}

@test "esp-kill: AES-CTR in UDP: no number and no IV is sent twice" {
	killed aes128ctr-sha1 udp
}
