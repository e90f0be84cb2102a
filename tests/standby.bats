#!/usr/bin/env bats
# Two gateways under one address: the standby holds the SAs and takes over.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two
load lib/shared

setup() { shared_setup; }
teardown() { shared_teardown; }

# gateway NAME NAMESPACE INPUT: a pipeline of a standby; records also in NAME.sa.
gateway() {
	mkfifo "$1.in"
	ip netns exec "$2" setsid bash -c "while :; do $3 >$1.in; sleep 0.2; done & ike-respond -v --standby --control $T/$1.ctl --psk-file gw.psk --local-id right.example \
		--remote-id left.example $(words "${FAST[@]}" "${STEN4[@]}") 2>$1.ike <$1.in | tee $1.sa |
		esp-tun -v --tun vpn0 --standby --state-dir $1.state" </dev/null >"$T/$1.out" 2>"$T/$1.log" 3>&- 4>&- &
	GROUP[$1]=$!
}

address() {
	ip -n "$1" addr add 203.0.113.2/32 dev out
	ip -n "$1" addr add 10.2.0.254/32 dev in
	ip -n "$L" neigh flush dev eth0
	ip -n "$R" neigh flush dev eth0
}

hears() { [ -n "$(ip netns exec "$1" ss -Hlun 'sport = :500')" ]; }
show() { tail -n 40 "$T"/*.ike "$T"/*.log; }

gone() { [ -z "$(pid_of "$1" "$2")" ]; }

# holds_child FILE: a record of a child SA, whole, is there.
holds_child() { [ -n "$(records "$1" child-sa 2>/dev/null)" ]; }

# numbers SPI: those of ESP to the peer with that SPI, in the capture.
numbers() { tcpdump -nr wire.pcap "esp and dst 203.0.113.1" 2>/dev/null | sed -n "s/.*ESP(spi=$1,seq=\(0x[0-9a-f]*\)).*/\1/p"; }

@test "standby: a pipeline takes over from one that was killed, numbers leap, the child SA is rekeyed" {
	local spi
	: >a.sa
	: >b.sa
	gateway a "$A" "tail -s 0.1 -c +1 -f b.sa"
	gateway b "$B" "tail -s 0.1 -c +1 -f a.sa"
	address "$A"
	eventually 10 hears "$A"
	kill -USR2 "$(pid_of a ike-respond)"
	eventually 10 grep -q 'active now' a.ike
	background dump ip netns exec "$L" tcpdump --immediate-mode -Uni eth0 -w wire.pcap esp
	eventually 5 grep -q listening dump.err
	begin "${NETS4[@]}"
	eventually 10 one_ping 10.2.0.10 || { show; false; }
	# the standby holds the SA, and does nothing
	eventually 10 holds_child b.sa
	run ! grep -q 'is in use' b.log
	spi=$(sa-show --format json a.sa | sed -n 's/.*"spi-out": *"\([0-9a-f]*\)".*/0x\1/p' | tail -n 1)
	kill -KILL "$(pid_of a ike-respond)" "$(pid_of a esp-tun)"
	ip -n "$A" addr del 203.0.113.2/32 dev out
	ip -n "$A" addr del 10.2.0.254/32 dev in
	address "$B"
	kill -USR2 "$(pid_of b ike-respond)"
	eventually 10 one_ping 10.2.0.10 || { show; false; }
	eventually 5 grep -q 'IKE SA ends' left.ike || { show; false; }
	the_ping 10.2.0.10
	kill "${BG[dump]}"
	ended dump 3 || :
	# nothing had to be begun anew, and nobody sent under the old SA with a number below the leap
	run ! grep -qE 'is dead|reconnect' left.ike
	sa-show --format json b.sa | grep -q '"takeovers": *1'
	[ -n "$(numbers "$spi")" ]
	run -1 grep -c . <(numbers "$spi" | sort | uniq -d)
}

@test "standby: SIGUSR2 before the records, after them, or both: one takeover" {
	sa_make child --esp aes128gcm16 --encap none --local 203.0.113.2:0 --remote 203.0.113.1:0 \
		--local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24 b.sa l.sa
	background b ip netns exec "$B" esp-tun -v --tun vpn0 --standby --state-dir b.state b.sa
	eventually 10 grep -q 'is open' b.err
	sleep 0.3
	run ! grep -q 'is in use' b.err
	[ -z "$(ip -n "$B" route show 10.1.0.0/24)" ]
	kill -USR2 "${BG[b]}"
	eventually 10 grep -q 'vpn0 is up' b.err
	kill -USR2 "${BG[b]}"
	address "$B"
	eventually 10 ip netns exec "$B" ping -q -c 1 -W 0.2 203.0.113.1
	background dump ip netns exec "$L" tcpdump --immediate-mode -Uni eth0 -w wire.pcap esp
	eventually 5 grep -q listening dump.err
	ip netns exec "$B" ping -c 2 -i 0.2 -W 0.2 -I 10.2.0.254 10.1.0.1 || :
	eventually 5 eval '[ "$(tcpdump -nr wire.pcap 2>/dev/null | wc -l)" -ge 2 ]'
	kill "${BG[dump]}"
	ended dump 3 || :
	# 2^31 is the first number of the first takeover
	run -0 tcpdump -nr wire.pcap
	output_has 'seq=0x80000000'
	output_has 'seq=0x80000001'
}

@test "standby: the active one ends without deletes when the other one takes over" {
	: >a.sa
	: >b.sa
	gateway a "$A" "tail -s 0.1 -c +1 -f b.sa"
	gateway b "$B" "tail -s 0.1 -c +1 -f a.sa"
	address "$A"
	eventually 10 hears "$A"
	kill -USR2 "$(pid_of a ike-respond)"
	begin "${NETS4[@]}"
	eventually 10 one_ping 10.2.0.10 || { show; false; }
	eventually 10 grep -q 'active now' a.ike
	# the cable of a is pulled; it does not know
	ip -n "$W" link set abr-out down
	ip -n "$W" link set abr-in down
	address "$B"
	kill -USR2 "$(pid_of b ike-respond)"
	eventually 10 one_ping 10.2.0.10 || { show; false; }
	eventually 5 grep -q 'has taken the SAs over' a.ike
	eventually 5 grep -q 'has taken the SAs over' a.log
	eventually 5 gone a ike-respond
	eventually 5 gone a esp-tun
	the_ping 10.2.0.10
	run ! grep -q 'deleted by the peer' <(grep 'child SA' left.ike | head -n 1)
}

# taken NAME: the takeovers that the records of the gateway count, at the last one.
taken() { sa-show --format json "$1.sa" | tail -n 1 | sed -n 's/.*"what": *"takeover".*"takeovers": *\([0-9]*\).*/\1/p'; }

@test "standby: an active gateway ends by a later takeover of the other one, not by one that it reads again" {
	local n
	for n in 4 5 6; do sa_make event --what takeover --text zzz.example --takeovers $n takeover$n; done
	sa_make event --what takeover --text '!' --takeovers 5 tie
	cat takeover4 >feed
	gateway b "$B" "tail -s 0.1 -c +1 -f feed"
	eventually 10 hears "$B"
	# the events of the other gateway are counted on
	eventually 10 eval 'sa-stat --ike "$T/b.ctl" 2>/dev/null | grep -q ready' || { show; false; }
	kill -USR2 "$(pid_of b ike-respond)"
	eventually 10 grep -q 'active now' b.ike
	eventually 10 eval '[ "$(taken b)" = 5 ]'
	# older ones, and one of the same count whose place is not the one that goes on
	cat takeover4 tie takeover4 >>feed
	nap 1.5
	[ -n "$(pid_of b ike-respond)" ]
	run ! grep -q 'has taken the SAs over' b.ike
	cat takeover6 >>feed
	eventually 10 grep -q 'has taken the SAs over' b.ike
	eventually 10 gone b ike-respond
	eventually 10 gone b esp-tun
}

@test "standby: a gateway that begins again hears of its own earlier takeover, and stays in standby" {
	local place
	: >feed
	gateway b "$B" "tail -s 0.1 -c +1 -f feed"
	eventually 10 hears "$B"
	eventually 10 eval '[ "$(records b.sa event 2>/dev/null)" = 1 ]' || { show; false; }
	place=$(sa-show --format json b.sa | jq -r 'select(.type == "event") | .text')
	[ -n "$place" ]
	sa_make event --what takeover --text "$place" --takeovers 7 own
	sa_make child --esp aes128gcm16 --encap none --local 203.0.113.2:0 --remote 203.0.113.1:0 --local-ts 10.2.0.0/24 \
		--remote-ts 10.1.0.0/24 child l.sa
	cat own child >>feed
	# records leave in the order in which they come
	eventually 10 holds_child b.sa || { show; false; }
	[ "$(records b.sa event)" = 1 ]
	nap 0.5
	run ! grep -q 'active now' b.log
	kill -USR2 "$(pid_of b ike-respond)"
	eventually 10 grep -q 'active now' b.log
	# it counts on from there
	eventually 10 eval '[ "$(sa-show --format json b.sa | jq -r "select(.what == \"takeover\") | .takeovers")" = 8 ]'
}

# state_is NAME WORD: what ike-respond says of itself.
state_is() { sa-stat --ike "$T/$1.ctl" 2>/dev/null | grep -q "^{\"type\":\"standby\",\"state\":\"$2\","; }

# deletes NAME: how many the gateway has written.
deletes() { records "$1.sa" sa-delete || :; }

@test "standby: a snapshot is complete when it says so, and of the active gateway it removes SAs that have ended" {
	local n
	for n in 1 2; do
		sa_make child --esp aes128gcm16 --encap none --spi-in 0x0000010$n --local 203.0.113.2:0 --remote 203.0.113.1:0 \
			--local-ts 10.2.$n.0/24 --remote-ts 10.1.0.0/24 child$n l.sa
	done
	sa_make event --what snapshot --text active begin
	sa_make event --what snapshot begin.idle
	sa_make event --what current end
	cat begin child1 child2 >feed
	gateway b "$B" "tail -s 0.1 -c +1 -f feed"
	eventually 10 hears "$B"
	eventually 10 eval '[ "$(records b.sa child-sa 2>/dev/null)" = 2 ]' || { show; false; }
	state_is b inactive
	cat end >>feed
	eventually 10 state_is b ready
	# a gateway that begins again, and one that is cut off, say nothing of SAs that they do not list
	cat begin.idle end begin child2 >>feed
	nap 1
	[ "$(deletes b)" = "" ]
	state_is b ready
	cat end >>feed
	eventually 10 eval '[ "$(deletes b)" = 1 ]'
	sa-show --format json b.sa | grep sa-delete | grep -q 00000101
	kill -USR2 "$(pid_of b ike-respond)"
	eventually 10 grep -q '0 IKE SAs and 1 child SAs' b.ike
}

# fit NAME: what keepalived would learn, without a line in the calls.
fit() { ip netns exec "$([ "$1" = a ] && echo "$A" || echo "$B")" "./check_$1"; }

@test "standby: a gateway is not to be elected before it has the records of the other one, which is there" {
	shared_gateways
	run ! fit a
	# nobody else is there
	./sapipe_a up gw
	eventually 30 fit a
	# a is there, stands by, and has nothing: each of them may begin
	./sapipe_b up gw
	eventually 30 fit b
	eventually 30 ready b
	./sapipe_a takeover gw
	address "$A"
	begin "${NETS4[@]}"
	eventually 10 one_ping 10.2.0.10 || { show_all; false; }
	fit a
	fit b
	# b begins again, and its way to a is slow
	./sapipe_b down gw
	mkfifo gate
	printf '#!/bin/sh\nread -r go <%s/gate\nexec %s/sapipe_a records gw\n' "$T" "$T" >b.d/gw.follow
	./sapipe_b up gw
	run -0 ./sapipe_b status gw
	output_has 'inactive, standing by'
	run -1 ./sapipe_b fit gw
	output_has 'has not got the records of the other gateway yet'
	echo go >gate
	eventually 30 fit b
	run -0 ./sapipe_b status gw
	output_has 'ready, standing by'
	[ "$(shared_records b child-sa)" -ge 1 ]
	# no file grows
	[ -z "$(find "$(run_of b)" -name '*.sa')" ]
	# the way is slow again, and then a is gone
	./sapipe_b down gw
	./sapipe_b up gw
	run ! fit b
	printf '#!/bin/sh\nexit 1\n' >b.d/gw.follow.new
	chmod 755 b.d/gw.follow.new
	mv b.d/gw.follow.new b.d/gw.follow
	pkill -P "$(cut -d ' ' -f 1 "$(run_of b)/@responder.follower")"
	eventually 30 fit b
}

# shows WORD: sapipe status of b, as text and as JSON, and vpnmon beside it.
shows() {
	[[ $(./sapipe_b status gw) == *", $1"* || $(./sapipe_b status gw) == *"$1, standing by"* ]] &&
		[[ $(./sapipe_b status --json gw) == *"\"standby\": \"$1\""* ]] && [ "$(jq -r '.gateway // empty' mon.out | tail -n 1)" = "$1" ]
}

@test "standby: vpnmon and sapipe status show inactive, ready and active; only the active gateway probes" {
	local n
	shared_gateways
	mkfifo gate
	printf '#!/bin/sh\nread -r go <%s/gate\nexec %s/sapipe_a records gw\n' "$T" "$T" >b.d/gw.follow
	./sapipe_a up gw
	./sapipe_a takeover gw
	address "$A"
	begin "${NETS4[@]}"
	eventually 10 one_ping 10.2.0.10 || { show_all; false; }
	./sapipe_b up gw
	background mon ip netns exec "$B" vpnmon --standby "$(run_of b)/@responder.state" --tun vpn0 --interval 0.2 --threshold 10 --metrics mon.prom \
		--persist --json 10.1.0.1
	eventually 10 shows inactive
	echo go >gate
	eventually 30 shows ready
	eventually 10 grep -qxF 'vpnmon_gateway_state{state="ready"} 1' mon.prom
	kill -KILL "$(cut -d ' ' -f 1 "$(run_of a)/@responder.ike")" "$(cut -d ' ' -f 1 "$(run_of a)/@responder.tun")"
	ip -n "$A" addr del 203.0.113.2/32 dev out
	ip -n "$A" addr del 10.2.0.254/32 dev in
	address "$B"
	./sapipe_b takeover gw
	eventually 10 shows active
	eventually 15 grep -q '"up"' mon.out || { cat mon.out mon.err; show_all; false; }
	run -0 jq -r -s 'map(if .gateway then "gateway " + .gateway else .tun + " " + .state end) | join(", ")' mon.out
	[ "$output" = "gateway inactive, gateway ready, gateway active, vpn0 ready, vpn0 up" ]
	# it stands by again: nothing answers, and nothing asks
	./sapipe_b standby gw
	eventually 10 eval '[ "$(grep -c inactive mon.out)" = 2 ]'
	eventually 10 grep -qxF 'vpnmon_gateway_state{state="active"} 0' mon.prom
	n=$(sed -n 's/^vpnmon_probes_total{.*} //p' mon.prom)
	nap 2.5
	run ! grep -q '"down"' mon.out
	[ "$(sed -n 's/^vpnmon_probes_total{.*} //p' mon.prom)" -le "$n" ]
}

# called_first FIFO COMMAND...: starts as a process now, and becomes the command when the FIFO is written to.
called_first() {
	local gate=$1
	mkfifo "$gate"
	shift
	# shellcheck disable=SC2016 # for that shell
	background "late_$gate" sh -c 'read -r go <"$0"; exec "$@"' "$gate" ip netns exec "$A" "$@"
}

pid_in() { cut -d ' ' -f 1 "$(run_of a)/@responder.ike"; }

@test "standby: of takeover and standby the one that was called last decides, whichever runs first" {
	local pid
	shared_gateways
	./sapipe_a up gw
	called_first early "$T/notify_a" standby
	# Starts are counted in hundredths of a second.
	nap 0.05
	ip netns exec "$A" ./notify_a takeover
	pid=$(pid_in)
	active a
	# a call that waits for the lock, and takeover meanwhile
	called_first waits "$T/notify_a" standby
	mkfifo held
	# shellcheck disable=SC2016 # for that shell
	background lock bash -c 'exec 8>>"$0" && flock 8 && echo held >held && read -r go <held' "$(run_of a)/lock"
	read -r _ <held
	echo go >early
	echo go >waits
	eventually 5 eval '[ "$(grep -c standby a.calls)" = 2 ]'
	nap 0.05
	ip netns exec "$A" ./notify_a takeover
	kill "${BG[lock]}"
	ended late_early 10
	ended late_waits 10
	[ "$(pid_in)" = "$pid" ]
	active a
	# and the other way round
	called_first again "$T/notify_a" takeover
	nap 0.05
	ip netns exec "$A" ./notify_a standby
	[ "$(pid_in)" != "$pid" ]
	pid=$(pid_in)
	echo go >again
	ended late_again 10
	[ "$(pid_in)" = "$pid" ]
	run ! active a
	ip netns exec "$A" ./notify_a takeover
	active a
}

# A stream of numbers, 50 a second, from host to left and, apart from it, from left to host; and a TCP connection that counts.
streams() {
	background udp_l ip netns exec "$L" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/gap.py" udp 10.1.0.1 10.2.0.10
	background udp_r ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/gap.py" udp 10.2.0.10 10.1.0.1
	background tcp_r ip netns exec "$R" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/gap.py" listen 10.2.0.10
	eventually 10 grep -q ready tcp_r.out
	background tcp_l ip netns exec "$L" /usr/bin/python3 "$SAPIPE_TOP/tests/lib/gap.py" connect 10.1.0.1 10.2.0.10
}

# counts NAME: how many have come so far.
counts() { awk 'END { print $2 + 0 }' "$1.out"; }
more_than() { [ "$(counts "$1")" -gt "$2" ]; }

active() { "./sapipe_$1" status gw 2>/dev/null | grep -q ', active'; }
# ready NAME: by ike-respond itself, which is asked again and again.
ready() { sa-stat --ike "$(run_of "$1")/@responder.ike.ctl" 2>/dev/null | grep -q '^{"type":"standby","state":"ready",'; }

# failover FROM TO HOW: gateway FROM fails; TO takes over. The gap beyond VRRP is from the call of keepalived to the first
# packet behind it, of either direction.
failover() {
	local n=$(($(wc -l <"$2.calls") + 1)) at begun x
	begun=$(date +%s.%N)
	case $3 in
	kill) kill -KILL "$(cut -d ' ' -f 1 "$(run_of "$1")/@responder.ike")" "$(cut -d ' ' -f 1 "$(run_of "$1")/@responder.tun")" ;;
	cable)
		ip -n "$W" link set "$1br-out" down
		ip -n "$W" link set "$1br-in" down
		;;
	esac
	eventually 15 eval "tail -n +$n $2.calls | grep -q takeover"
	at=$(tail -n "+$n" "$2.calls" | sed -n 's/ takeover.*//p' | head -n 1)
	for x in udp_l udp_r tcp_r; do
		eventually 10 after "$x" "$at" || { show_all; return 1; }
	done
	/usr/bin/python3 "$SAPIPE_TOP/tests/lib/gap.py" report "$begun" "$at" udp_l.out udp_r.out tcp_r.out
}

# shared_records NAME TYPE: how many one who connects now gets.
shared_records() {
	timeout 2 sa-stat --records "$(run_of "$1")/@responder.share" >snapshot.sa || :
	records snapshot.sa "$2"
}

run_of() {
	local ns=$A
	[ "$1" = a ] || ns=$B
	echo "$T/run/tunnels.$(ip netns exec "$ns" readlink /proc/self/ns/net | tr -dc 0-9)/gw"
}

# after NAME TIME: something came after it.
after() { awk -v at="$2" 'END { exit !($1 > at) }' "$1.out"; }

show_all() {
	tail -n 20 left.ike left.log run/*/gw/log vrrp_?.err
	tail -n 5 ./*.fits
	cat ./*.calls
	[ ! -e trace ] || tail -n 150 trace
	[ -z "${STANDBY_KEEP-}" ] || { mkdir -p "$STANDBY_KEEP" && cp -r trace ./*.fits ./*.pcap ./*.out failovers "$STANDBY_KEEP"; }
}

# trace: all that anybody logs, each line with its time, in one file.
trace() {
	local file
	for file in left.ike left.log "$(run_of a)/log" "$(run_of b)/log" vrrp_a.err vrrp_b.err a.calls b.calls; do
		case $file in
		"$(run_of a)"*) name=a.log ;;
		"$(run_of b)"*) name=b.log ;;
		*) name=$file ;;
		esac
		# shellcheck disable=SC2016 # for that shell
		background "trace_$name" bash -c 'tail -q -n +1 --pid=$$ -F "$1" 2>/dev/null | while IFS= read -r line; do echo "$EPOCHREALTIME $2: $line" >>trace; done' \
			bash "$file" "$name"
	done
	background arp ip netns exec "$L" tcpdump -Uni eth0 -w ike.pcap arp or udp port 500
}

# back NAME: the gateway that failed is there again, stands by, and holds the SAs.
back() {
	ip -n "$W" link set "$1br-out" up
	ip -n "$W" link set "$1br-in" up
	eventually 60 ready "$1" || { show_all; return 1; }
}

@test "standby: keepalived, kill -9 and a pulled cable, TCP goes on, no number twice" {
	local i from=a to=b how x
	shared_gateways
	./sapipe_a up gw
	./sapipe_b up gw
	eventually 30 ready b
	elect a
	eventually 10 calls a takeover || { show_all; false; }
	eventually 10 active a
	elect b
	background dump ip netns exec "$L" tcpdump -Uni eth0 -s 100 -w wire.pcap esp
	begin --dpd-interval 5 "${NETS4[@]}"
	eventually 10 one_ping 10.2.0.10 || { show_all; false; }
	eventually 30 ready b
	trace
	streams
	for x in udp_l udp_r tcp_r; do eventually 10 more_than "$x" 20; done
	for i in $(seq "${STANDBY_REPEAT:-2}"); do
		how='kill'
		[ $((i % 2)) = 1 ] || how=cable
		echo "$i: $how $from"
		failover $from $to $how
		eventually 5 active $to || { show_all; false; }
		back $from
		x=$from from=$to to=$x
	done | tee failovers >&2
	[ "$(grep -c 'gap beyond' failovers)" -eq "${STANDBY_REPEAT:-2}" ] || { cat failovers; show_all; false; }
	[ -z "${STANDBY_RESULT-}" ] || cp failovers "$STANDBY_RESULT"
	[ -z "${STANDBY_KEEP-}" ] || show_all >/dev/null
	nap 1
	kill "${BG[dump]}"
	ended dump 3 || :
	/usr/bin/python3 "$SAPIPE_TOP/tests/lib/gap.py" twice wire.pcap
	! grep -q 'is dead' left.ike
}
