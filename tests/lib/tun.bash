# shellcheck shell=bash
# Two network namespaces with a wire between them, for tests of the data path alone:
#
#   load lib/common
#   load lib/tun
#   setup() { tun_setup; }
#   teardown() { tun_teardown; }
#
# $L and $R are their names; outside 203.0.113.1 and .2, 2001:db8:ff::1 and ::2; inside
# 10.1.0.1, 2001:db8:1::1 and 10.2.0.1, 2001:db8:2::1 on the loopback devices.

tun_missing() {
	local tool ns=etprobe$$
	[ ! -e "$BATS_RUN_TMPDIR/tun-works" ] || return 0
	[ "$(id -u)" = 0 ] || { echo "not root (and not in a user namespace)"; return; }
	for tool in ip ping socat; do
		command -v "$tool" >/dev/null || { echo "no $tool (make deps)"; return; }
	done
	have_python cbor2 || { echo "no python3-cbor2 (make deps)"; return; }
	[ -w /dev/net/tun ] || { echo "/dev/net/tun is not writable"; return; }
	ip netns add "$ns" 2>/dev/null || { echo "no permission to make network namespaces"; return; }
	ip netns del "$ns"
	: >"$BATS_RUN_TMPDIR/tun-works"
}

tun_setup() {
	local why
	need esp-tun
	why=$(tun_missing)
	[ -z "$why" ] || skip "tunnels cannot be tested here: $why"
	L=et$$x${BATS_TEST_NUMBER}l R=et$$x${BATS_TEST_NUMBER}r T=$BATS_TEST_TMPDIR
	ip netns add "$L"
	ip netns add "$R"
	{
		echo "link add eth0 type veth peer name eth0 netns $R"
		tun_addresses 1
	} | ip -n "$L" -batch -
	tun_addresses 2 | ip -n "$R" -batch -
}

# tun_whole: for captures. The kernel cuts what UDP_SEGMENT and TCP hand it before it gets to a device, not after.
tun_whole() {
	ip -n "$L" link set eth0 gso_max_segs 1
	ip -n "$R" link set eth0 gso_max_segs 1
}

# tun_addresses N: the lines of "ip -batch" for the N-th end.
tun_addresses() {
	cat <<-IP
		link set lo up
		addr add 203.0.113.$1/24 dev eth0
		addr add 2001:db8:ff::$1/64 dev eth0 nodad
		link set eth0 up
		addr add 10.$1.0.1/32 dev lo
		addr add 2001:db8:$1::1/128 dev lo nodad
	IP
}

tun_teardown() {
	stop_background
	netns_gone "${L-}" "${R-}"
}

left() { ip netns exec "$L" "$@"; }
right() { ip netns exec "$R" "$@"; }

sa_make() { /usr/bin/python3 "$SAPIPE_TOP/tests/lib/sa_make.py" "$@"; }

# make_pair PROPOSAL [ENCAP [OUTER [INNER [OPTION...]]]]: $T/left.sa and $T/right.sa.
make_pair() {
	local esp=$1 encap=${2:-none} outer=${3:-4} inner=${4:-4} port=0 a b c d
	shift $(($# < 4 ? $# : 4))
	[ "$encap" = none ] || port=4500
	if [ "$outer" = 4 ]; then a=203.0.113.1 b=203.0.113.2; else a='[2001:db8:ff::1]' b='[2001:db8:ff::2]'; fi
	if [ "$inner" = 4 ]; then c=10.1.0.0/24 d=10.2.0.0/24; else c=2001:db8:1::/64 d=2001:db8:2::/64; fi
	sa_make child --esp "$esp" --encap "$encap" --local "$a:$port" --remote "$b:$port" \
		--local-ts "$c" --remote-ts "$d" "$@" "$T/left.sa" "$T/right.sa"
}

# tun_start left|right ARGUMENT...: an esp-tun in the background, vpn0, claims of its own.
tun_start() {
	local side=$1 ns=$L
	[ "$side" = left ] || ns=$R
	shift
	background "$side" ip netns exec "$ns" esp-tun -v --tun vpn0 --state-dir "$T/$side.state" "$@"
}

# tun_up left|right: its log says that the device is up.
tun_is_up() { grep -q 'vpn0 is up' "$T/$1.err"; }
tun_both() {
	tun_start left "$@" "$T/left.sa"
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right || {
		cat "$T/left.err" "$T/right.err"
		return 1
	}
}

# counters left|right: prints what SIGUSR1 prints. Nothing ends it but the begin of what the next one prints.
counters() {
	local err=$T/$1.err from
	from=$(wc -l <"$err")
	kill -USR1 "${BG[$1]}"
	eventually 15 printed "$err" "$from" 1 || return
	kill -USR1 "${BG[$1]}"
	eventually 15 printed "$err" "$from" 2 || return
	tail -n +$((from + 1)) "$err" | awk '/^esp-tun: in: packets/ && ++n == 2 { exit } { print }'
}
printed() { [ "$(tail -n +$(($2 + 1)) "$1" | grep -c "^esp-tun: device .*: mtu ")" -ge "$3" ]; }

# counter left|right in|out NAME: one of them.
counter() {
	counters "$1" | sed -n "s/^esp-tun: $2: .*\<$3 \([0-9]*\).*/\1/p"
}

# replies [right]: echo replies of either family that the left kernel has had so far.
replies() {
	"${1:-left}" awk '$1 == "Icmp:" && !n { for (i = 2; i <= NF; i++) if ($i == "InEchoReps") n = i; next }
		$1 == "Icmp:" { sum += $n }
		$1 == "Icmp6InEchoReplies" { sum += $2 }
		END { print sum + 0 }' /proc/net/snmp /proc/net/snmp6
}

replied() { [ "$(replies "${@:2}")" -ge "$1" ]; }

# all_answered left|right ADDRESS N [OPTION...]: N pings from there, all answered.
all_answered() {
	local had
	had=$(replies "$1")
	"$1" ping -q -c "$3" -i 0.05 -W 2 "${@:4}" "$2" >"$T/ping.out" || :
	eventually 10 replied $((had + $3)) "$1" || { cat "$T/ping.out"; return 1; }
}

# ping_across ADDRESS [N]: all answered. The kernel counts: ping itself leaves soon after its last
# request, be the answer on its way or not.
ping_across() {
	local had n=${2:-3}
	had=$(replies)
	left ping -q -c "$n" -i 0.02 -W 1 "$1" >"$T/ping.out" || :
	eventually 10 replied $((had + n)) || {
		cat "$T/ping.out" "$T/left.err" "$T/right.err"
		return 1
	}
}

# tcp_across ADDRESS [BYTES [back]]: a file over TCP, compared; back: from right to left.
tcp_across() {
	local to=$1 addr=$1 kind=4 from=$L at=$R
	[ "${3-}" != back ] || from=$R at=$L
	head -c "${2:-300000}" /dev/urandom >"$T/data"
	case $to in *:*) kind=6 addr="[$to]" ;; esac
	background sink ip netns exec "$at" socat -u "TCP$kind-LISTEN:7777,reuseaddr" "CREATE:$T/copy"
	eventually 15 eval "ip netns exec $at ss -ltn | grep -q :7777" || return
	timeout 60 ip netns exec "$from" socat -u "FILE:$T/data" "TCP$kind:$addr:7777" || return
	ended sink 10 && cmp "$T/data" "$T/copy"
}
