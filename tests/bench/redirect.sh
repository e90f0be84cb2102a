#!/bin/bash
# TCP from one spoke to another by a hub of gre-tun, in bursts that take turns: without a tool at the hub, and with nhrp-serve
# --redirect, which gets a sample of what the hub forwards and sends indications.
#
#   redirect.sh WORK      with SAPIPE_BUILD first in PATH; PAIRS (9) rounds of bursts of SECONDS_EACH (1)
#
# Prints "NAME VALUE" a line: processor time of the hub's gre-tun for a GB, in ms, of plain and redirect; the ratio of the medians;
# and the indications sent. Processor time, since other load makes rates of bursts incomparable.
set -euo pipefail
work=$1 top=$(cd "$(dirname "$0")/../.." && pwd)
left=spred$$-left hub=spred$$-hub right=spred$$-right
make=$top/tests/lib/sa_make.py

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	local p
	for p in $(jobs -p); do kill "$p" 2>/dev/null || :; done
	wait 2>/dev/null || :
	for p in "$left" "$hub" "$right"; do ip netns del "$p" 2>/dev/null || :; done
}
trap cleanup EXIT
trap 'exit 130' INT TERM

for ns in "$left" "$hub" "$right"; do
	ip netns add "$ns"
	ip -n "$ns" link set lo up
done
ip -n "$hub" addr add 203.0.113.254/32 dev lo
ip netns exec "$hub" sysctl -qw net.ipv4.ip_forward=1
k=0
for ns in "$left" "$right"; do
	k=$((k + 1))
	ip -n "$hub" link add "eth$k" type veth peer name eth0 netns "$ns"
	ip -n "$ns" addr add "198.51.100.$k/32" peer "198.51.100.10$k" dev eth0
	ip -n "$hub" addr add "198.51.100.10$k/32" peer "198.51.100.$k" dev "eth$k"
	ip -n "$hub" link set "eth$k" up
	ip -n "$ns" link set eth0 up
	ip -n "$ns" route add 203.0.113.254 via "198.51.100.10$k"
	ip netns exec "$ns" gre-tun -q --tun gre1 --key 42 --local "198.51.100.$k" --remote 203.0.113.254 \
		--address "10.255.255.$k/24" &
	"$make" binding "10.255.255.$k" --nbma "198.51.100.$k" --kind dynamic "$work/$k.nhrp"
done
ip netns exec "$hub" gre-tun -q --tun gre1 --key 42 --local 203.0.113.254 --route --address 10.255.255.254/32 \
	"$work/1.nhrp" "$work/2.nhrp" &
device=$!

reached=
for _ in {1..100}; do
	! ip netns exec "$left" ping -q -c 1 -W 1 10.255.255.2 >/dev/null 2>&1 || { reached=yes && break; }
	sleep 0.2
done
[ -n "$reached" ] || { echo 'redirect.sh: no way by the hub' >&2; exit 3; }

ip netns exec "$right" iperf3 -s >/dev/null 2>&1 &
ticks() { awk '{ print $14 + $15 }' "/proc/$device/stat"; }
# cost: ms of processor time for a GB, of one burst.
cost() {
	local before bytes
	before=$(ticks)
	bytes=$(ip netns exec "$left" timeout 60 iperf3 -c 10.255.255.2 -t "${SECONDS_EACH:-1}" -J | jq .end.sum_received.bytes)
	[ "${bytes:-0}" -gt 0 ] || { echo 'redirect.sh: no traffic' >&2; return 1; }
	awk -v t="$(($(ticks) - before))" -v b="$bytes" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%d\n", t * 1000 / hz / b * 1e9 }'
}
# with: one burst while nhrp-serve is at the device.
with() {
	local pid
	ip netns exec "$hub" nhrp-serve --redirect --tun gre1 --address 10.255.255.254 >/dev/null 2>>"$work/serve" &
	pid=$!
	until grep -q 'serving on' "$work/serve"; do sleep 0.05; done
	cost
	kill "$pid"
	wait "$pid" || :
	cat "$work/serve" >>"$work/all"
	: >"$work/serve"
}
: >"$work/serve"
: >"$work/all"
for _ in $(seq "${PAIRS:-9}"); do
	one=$(cost) two=$(with)
	echo "$one $two"
done >"$work/costs"
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
plain=$(cut -d' ' -f1 "$work/costs" | median) redirect=$(cut -d' ' -f2 "$work/costs" | median)
echo "plain $plain"
echo "redirect $redirect"
awk -v a="$plain" -v b="$redirect" 'BEGIN { printf "ratio %.2f\n", b / a }'
echo "indications $(grep -c 'indication: ' "$work/all")"
