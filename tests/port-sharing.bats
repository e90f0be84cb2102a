# The compositions of tools that share UDP 500 and 4500 on one machine, with our own tools at
# both ends: started in any order, killed in any order, and the others keep working.
# shards: 4

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

# Besides left and right a third machine: $M, 198.51.100.2, with 10.3.0.1 behind it.
setup() {
	need ike-initiate ike-respond esp-tun
	tun_setup
	M=et$$x${BATS_TEST_NUMBER}m
	ip netns add "$M"
	ip -n "$L" link add eth1 type veth peer name eth0 netns "$M"
	ip -n "$L" addr add 198.51.100.1/24 dev eth1
	ip -n "$L" link set eth1 up
	ip -n "$M" link set lo up
	ip -n "$M" addr add 198.51.100.2/24 dev eth0
	ip -n "$M" link set eth0 up
	ip -n "$M" addr add 10.3.0.1/32 dev lo
	umask 077
	echo "not so secret 17" >"$T/psk"
}

teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 30 "$T"/*.err || :
	tun_teardown
	netns_gone "${M-}"
}

# gateway right|middle NET [OPTION...]: ike-respond and esp-tun, one of each, by way of a FIFO.
gateway() {
	local name=$1 net=$2 ns=$R
	[ "$name" = right ] || ns=$M
	shift 2
	pipeline "$name" "$ns" vpn0 ike-respond --psk-file "$T/psk" --local-ts "$net" \
		--remote-ts 10.1.0.0/24 "$@"
	eventually 5 eval "ip netns exec $ns ss -Hlun 'sport = :4500' | grep -q ."
}

# pipeline NAME NS TUN COMMAND...: COMMAND | esp-tun in NS, as NAME.ike and NAME.esp, which can be killed one by one.
# The state goes to NAME.sa as well.
pipeline() {
	local name=$1 ns=$2 tun=$3
	shift 3
	mkfifo "$T/$name.fifo" "$T/$name.copy"
	# shellcheck disable=SC2016 # the inner shell expands it
	background "$name.esp" ip netns exec "$ns" bash -c 'exec esp-tun -vv --state-dir "$1" --tun "$2" <"$3"' - \
		"$T/$name.state" "$tun" "$T/$name.copy"
	# shellcheck disable=SC2016
	background "$name.tee" bash -c 'exec tee "$1" <"$2" >"$3"' - "$T/$name.sa" "$T/$name.fifo" \
		"$T/$name.copy"
	# shellcheck disable=SC2016
	background "$name.ike" ip netns exec "$ns" bash -c 'f=$1; shift; exec "$@" >"$f"' - \
		"$T/$name.fifo" "$@" -vv
}

initiate() { # NAME TUN PEER NET [OPTION...]
	local name=$1 tun=$2 peer=$3 net=$4
	shift 4
	pipeline "$name" "$L" "$tun" ike-initiate --keep --psk-file "$T/psk" --local-ts 10.1.0.0/24 \
		--remote-ts "$net" "$@" "$peer"
}

crosses() { left ping -q -c 1 -W 1 "$1" >/dev/null 2>&1; }

# answers ADDRESS: five times of five.
answers() { all_answered left "$1" 5; }

# loses_none ADDRESS COMMAND...: pings while COMMAND runs, and for a while after; all are answered.
loses_none() { loses 0 "$@"; }

# loses N ADDRESS COMMAND...: the same, but N may be lost.
loses() {
	local most=$1 to=$2 had
	shift 2
	echo "# $*"
	had=$(replies)
	background pings ip netns exec "$L" ping -i 0.02 -c 100 -W 3 "$to"
	sleep 0.4
	"$@"
	ended pings 10 || :
	# ping leaves soon after its last request: the kernel counts what comes later
	eventually 5 replied $((had + 100 - most)) || {
		cat "$T/pings.out"
		return 1
	}
}

slay() {
	local pid=${BG[$1]}
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || :
	unset "BG[$1]"
}

# both_ways NATT: a pipeline at each end; then the owner of the ports dies, then the reader.
both_ways() {
	gateway right 10.2.0.0/24 --natt "$1"
	initiate left vpn0 203.0.113.2 10.2.0.0/24 --natt "$1"
	eventually 5 crosses 10.2.0.1
	# The negotiators die: the tunnel outlives them.
	loses_none 10.2.0.1 slay left.ike
	loses_none 10.2.0.1 slay right.ike
}

@test "sharing: ike-initiate | esp-tun and ike-respond | esp-tun, in UDP; the negotiators die" {
	both_ways force
}

@test "sharing: the same with raw ESP" {
	both_ways off
}

@test "sharing: a data path is killed and started again beside a running negotiator" {
	gateway right 10.2.0.0/24 --natt force
	background left.ike ip netns exec "$L" ike-initiate -vv --keep --natt force --psk-file "$T/psk" \
		--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 -o "$T/left.sa" 203.0.113.2
	eventually 5 test -s "$T/left.sa"
	for _ in 1 2 3; do
		tun_start left "$T/left.sa"
		# After a crash the claim has the first few inbound packets count as replays.
		eventually 10 crosses 10.2.0.1
		slay left
	done
	# The negotiator reads IKE again: on SIGTERM it sends deletes, and the peer ends its SAs.
	kill "${BG[left.ike]}"
	ended left.ike
	eventually 5 grep -q 'SA [0-9a-f]* has ended' "$T/right.esp.err"
}

@test "sharing: a second pipeline to another gateway, and the first one dies" {
	for natt in force off; do
		gateway right 10.2.0.0/24 --natt $natt
		gateway middle 10.3.0.0/24 --natt $natt
		initiate one vpn0 203.0.113.2 10.2.0.0/24 --natt $natt
		initiate two vpn1 198.51.100.2 10.3.0.0/24 --natt $natt
		eventually 5 crosses 10.2.0.1
		eventually 5 crosses 10.3.0.1
		# In UDP the first pipeline reads the port and relays: packets in its queues are lost with it.
		for victim in one.ike one.esp; do loses 5 10.3.0.1 slay $victim; done
		# The second negotiator still receives from its peer: on SIGTERM both ends delete their SAs.
		kill "${BG[two.ike]}"
		ended two.ike
		eventually 5 grep -q 'SA [0-9a-f]* has ended' "$T/middle.esp.err"
		stop_background
		rm -f "$T"/*.fifo "$T"/*.copy
	done
}

# shares NATT: two gateways on one machine, each on an address of its own; at the other end a pipeline to each, and a
# phase 2 of its own from the state of the first.
shares() {
	local net
	ip -n "$R" addr add 203.0.113.3/24 dev eth0
	for net in 22 23; do ip -n "$R" addr add 10.$net.0.1/24 dev lo; done
	ip -n "$L" addr add 10.11.0.1/24 dev lo
	pipeline right "$R" vpn0 ike-respond --psk-file "$T/psk" --listen 203.0.113.2 --local-ts 10.2.0.0/24 \
		--local-ts 10.23.0.0/24 --remote-ts 10.1.0.0/24 --natt "$1"
	pipeline other "$R" vpn1 ike-respond --psk-file "$T/psk" --listen 203.0.113.3 --local-ts 10.22.0.0/24 \
		--remote-ts 10.11.0.0/24 --natt "$1"
	eventually 5 eval "[ \$(ip netns exec $R ss -Hlun 'sport = :500' | wc -l) -ge 2 ]"
	initiate one vpn0 203.0.113.2 10.2.0.0/24 --natt "$1"
	eventually 10 crosses 10.2.0.1
	pipeline two "$L" vpn1 ike-initiate --keep --psk-file "$T/psk" --local-ts 10.11.0.0/24 \
		--remote-ts 10.22.0.0/24 --natt "$1" 203.0.113.3
	eventually 10 crosses 10.22.0.1
	pipeline three "$L" vpn2 ike-initiate --phase2 "$T/one.sa" --local-ts 10.1.0.0/24 --remote-ts 10.23.0.0/24
	eventually 10 crosses 10.23.0.1
	answers 10.2.0.1
	tcp_across 10.2.0.1 10000000
	tcp_across 10.1.0.1 10000000 back
	# Whichever exits, the others keep working.
	kill "${BG[two.ike]}" "${BG[two.esp]}"
	ended two.ike
	ended two.esp
	answers 10.2.0.1
	answers 10.23.0.1
	kill "${BG[one.ike]}" "${BG[one.esp]}"
	ended one.ike
	ended one.esp
	kill -0 "${BG[three.esp]}"
}

@test "sharing: two pipelines and a phase 2 of its own, to two gateways on one machine, raw ESP" {
	shares auto
}

@test "sharing: two pipelines and a phase 2 of its own, to two gateways on one machine, in UDP" {
	shares force
}

@test "sharing: responder and initiator on one machine, the responder killed first" {
	gateway right 10.2.0.0/24 --natt force
	pipeline third "$M" vpn0 ike-respond --psk-file "$T/psk" --local-ts 10.3.0.0/24 \
		--remote-ts 10.1.0.0/24 --natt force
	initiate left vpn0 203.0.113.2 10.2.0.0/24 --natt force
	eventually 5 crosses 10.2.0.1
	# Left is a gateway as well: the machine in the middle calls, on the ports that left has already.
	pipeline serve "$L" vpn1 ike-respond --psk-file "$T/psk" --local-ts 10.1.0.0/24 \
		--remote-ts 10.3.0.0/24 --natt force
	slay third.ike
	sleep 0.3
	pipeline call "$M" vpn1 ike-initiate --keep --psk-file "$T/psk" --local-ts 10.3.0.0/24 \
		--remote-ts 10.1.0.0/24 --natt force 198.51.100.1
	eventually 5 crosses 10.3.0.1
	loses_none 10.2.0.1 slay serve.ike
	# It relays for the second data path: what lies in its queue dies with it, on a busy machine more than one.
	loses 5 10.3.0.1 slay left.ike
}

@test "sharing: the negotiator deletes the child SA that its esp-tun refused, and both say why" {
	mkdir -m 700 "$T/right.state"
	ln -s /nonexistent "$T/right.state/claim.lock"
	gateway right 10.2.0.0/24 --natt off
	initiate left vpn0 203.0.113.2 10.2.0.0/24 --natt off
	eventually 10 grep -q 'is deleted, because esp-tun refused it: cannot lock claim' "$T/right.ike.err"
	eventually 5 grep -q 'cannot lock claim .*Too many levels of symbolic links' "$T/right.esp.err"
	eventually 10 grep -q 'child SA [0-9a-f]* ends: deleted by the peer' "$T/left.ike.err"
	# An SA of another esp-tun is not deleted: the second esp-tun only reports it.
	rm "$T/right.state/claim.lock"
	eventually 20 crosses 10.2.0.1
	run ip netns exec "$L" esp-tun --tun vpn7 --state-dir "$T/left.state" "$T/left.sa"
	[[ $output == *"another esp-tun sends with the keys of this SA"* ]]
	answers 10.2.0.1
}

@test "sharing: a program that does not share is named, and the exit status is 3" {
	background other ip netns exec "$L" socat -u UDP4-RECV:4500 OPEN:/dev/null
	eventually 5 eval "ip netns exec $L ss -Hlun 'sport = :4500' | grep -q ."
	run -3 --separate-stderr left ike-initiate --psk-file "$T/psk" -o "$T/x.sa" 203.0.113.2
	one_error
	stderr_has "4500"
	stderr_has "socat (process"
	stderr_has "hint: "
}

@test "sharing: the directory of a network namespace that ended is removed, beside 600 locks of devices" {
	unshare -Urnm true 2>/dev/null || skip "no user namespace here"
	need natd-probe
	run -0 timeout 20 unshare -Urnm sh -ec '
		mount -t tmpfs -o mode=755 none /run
		mkdir -m 755 /run/sapipe
		cd /run/sapipe
		seq -f "7-a%g.lock" 300 | xargs touch
		mkdir -m 700 1
		seq -f "7-b%g.lock" 300 | xargs touch
		ip link set lo up
		natd-probe --timeout 0.1 127.0.0.1 || :
		[ ! -e 1 ]'
}
