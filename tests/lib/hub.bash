# shellcheck shell=bash
# shellcheck disable=SC2034 # for the tests
# Three network namespaces, a hub with a wire to each of two spokes, for tests of many tunnels on one device:
#
#   load lib/common
#   load lib/tun
#   load lib/hub
#   setup() { hub_setup; }
#   teardown() { hub_teardown; }
#
# Outside: hub 203.0.113.1 to spoke a 203.0.113.2, hub 203.0.113.5 to spoke b 203.0.113.6. Inside, on the loopback
# devices: hub 10.0.0.1, a 10.1.0.1, b 10.2.0.1, 2001:db8:0::1 and so on. On the devices vpn0: 10.255.0.1, .2, .3.

hub_setup() {
	local why s
	need esp-tun sa-stat
	why=$(tun_missing)
	[ -z "$why" ] || skip "tunnels cannot be tested here: $why"
	T=$BATS_TEST_TMPDIR
	H=eh$$x${BATS_TEST_NUMBER}h A=eh$$x${BATS_TEST_NUMBER}a B=eh$$x${BATS_TEST_NUMBER}b
	for s in "$H" "$A" "$B"; do
		ip netns add "$s"
		ip -n "$s" link set lo up
	done
	hub_wire "$A" toa 1 1
	hub_wire "$B" tob 5 2
	ip -n "$H" addr add 10.0.0.1/32 dev lo
	ip -n "$H" addr add 2001:db8::1/128 dev lo nodad
	# Its packets to another spoke leave by the device that they came from: the kernel would tell the sender so.
	ip netns exec "$H" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.{all,default}.send_redirects=0
	mkfifo "$T/records"
	exec {RECORDS}<>"$T/records"
}

# hub_wire SPOKE DEVICE N M: addresses 203.0.113.N and N + 1, 10.M.0.1 inside.
hub_wire() {
	ip -n "$H" link add "$2" type veth peer name eth0 netns "$1"
	ip -n "$H" addr add "203.0.113.$3/30" dev "$2"
	ip -n "$1" addr add "203.0.113.$(($3 + 1))/30" dev eth0
	ip -n "$H" link set "$2" up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "10.$4.0.1/32" dev lo
	ip -n "$1" addr add "2001:db8:$4::1/128" dev lo nodad
}

hub_teardown() {
	stop_background
	[ -z "${RECORDS-}" ] || exec {RECORDS}>&-
	netns_gone "${H-}" "${A-}" "${B-}"
}

hub() { ip netns exec "$H" "$@"; }
a() { ip netns exec "$A" "$@"; }
b() { ip netns exec "$B" "$@"; }

# hub_pair a|b [OPTION...]: a child SA of all addresses between hub and spoke, $T/hub-X.sa and $T/X.sa; its SPIs are
# 0x1000000a and 0x2000000a, or with b. hub_policy: without selectors of all addresses.
hub_pair() { hub_policy "$@" --local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0; }
hub_policy() {
	local s=$1 n=1
	[ "$s" = a ] || n=5
	shift
	sa_make child --seed "$s" --local "203.0.113.$n" --remote "203.0.113.$((n + 1))" --local-id hub.example \
		--remote-id "$s.example" --spi-in "0x1000000$s" --spi-out "0x2000000$s" "$@" \
		"$T/hub-$s.sa" "$T/$s.sa"
}

# hub_start [ARGUMENT...]: the hub's esp-tun; it reads what hub_records writes. With UNNUMBERED=yes without an address.
hub_start() {
	[ -n "${UNNUMBERED-}" ] || set -- --address 10.255.0.1/24 "$@"
	background hub ip netns exec "$H" esp-tun -v --tun vpn0 --no-route --state-dir "$T/hub.state" \
		--control "$T/ctl" "$@" "$T/records"
	eventually 30 test -S "$T/ctl"
}
hub_records() { cat "$@" >&"$RECORDS"; }

# spoke_start a|b [ARGUMENT...]: the esp-tun of a spoke; all of 10.0.0.0/8 goes there.
spoke_start() {
	local s=$1 ns=$A n=2
	[ "$s" = a ] || { ns=$B n=3; }
	shift
	background "$s" ip netns exec "$ns" esp-tun -v --tun vpn0 --no-route --address "10.255.0.$n/24" \
		--state-dir "$T/$s.state" "$@" "$T/$s.sa"
	eventually 30 grep -q 'vpn0 is up' "$T/$s.err" || return
	ip -n "$ns" route add 10.0.0.0/8 dev vpn0 src "10.$((n - 1)).0.1"
}

# hub_has N: N SAs are in use there.
hub_has() { [ "$(sa-stat --json "$T/ctl" | jq '.sas | length')" = "$1" ]; }

# hub_all [ARGUMENT...]: the hub and both spokes are up.
hub_all() {
	hub_start "$@"
	hub_records "$T/hub-a.sa" "$T/hub-b.sa"
	spoke_start a
	spoke_start b
	eventually 20 hub_has 2
}

# pings NAMESPACE-FUNCTION ADDRESS [ARGUMENT...]: one ping is answered.
pings() { "$1" ping -q -c 1 -W 1 "${@:3}" "$2" >/dev/null 2>&1; }

# out_of SPI: packets that the hub has sent with that SA.
out_of() { sa-stat --json "$T/ctl" | jq ".sas[] | select(.\"spi-in\" == \"$1\") | .out.packets"; }
# dropped NAME: outbound packets that the hub has dropped for that reason.
dropped() { sa-stat --json "$T/ctl" | jq ".out.drops[\"$1\"] // 0"; }
