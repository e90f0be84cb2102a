#!/bin/bash
# TCP through gre-tun beside esp-tun, in bursts that take turns: GRE alone beside ESP with NULL encryption, and GRE in transport
# mode of AES-128-GCM beside tunnel mode of the same.
#
#   gre.sh WORK      with SAPIPE_BUILD first in PATH; PAIRS (5) rounds of bursts of SECONDS_EACH (2)
#
# Prints "NAME MEDIAN" a line: Mbit/s of gre, null, gre-gcm and gcm, and the medians of the ratios of each round.
set -euo pipefail
work=$1 top=$(cd "$(dirname "$0")/../.." && pwd)
left=spgre$$-left right=spgre$$-right
make=$top/tests/lib/sa_make.py

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	local p
	for p in $(jobs -p); do kill "$p" 2>/dev/null || :; done
	wait 2>/dev/null || :
	ip netns del "$left" 2>/dev/null || :
	ip netns del "$right" 2>/dev/null || :
}
trap cleanup EXIT
trap 'exit 130' INT TERM

ip netns add "$left"
ip netns add "$right"
ip -n "$left" link add eth0 type veth peer name eth0 netns "$right"
for k in 1 2; do
	ns=$left
	[ $k = 1 ] || ns=$right
	ip -n "$ns" link set lo up
	ip -n "$ns" addr add "203.0.113.$k/24" dev eth0
	ip -n "$ns" addr add "203.0.113.1$k/24" dev eth0
	ip -n "$ns" link set eth0 up
	ip -n "$ns" addr add "10.$k.0.1/32" dev lo
	ip -n "$ns" addr add "10.$k.1.1/32" dev lo
done

# esp NAME MTU OPTION...: an SA and the esp-tun of both ends on device NAME.
esp() {
	local name=$1 mtu=$2
	shift 2
	"$make" child "$@" "$work/$name.left" "$work/$name.right"
	ip netns exec "$left" esp-tun -q --tun "$name" --mtu "$mtu" --state-dir "$work/$name.l" "$work/$name.left" &
	ip netns exec "$right" esp-tun -q --tun "$name" --mtu "$mtu" --state-dir "$work/$name.r" "$work/$name.right" &
}
# gre NAME KEY LEFT RIGHT NET: both ends, NET.1 and NET.2.
gre() {
	ip netns exec "$left" gre-tun -q --tun "$1" --key "$2" --local "$3" --remote "$4" --address "$5.1/24" &
	ip netns exec "$right" gre-tun -q --tun "$1" --key "$2" --local "$4" --remote "$3" --address "$5.2/24" &
}
outer=(--local 203.0.113.1 --remote 203.0.113.2)
esp vpn0 1400 "${outer[@]}" --esp null-sha1 --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24
esp vpn1 1400 "${outer[@]}" --esp aes128gcm16 --local-ts 10.1.1.0/24 --remote-ts 10.2.1.0/24
esp vpn2 1460 --mode transport --local 203.0.113.11 --remote 203.0.113.12 --esp aes128gcm16 \
	--local-ts 203.0.113.11/32,47 --remote-ts 203.0.113.12/32,47
gre gre1 1 203.0.113.1 203.0.113.2 10.8.0
gre gre2 2 203.0.113.11 203.0.113.12 10.9.0

# reach LOCAL REMOTE: within 10 s.
reach() {
	local tries
	for tries in {1..50}; do
		! ip netns exec "$left" ping -q -c 1 -W 1 -I "$1" "$2" >/dev/null 2>&1 || return 0
		sleep 0.2
	done
	echo "gre.sh: no way to $2 after $tries attempts" >&2
	exit 3
}
# rate LOCAL REMOTE: Mbit/s of one burst.
rate() {
	ip netns exec "$left" timeout 60 iperf3 -c "$2" -B "$1" -t "${SECONDS_EACH:-2}" -J |
		jq '.end.sum_received.bits_per_second / 1e6 | floor'
}
ip netns exec "$right" iperf3 -s >/dev/null 2>&1 &
ways=('gre 10.8.0.1 10.8.0.2' 'null 10.1.0.1 10.2.0.1' 'gre-gcm 10.9.0.1 10.9.0.2' 'gcm 10.1.1.1 10.2.1.1')
for way in "${ways[@]}"; do
	# shellcheck disable=SC2086 # words
	set -- $way
	reach "$2" "$3"
done
for _ in $(seq "${PAIRS:-5}"); do
	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086 # words
		set -- $way
		printf '%s %s ' "$1" "$(rate "$2" "$3")"
	done
	echo
done | awk '
	function median(list, n,   i, j, t) {
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
		return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
	}
	{ a[NR] = $2; b[NR] = $4; c[NR] = $6; d[NR] = $8; plain[NR] = $2 / $4; gcm[NR] = $6 / $8 }
	END {
		printf "gre %d\nnull %d\ngre-gcm %d\ngcm %d\n", median(a, NR), median(b, NR), median(c, NR), median(d, NR)
		printf "plain-ratio %.2f\ngcm-ratio %.2f\n", median(plain, NR), median(gcm, NR)
	}'
