#!/usr/bin/env bats
# NHRP with IPv6 in the tunnel, under it, and both: registration, traffic by the hub, shortcut, purge, resolution of next hops.
# shards: 2
# shellcheck disable=SC2016,SC2034 # eval; lib/nhrp.bash reads what is set
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/nhrp

setup() { nhrp_setup; }
teardown() { nhrp_teardown; }

# addresses OUTER INNER: families; sets NBMA[], TUN[], NET[], LEN.
addresses() {
	local n i=0
	declare -gA NBMA TUN NET HOST
	for n in spoke1 spoke2 hub; do
		i=$((i + 1))
		if [ "$1" = 6 ]; then
			NBMA[$n]=2001:db8::1$i
			in_node "$n" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
			in_node "$n" ip addr add "${NBMA[$n]}/64" dev eth0 nodad
		else
			NBMA[$n]=$(in_node "$n" ip -4 -o addr show dev eth0 | sed -E 's/.* inet ([0-9.]*).*/\1/')
		fi
		if [ "$2" = 6 ]; then
			TUN[$n]=2001:db8:ffff::$i NET[$n]=2001:db8:$i::/48 HOST[$n]=2001:db8:$i::1 LEN=128
			in_node "$n" sysctl -qw net.ipv6.conf.all.forwarding=1
			in_node "$n" ip addr add "${HOST[$n]}/48" dev lo nodad
		else
			TUN[$n]=10.255.255.$i NET[$n]=10.$((i % 3)).0.0/24 HOST[$n]=10.$((i % 3)).0.1 LEN=32
		fi
	done
	ALL=10.0.0.0/8
	[ "$2" != 6 ] || ALL=2001:db8::/32
}

end_of() { pipe "$1" "$2 | gre-tun --tun gre1 --local ${NBMA[$1]} --key 42 --mtu 1300 --route --address ${TUN[$1]}/$LEN"; }

# three: hub and spokes, with routes by the hub.
three() {
	local n
	end_of hub "nhrp-serve -v --redirect --holding-time $HOLD --prefix ${NET[hub]} --tun gre1 --address ${TUN[hub]}"
	eventually 10 grep -q 'serving on' "$T/hub.log"
	for n in spoke1 spoke2; do
		end_of "$n" "nhrp-register -v --keep --shortcut --prefix ${NET[$n]} --holding-time $HOLD --tun gre1 \
			--address ${TUN[$n]} ${NBMA[hub]}"
		eventually 10 grep -q "registered: ${TUN[$n]}" "$T/$n.log"
		in_node hub ip route add "${NET[$n]}" via "${TUN[$n]}" dev gre1 onlink
		eventually 5 in_node "$n" ip route add "$ALL" via "${TUN[hub]}" dev gre1 onlink
	done
}

# ping_all TTL: 30 pings from spoke1 to spoke2, none lost, the last with this TTL.
ping_all() {
	in_node spoke1 ping -c 30 -i 0.1 -W 1 -I "${HOST[spoke1]}" "${HOST[spoke2]}" >"$T/ping" || :
	grep -q ' 0% packet loss' "$T/ping" || { cat "$T/ping" "$T"/*.log; return 1; }
	grep 'bytes from' "$T/ping" | tail -n 1 | grep -q "ttl=$1 " || { cat "$T/ping" "$T"/*.log; return 1; }
}

# whole OUTER INNER: all of it.
whole() {
	timeout 120 "$FRR" up
	addresses "$1" "$2"
	three
	wire "$T/wire.pcap" ping_all 64
	grep -q 'icmp_seq=1 ttl=63' "$T/ping"
	faultless "$T/wire.pcap"
	run -0 in_node spoke1 nhrp-resolve --json --tun gre1 --address "${TUN[spoke1]}" --nhs "${NBMA[hub]}" "${HOST[spoke2]}"
	[[ $output == *"\"nbma\": \"${NBMA[spoke2]}\""* || $output == *"\"nbma\":\"${NBMA[spoke2]}\""* ]] || { echo "$output"; return 1; }
	kill -- "-${PID[spoke2]}"
	eventually 3 grep -q 'purged: ' "$T/spoke1.log"
}

# As lib/nhrp.bash's, of both families.
wire() {
	local pid file=$1 rc=0
	shift
	ip netns exec "${LAB_PREFIX}net" tcpdump -ni br0 -U -w "$file" 'proto 47 or ip6 proto 47' 2>"$T/tcpdump" 3>&- 4>&- &
	pid=$!
	eventually 5 grep -q listening "$T/tcpdump"
	"$@" || rc=$?
	kill "$pid"
	wait "$pid" || :
	return "$rc"
}

@test "nhrp ipv6: IPv6 in the tunnel, IPv4 under it" {
	whole 4 6
}

@test "nhrp ipv6: IPv4 in the tunnel, IPv6 under it" {
	whole 6 4
}

@test "nhrp ipv6: IPv6 in the tunnel and under it" {
	whole 6 6
}

@test "nhrp ipv6: the next hop of an IPv6 route is resolved (phase 2)" {
	timeout 120 "$FRR" up
	addresses 4 6
	three
	# The kernel sends neighbour solicitations from a link-local address of the device, or not at all.
	in_node spoke1 ip addr add fe80::1/64 dev gre1 nodad
	in_node spoke2 ip addr add fe80::2/64 dev gre1 nodad
	in_node spoke1 ip route add "${NET[spoke2]}" via "${TUN[spoke2]}" dev gre1 onlink
	in_node spoke2 ip route add "${NET[spoke1]}" via "${TUN[spoke1]}" dev gre1 onlink
	ping_all 64
	run ! grep 'ttl=63' "$T/ping"
	grep -q "resolved: ${TUN[spoke2]} at ${NBMA[spoke2]}" "$T/spoke1.log"
}

@test "nhrp ipv6: our spoke registers at FRR's hub with IPv6 in the tunnel" {
	timeout 120 "$FRR" up
	addresses 4 6
	LAB_NHRP=$' ipv6 nhrp network-id 1\n ipv6 nhrp holdtime 30\n ipv6 nhrp redirect' timeout 120 "$FRR" start hub >/dev/null 3>&- 4>&-
	in_node hub sysctl -qw net.ipv6.conf.gre1.disable_ipv6=0
	in_node hub ip addr add "${TUN[hub]}/128" dev gre1 nodad
	end_of spoke1 "nhrp-register -v --keep --shortcut --prefix ${NET[spoke1]} --holding-time $HOLD --tun gre1 \
		--address ${TUN[spoke1]} ${NBMA[hub]}"
	eventually 15 grep -q "registered: ${TUN[spoke1]}" "$T/spoke1.log" || { cat "$T/spoke1.log"; "$FRR" log hub | tail -n 20; return 1; }
	eventually 5 vty_has hub 'show ipv6 nhrp cache' "dynamic +${TUN[spoke1]} +${NBMA[spoke1]} "
	in_node spoke1 ping -c 5 -i 0.2 -W 1 "${TUN[hub]}" | grep ' 0% packet loss'
}
