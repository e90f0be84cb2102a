#!/bin/bash
# Proves the DMVPN lab: FRR as hub and as both spokes registers, forwards, and
# finds the direct way.
#
#   selftest.sh [--nat]
#
# Prints a PASS, FAIL or SKIP line for each check and the totals; fails if any
# did. Uses namespaces and a state directory of its own, and removes both.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
export LAB_PREFIX=${LAB_PREFIX:-frrtest$$-} LAB_STATE=$work/state
topology=
case ${1:-} in
--nat) topology=--nat ;;
?*)
	echo "usage: selftest.sh [--nat]" >&2
	exit 2
	;;
esac
passed=0 failed=0 skipped=0

frr() { "$here/frr.sh" "$@"; }
in_node() { ip netns exec "$LAB_PREFIX$1" "${@:2}"; }

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	frr down
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# within SECONDS COMMAND...
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return
		sleep 0.1
	done
}

check() { # NAME COMMAND...
	local name=$1 begin=$EPOCHREALTIME
	shift
	if "$@" >"$work/out" 2>&1; then
		printf 'PASS %s (%d ms)\n' "$name" \
			$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
		passed=$((passed + 1))
	else
		echo "FAIL $name"
		failed=$((failed + 1))
		sed 's/^/  /' "$work/out"
		for node in hub spoke1 spoke2; do
			{
				frr show "$node"
				echo "# $node: end of nhrpd's log"
				frr log "$node" | tail -n 15
			} 2>&1 | sed 's/^/  /'
		done
	fi
}

totals() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
}

# cached NODE TYPE PROTOCOL NBMA CLAIMED-NBMA
cached() {
	frr vty "$1" 'show ip nhrp cache' |
		grep -E "^gre1 +$2 +$3 +$4 +$5 "
}

# From spoke to spoke. The one behind the NAT speaks first: only then does the
# NAT let the other's packets in.
if [ -z "$topology" ]; then
	near=spoke1 near_ip=10.1.0.1 far_ip=10.2.0.1 far_net=10.2.0.0/24
	spoke2_nbma=203.0.113.12 spoke2_claim=203.0.113.12
else
	near=spoke2 near_ip=10.2.0.1 far_ip=10.1.0.1 far_net=10.1.0.0/24
	spoke2_nbma=203.0.113.1 spoke2_claim=192.0.2.12
fi

# pings COUNT TTL: all are answered, each reply with this TTL.
pings() {
	in_node $near ping -I $near_ip -c "$1" -i 0.2 -W 2 $far_ip | tee "$work/ping"
	[ "$(grep -c " ttl=$2 " "$work/ping")" = "$1" ]
}

shortcut() {
	in_node $near ip route show $far_net | grep 'proto 191' &&
		frr vty $near 'show ip nhrp shortcut' | grep "^dynamic *$far_net"
}

# Two GRE devices that know each other by hand.
gre_alone() {
	frr gre hub && frr gre spoke1 &&
		in_node hub ip neigh add 10.255.255.1 \
			lladdr 203.0.113.11 dev gre1 &&
		in_node hub ip route add 10.255.255.1 dev gre1 &&
		in_node spoke1 ip neigh add 10.255.255.254 \
			lladdr 203.0.113.254 dev gre1 &&
		in_node spoke1 ping -c 3 -i 0.2 -W 2 10.255.255.254
}

no_device() { ! in_node hub ip link show gre1; }

hub_gone() {
	frr stop hub && within 10 no_device && pings 3 64
}

nothing_left() {
	frr down
	! compgen -G "/run/netns/$LAB_PREFIX*" && [ ! -e "$LAB_STATE" ] &&
		! grep -laFz "LAB_NODE=$LAB_STATE" /proc/[0-9]*/environ 2>/dev/null
}

if ! frr get; then
	echo "SKIP everything (no FRR)"
	skipped=1
	totals
	exit
fi
# shellcheck disable=SC2086 # empty or one word
frr up $topology || exit
for node in hub spoke1 spoke2; do
	check "$node starts" frr start $node
done
check 'spoke1 registers' within 10 \
	cached hub dynamic 10.255.255.1 203.0.113.11 203.0.113.11
check 'spoke2 registers' within 10 \
	cached hub dynamic 10.255.255.2 $spoke2_nbma $spoke2_claim
check 'ping goes through the hub' pings 1 63
check 'hub shows the shortcut' within 10 shortcut
check 'ping goes directly' pings 5 64
check 'it needs no hub' hub_gone
check 'GRE without FRR' gre_alone
check 'nothing is left' nothing_left
totals
