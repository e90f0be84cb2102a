#!/usr/bin/env bats
# What esp-tun does beside its packets, at full rate: it records them and runs scripts, and the tunnel loses nothing.
# shards: 2
# shellcheck disable=SC2154 # BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() { tun_setup; }
teardown() { tun_teardown; }

TRAFFIC=$SAPIPE_BUILD/tests/traffic

# busy SECONDS: TCP at full rate and UDP whose packets are counted; nothing of it is lost.
busy() {
	local kind bad=0
	ip -n "$L" link set vpn0 txqueuelen 10000
	ip -n "$R" link set vpn0 txqueuelen 10000
	background echo ip netns exec "$R" "$TRAFFIC" echo 10.2.0.1 7000
	eventually 10 grep -q listening "$T/echo.out"
	background udp ip netns exec "$L" "$TRAFFIC" udp 10.1.0.1 10.2.0.1 7000 "$1" 1 5000000
	background tcp ip netns exec "$L" "$TRAFFIC" tcp 10.1.0.1 10.2.0.1 7000 "$1" 2 500000000
	for kind in udp tcp; do
		ended $kind $(($1 + 60)) || bad=1
		sed "s/^/$kind: /" "$T/$kind.out" "$T/$kind.err"
	done
	[ $bad = 0 ]
}

frames_are() { [ "$(tshark -r "$1" -T fields -e frame.number 2>/dev/null | tail -n 1)" = "$2" ]; }

# noted sent|lost: the packets of the capture, so far.
noted() { sed -n "s/^esp-tun: capture: packets \([0-9]*\), lost \([0-9]*\)$/$([ "$1" = sent ] && echo '\1' || echo '\2')/p" "$T/counters"; }

# sum left: packets in and out.
sum() { sed -n 's/^esp-tun: \(in\|out\): packets \([0-9]*\),.*/\2/p' "$T/counters" | awk '{ n += $1 } END { print n }'; }

@test "esp-slow: --pcap at full rate: each packet is recorded or counted as lost, and none is lost in the tunnel" {
	local sent lost recorder
	make_pair aes128gcm16 udp
	tun_both --pcap "$T/wire.pcapng"
	ping_across 10.2.0.1
	# A recorder that hangs meanwhile: what it did not get is counted.
	recorder=$(pgrep -n -P "${BG[left]}")
	busy 2
	kill -STOP "$recorder"
	busy 1
	kill -CONT "$recorder"
	counters left >"$T/counters"
	cat "$T/counters"
	sent=$(noted sent) lost=$(noted lost)
	[ $((sent + lost)) = "$(sum)" ]
	[ "$lost" -gt 0 ]
	kill "${BG[left]}"
	ended left 20
	grep -q "the capture lacks $lost packets" "$T/left.err"
	# All that it got is there, once it has written it: on a busy machine esp-tun ends first.
	eventually 20 frames_are "$T/wire.pcapng" "$sent"
}

@test "esp-slow: a --script that takes its time stops no packet, at full rate" {
	cat >"$T/script" <<-SH
		#!/bin/sh
		echo "\$reason" >>"$T/reasons"
		for k in \$(seq 300); do [ -e "$T/go" ] && break; sleep 0.2; done
		echo over >>"$T/reasons"
	SH
	chmod 755 "$T/script"
	make_pair aes128gcm16 udp
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up right
	tun_start left --script "$T/script" "$T/left.sa"
	eventually 15 tun_is_up left
	eventually 15 test -s "$T/reasons"
	busy 1
	[ "$(grep -c over "$T/reasons")" = 0 ]
	touch "$T/go"
	eventually 15 grep -q over "$T/reasons"
	kill "${BG[left]}"
	ended left 20
	[ "$(grep -c over "$T/reasons")" = 2 ]
}
