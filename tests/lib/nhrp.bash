# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are for the tests
# NHRP with FRR's nhrpd and our tools in the namespaces of tests/lab/frr. For bats files that load common and tun, too.

nhrp_setup() {
	local why
	need gre-tun nhrp-register nhrp-resolve nhrp-serve sa-show
	why=$(tun_missing)
	[ -z "$why" ] || lab_lacks "$why"
	FRR=$SAPIPE_TOP/tests/lab/frr/frr.sh
	timeout 60 "$FRR" get >/dev/null 2>&1 || lab_lacks "no FRR (tests/lab/frr/README.md)"
	export LAB_PREFIX=nh$$x${BATS_TEST_NUMBER}- LAB_STATE=$BATS_TEST_TMPDIR/lab LAB_HOLDTIME=30
	T=$BATS_TEST_TMPDIR
	PIDS=()
	declare -gA PID=()
	HOLD=30
}

nhrp_teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill -- "-$pid" 2>/dev/null || :
	done
	[ -z "${FRR:-}" ] || timeout 120 "$FRR" down >/dev/null 2>&1 || :
}

lab_lacks() {
	[ "${SAPIPE_LAB:-}" != require ] || { echo "the lab cannot run here: $1" >&2; return 1; }
	skip "the lab cannot run here: $1"
}

in_node() { ip netns exec "$LAB_PREFIX$1" "${@:2}"; }

# frr NODE...: nhrpd there.
frr() {
	local node
	for node; do
		timeout 120 "$FRR" start "$node" >/dev/null 3>&- 4>&-
	done
}

# pipe NODE TEXT: a pipeline in the node's namespace, in the background.
pipe() {
	# Emptied here: the child opens it some time later, and a test may look before it does.
	: >"$T/$1.log"
	setsid ip netns exec "$LAB_PREFIX$1" bash -c "$2" </dev/null >"$T/$1.out" 2>"$T/$1.log" 3>&- 4>&- &
	PIDS+=($!)
	PID[$1]=$!
}

# spoke NODE NBMA N [OPTION...]: ours, with its route to the others by the hub. NBMA "any": as the kernel chooses.
spoke() {
	local node=$1 nbma="--local $2" n=$3
	[ "$2" != any ] || nbma=
	shift 3
	pipe "$node" "nhrp-register -v --keep --shortcut --prefix 10.$n.0.0/24 --holding-time $HOLD --tun gre1 \
		--address 10.255.255.$n $* 203.0.113.254 | tee '$T/$node.rec' |
		gre-tun --tun gre1 $nbma --key 42 --mtu 1400 --route --address 10.255.255.$n/32"
	eventually 10 grep -q 'registered: ' "$T/$node.log"
	eventually 5 in_node "$node" ip route add 10.0.0.0/8 via 10.255.255.254 dev gre1 onlink
}

# hub [OPTION...]: ours, with its routes to the networks of the spokes.
hub() {
	pipe hub "nhrp-serve -v --redirect --holding-time $HOLD --prefix 10.0.0.0/24 --tun gre1 --address 10.255.255.254 $* |
		gre-tun --tun gre1 --local 203.0.113.254 --key 42 --mtu 1400 --route --address 10.255.255.254/32"
	eventually 10 grep -q 'serving on' "$T/hub.log"
	in_node hub ip route add 10.1.0.0/24 via 10.255.255.1 dev gre1 onlink
	in_node hub ip route add 10.2.0.0/24 via 10.255.255.2 dev gre1 onlink
}

# vty_has NODE COMMAND REGEX: nhrpd's answer.
vty_has() { "$FRR" vty "$1" "$2" | grep -E "$3"; }

# pings NODE N TO LEAST TTL: 20 pings from 10.N.0.1, of which at least LEAST are answered, and the last with this TTL. A hub
# tells of a pair of addresses once in 2 s only: if the last one has another TTL, 20 more.
pings() {
	local round
	for round in 1 2; do
		in_node "$1" ping -c 20 -i 0.1 -W 1 -I "10.$2.0.1" "$3" >"$T/ping" || :
		cat "$T/ping"
		[ "$(grep -c 'bytes from' "$T/ping")" -ge "$4" ]
		grep 'bytes from' "$T/ping" | tail -n 1 >"$T/last"
		! grep "ttl=$5 " "$T/last" || return 0
	done
	return 1
}

# wire FILE COMMAND...: what NODEs send while COMMAND runs.
wire() {
	local pid file=$1 rc=0
	shift
	ip netns exec "${LAB_PREFIX}net" tcpdump -ni br0 -U -w "$file" proto 47 2>"$T/tcpdump" 3>&- 4>&- &
	pid=$!
	eventually 5 grep -q listening "$T/tcpdump"
	"$@" || rc=$?
	kill "$pid"
	wait "$pid" || :
	return "$rc"
}

# faultless FILE: tshark decodes each NHRP packet and finds nothing to complain about.
faultless() {
	[ "$(tshark -r "$1" -Y nhrp 2>/dev/null | wc -l)" -gt 3 ]
	run -0 --separate-stderr tshark -r "$1" -Y 'nhrp && (_ws.malformed || _ws.expert.severity >= 0x600000)'
	[ -z "$output" ] || { echo "$output"; return 1; }
}
