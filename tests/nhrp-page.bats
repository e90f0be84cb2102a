#!/usr/bin/env bats
# The pipelines of nhrp(7), typed as they stand there: phases 1, 2 and 3 of a DMVPN, a spoke behind a NAT, two hubs.
# shards: 2
# shellcheck disable=SC2016 # eval
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() {
	local why
	need gre-tun nhrp-register nhrp-resolve nhrp-serve ike-initiate ike-respond esp-tun
	why=$(tun_missing)
	[ -z "$why" ] || skip "tunnels cannot be tested here: $why"
	export LAB_PREFIX=np$$x${BATS_TEST_NUMBER}- LAB_STATE=$BATS_TEST_TMPDIR/lab
	LAB=$SAPIPE_TOP/tests/lab/frr/frr.sh
	T=$BATS_TEST_TMPDIR
	PIDS=()
	declare -gA PID=()
}

teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill -- "-$pid" 2>/dev/null || :
	done
	netns_gone "${LAB_PREFIX}hub2"
	timeout 120 "$LAB" down >/dev/null 2>&1 || :
}

# example NAME: the block of that name.
example() {
	awk -v mark=".\\\\\" example: $1" '
		$0 == mark { on = 1; next }
		on && /^\.(Bd|Ed)/ { if (inside) exit; inside = 1; next }
		inside { gsub(/\\e/, "\\"); print }' "$SAPIPE_TOP/man/nhrp.7"
}

in_node() { ip netns exec "$LAB_PREFIX$1" "${@:2}"; }

# types NODE TEXT: at a terminal of the node, to its end.
types() {
	[ -n "$2" ]
	(cd "$T/$1" && in_node "$1" bash -ec "$2") </dev/null
}

# runs NODE WHAT TEXT: in the background; claims go to a disk of the node's own.
runs() {
	[ -n "$3" ]
	: >"$T/$1.$2"
	(cd "$T/$1" && exec setsid ip netns exec "$LAB_PREFIX$1" bash -c "mount --make-rprivate / && mount --bind '$T/$1/disk' /var/lib
$3") </dev/null >"$T/$1.$2.out" 2>"$T/$1.$2" 3>&- 4>&- &
	PIDS+=($!)
	PID[$1.$2]=$!
}

# network [--nat]: the machines of the page.
network() {
	local node
	# shellcheck disable=SC2086 # none or one
	timeout 120 "$LAB" up ${1:-}
	ip netns add "${LAB_PREFIX}hub2"
	in_node hub2 sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=1
	ip -n "${LAB_PREFIX}hub2" link add eth0 type veth peer name hub2 netns "${LAB_PREFIX}net"
	ip -n "${LAB_PREFIX}hub2" addr add 203.0.113.253/24 dev eth0
	ip -n "${LAB_PREFIX}hub2" link set lo up
	ip -n "${LAB_PREFIX}hub2" link set eth0 up
	ip -n "${LAB_PREFIX}net" link set hub2 master br0 up
	for node in hub hub2 spoke1 spoke2; do
		mkdir -p "$T/$node/disk"
		chmod 755 "$T/$node/disk"
		(umask 077 && printf 'lilies-and-roses\n' >"$T/$node/gw.psk")
	done
}

# of_spoke2 TEXT: what spoke 1 types, with the addresses of spoke 2.
of_spoke2() { sed 's/203\.0\.113\.11/203.0.113.12/; s/10\.255\.255\.1\b/10.255.255.2/g; s/10\.1\.0\.0/10.2.0.0/' <<<"$1"; }

# hub WITHOUT: with IPsec; WITHOUT this option.
ipsec_hub() {
	types hub "$(example no-clear)"
	runs hub ike "$(example ipsec-hub)"
	runs hub nhrp "$(example hub | sed "s/ ${1:-nothing}//")"
	eventually 20 grep -q 'serving on gre1' "$T/hub.nhrp"
	types hub "$(example hub-routes)" >/dev/null
}

registered() {
	eventually 30 grep -q 'registered: ' "$T/$1.nhrp" || { cat "$T/$1.nhrp" "$T"/hub.*; return 1; }
	eventually 10 in_node "$1" ip route get 10.255.255.254
}

# pings NODE FROM TO COUNT TTL: none is lost, and the last answer has this TTL.
pings() {
	in_node "$1" ping -c "$4" -i 0.1 -W 2 -I "$2" "$3" >"$T/ping" || :
	grep -q ' 0% packet loss' "$T/ping" || { cat "$T/ping" "$T"/spoke*.nhrp; return 1; }
	grep 'bytes from' "$T/ping" | tail -n 1 | grep -q "ttl=$5 " || { cat "$T/ping" "$T"/spoke*.nhrp; return 1; }
}

# guards NODE: the filter of the page, behind one that counts what it drops.
guards() {
	in_node "$1" nft 'add table inet tried; add chain inet tried out { type filter hook output priority -10; }; add rule inet tried out oifname eth0 meta l4proto 47 counter'
	types "$1" "$(example no-clear)"
}

# sniffs, then no_gre: nothing of GRE passed the switch in clear, and no spoke tried to.
sniffs() {
	ip netns exec "${LAB_PREFIX}net" tcpdump -ni br0 -U -w "$T/wire.pcap" ip 2>"$T/tcpdump" 3>&- 4>&- &
	PID[dump]=$!
	eventually 5 grep -q listening "$T/tcpdump"
}
no_gre() {
	kill "${PID[dump]}"
	wait "${PID[dump]}" || :
	[ "$(tshark -r "$T/wire.pcap" -Y 'esp' 2>/dev/null | wc -l)" -gt 20 ]
	[ "$(tshark -r "$T/wire.pcap" -Y 'ip.proto == 47 || gre || nhrp' 2>/dev/null | wc -l)" -eq 0 ]
	for n in 1 2; do
		in_node "spoke$n" nft list table inet tried | grep -q 'counter packets 0 ' || { in_node "spoke$n" nft list table inet tried; return 1; }
	done
}

@test "nhrp(7): every example is typed here" {
	local name
	[ "$(grep -c '^\.\\" example: ' "$SAPIPE_TOP/man/nhrp.7")" -eq "$(grep -c '^\.Bd' "$SAPIPE_TOP/man/nhrp.7")" ]
	while read -r name; do
		[ -n "$(example "$name")" ]
		grep -q "example $name\b" "$BATS_TEST_DIRNAME/nhrp-page.bats" || { echo "nothing types $name"; return 1; }
	done < <(sed -n 's/^\.\\" example: //p' "$SAPIPE_TOP/man/nhrp.7")
}

@test "nhrp(7): phase 3 with IPsec: by the hub, then directly, and nothing in clear" {
	network
	sniffs
	ipsec_hub
	for n in 1 2; do guards "spoke$n"; done
	runs spoke1 nhrp "$(example spoke1)"
	runs spoke2 nhrp "$(of_spoke2 "$(example spoke1)")"
	registered spoke1
	registered spoke2
	types spoke1 "$(example spoke1-routes)"
	types spoke2 "$(example spoke1-routes)"
	pings spoke1 10.1.0.1 10.2.0.1 60 64
	grep -q 'icmp_seq=1 ttl=63' "$T/ping"
	run -0 types spoke1 "$(example look)"
	[[ $output == *"10.2.0.1 is behind 10.255.255.2 at 203.0.113.12"* ]]
	no_gre
}

@test "nhrp(7): phase 1 with IPsec: all by the hub" {
	network
	sniffs
	ipsec_hub --redirect
	for n in 1 2; do guards "spoke$n"; done
	runs spoke1 nhrp "$(example phase1-spoke1)"
	runs spoke2 nhrp "$(of_spoke2 "$(example phase1-spoke1)")"
	registered spoke1
	registered spoke2
	types spoke1 "$(example spoke1-routes)"
	types spoke2 "$(example spoke1-routes)"
	pings spoke1 10.1.0.1 10.2.0.1 40 63
	no_gre
}

@test "nhrp(7): phase 2 with IPsec: the next hop of a route is resolved, and no packet goes by the hub" {
	network
	sniffs
	ipsec_hub --redirect
	for n in 1 2; do guards "spoke$n"; done
	runs spoke1 nhrp "$(example spoke1)"
	runs spoke2 nhrp "$(of_spoke2 "$(example spoke1)")"
	registered spoke1
	registered spoke2
	types spoke1 "$(example phase2-routes)"
	types spoke2 "$(example phase2-routes | sed 's/10\.2\.0\.0/10.1.0.0/; s/10\.255\.255\.2/10.255.255.1/')"
	# The device sends what has waited when the binding has come through esp-tun.
	in_node spoke1 ping -c 5 -i 0.1 -W 2 -I 10.1.0.1 10.2.0.1 >"$T/first" || { cat "$T/first" "$T"/spoke*.nhrp; return 1; }
	run ! grep 'ttl=63' "$T/first"
	pings spoke1 10.1.0.1 10.2.0.1 40 64
	run ! grep 'ttl=63' "$T/ping"
	grep -q 'resolved: 10.255.255.2 at 203.0.113.12' "$T/spoke1.nhrp"
	no_gre
}

@test "nhrp(7): a spoke behind a NAT, with IPsec" {
	network --nat
	sniffs
	ipsec_hub
	for n in 1 2; do guards "spoke$n"; done
	runs spoke1 nhrp "$(example spoke1)"
	runs spoke2 nhrp "$(example spoke2-nat)"
	registered spoke1
	registered spoke2
	types spoke1 "$(example spoke1-routes)"
	types spoke2 "$(example spoke1-routes)"
	# The public one begins.
	pings spoke1 10.1.0.1 10.2.0.1 60 6.
	echo "# public spoke first: $(grep -c ttl=63 "$T/ping") by the hub, $(grep -c ttl=64 "$T/ping") directly" >&3
	pings spoke2 10.2.0.1 10.1.0.1 60 6.
	echo "# then the spoke behind the NAT: $(grep -c ttl=63 "$T/ping") by the hub, $(grep -c ttl=64 "$T/ping") directly" >&3
	no_gre
}

@test "nhrp(7): two hubs without IPsec: one is killed, the other one goes on" {
	network
	runs hub nhrp "$(example hub | sed 's/nhrp-serve/& --server 10.255.255.253=203.0.113.253/')"
	runs hub2 nhrp "$(example two-hubs-hub2)"
	for n in hub hub2; do
		eventually 20 grep -q 'serving on gre1' "$T/$n.nhrp"
		types "$n" "$(example hub-routes)" >/dev/null
	done
	runs spoke1 nhrp "$(example two-hubs-spoke1)"
	runs spoke2 nhrp "$(example plain-spoke2 | sed 's/203\.0\.113\.254/& 203.0.113.253/')"
	for n in 1 2; do
		eventually 20 eval '[ "$(grep -c "registered: " "$T/spoke$n.nhrp")" -eq 2 ]'
		types "spoke$n" "$(example two-hubs-routes)"
	done
	kill -9 -- "-${PID[hub.nhrp]}"
	for n in 1 2; do in_node "spoke$n" ip route del 10.0.0.0/8 metric 10; done
	pings spoke1 10.1.0.1 10.2.0.1 30 64
	run -0 types spoke1 "$(example look | sed 's/--nhs 203.0.113.254/--nhs 203.0.113.253/')"
	[[ $output == *"10.2.0.1 is behind 10.255.255.2 at 203.0.113.12"* ]]
}
