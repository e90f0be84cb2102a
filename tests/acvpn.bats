#!/usr/bin/env bats
# AutoConnect VPN: NHRP inside of route-based IPsec tunnels; the hub tells two spokes of each other, and they make a tunnel.
# shellcheck disable=SC2016,SC2030,SC2031 # eval; each test is a subshell
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/pki

setup() {
	local why
	need esp-tun ike-initiate ike-respond nhrp-serve nhrp-register sa-stat
	why=$(tun_missing)
	[ -z "$why" ] || skip "tunnels cannot be tested here: $why"
	cd "$BATS_TEST_TMPDIR" || return
	T=$PWD
	umask 077
	P=av$$x${BATS_TEST_NUMBER}
	nodes hub s1 s2
}

teardown() {
	local pid node
	for pid in "${PIPES[@]}"; do kill -- "-$pid" 2>/dev/null || :; done
	stop_background
	for node in net hub s1 s2; do ip netns del "$P$node" 2>/dev/null || :; done
}
PIPES=()

# nodes NAME...: namespaces $P$NAME at the switch ${P}net; the N-th has 203.0.113.(N-1) outside and 10.(N-1).0.1 inside, the
# first, the hub, .254 and 10.0.0.1.
nodes() {
	local node n=0
	ip netns add "${P}net"
	ip -n "${P}net" link add br0 type bridge
	ip -n "${P}net" link set br0 up
	for node; do
		ip netns add "$P$node"
		ip -n "${P}net" link add "$node" type veth peer name eth0 netns "$P$node"
		ip -n "${P}net" link set "$node" master br0 up
		ip -n "$P$node" link set lo up
		ip -n "$P$node" addr add "203.0.113.$((n ? n : 254))/24" dev eth0
		ip -n "$P$node" link set eth0 up
		ip -n "$P$node" addr add "10.$n.0.1/32" dev lo
		n=$((n + 1))
	done
	at hub sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.{all,default}.send_redirects=0
}

at() { ip netns exec "$P$1" "${@:2}"; }

# end NODE COMMAND: a process group of its own, whose messages are in NODE.err.
end() {
	: >"$1.err"
	setsid ip netns exec "$P$1" bash -c "$2" </dev/null >"$1.out" 2>"$1.err" 3>&- 4>&- &
	PIPES+=($!)
}

ALL='--local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0'
SUITE="--ike aes128-sha256-modp2048 --esp aes128gcm16 $ALL"

# seen NODE TEXT: in its messages.
seen() { grep -qF -- "$2" "$1.err"; }
wait_for() { eventually "$1" seen "$2" "$3" || { tail -n 40 ./*.err; return 1; }; }

# static_hub [OPTION...]: the hub with PSK tunnels; its nhrp-serve gets the options. static_spoke N likewise.
static_hub() {
	printf 'lilies-and-roses\n' >gw.psk
	end hub "esp-tun -v --tun vpn0 --no-route --hub --nhrp 203.0.113.254 --address 10.255.255.254/32 --state-dir hub.state \
			--control $T/hub.ctl <(ike-respond -v $SUITE --psk-file gw.psk) \
			<(nhrp-serve -v --redirect --tun vpn0 --address 10.255.255.254 $*)"
	wait_for 20 hub 'serving on vpn0'
}
static_spoke() {
	local n=$1
	shift
	end "s$n" "esp-tun -v --tun vpn0 --no-route --nhrp any --address 10.255.255.$n/32 --state-dir s$n.state --control $T/s$n.ctl \
			<(ike-initiate -v --keep $SUITE --psk-file gw.psk 203.0.113.254) \
			<(nhrp-register -v --keep --tun vpn0 --address 10.255.255.$n $* 203.0.113.254)"
	wait_for 20 "s$n" "registered: 10.255.255.$n at 203.0.113.254"
}

esp_seen() { [ "$(tshark -r wire.pcap -Y esp 2>/dev/null | wc -l)" -gt "$1" ]; }
one_ping() { at "$1" ping -q -c 1 -W 1 "${@:2}" >/dev/null; }

@test "acvpn: NHRP goes inside of the tunnels, and a registration binds the spoke's next hop at the hub" {
	background dump ip netns exec "${P}net" tcpdump -i br0 -w wire.pcap -U ip
	eventually 5 grep -q listening dump.err
	static_hub
	static_spoke 1
	static_spoke 2
	wait_for 5 hub 'registered: 10.255.255.1 at 203.0.113.1'
	wait_for 5 hub 'registered: 10.255.255.2 at 203.0.113.2'
	eventually 5 one_ping s1 10.255.255.254
	eventually 5 one_ping s2 10.255.255.254
	eventually 5 one_ping hub 10.255.255.2
	run -0 sa-stat --nhtb --json "$T/hub.ctl"
	jq -e '[."next-hops"[] | select(.hop == "10.255.255.1" and .flag == "static" and .state == "up")] | length == 1' <<<"$output"
	# One client ends: its purge unbinds it, and the route goes.
	kill "$(pgrep -g "${PIPES[1]}" nhrp-register)"
	eventually 10 eval '! at hub ip route | grep -q "^10.255.255.1 "' || { cat hub.err; at hub ip route; false; }
	eventually 5 one_ping hub 10.255.255.2
	eventually 5 esp_seen 10
	kill "${BG[dump]}"
	ended dump || :
	tshark -r wire.pcap -Y 'ip.proto == 54 || nhrp || icmp' 2>/dev/null >clear
	[ ! -s clear ]
}

@test "acvpn: nobody behind a spoke sends NHRP in its name, and none of it reaches the device of the hub" {
	static_hub
	static_spoke 1
	wait_for 5 hub 'registered: 10.255.255.1 at 203.0.113.1'
	eventually 5 one_ping s1 10.255.255.254
	at s1 ip route add 10.0.0.0/8 via 10.255.255.254 dev vpn0 onlink src 10.1.0.1
	at s1 ip -br addr >/dev/null
	local had
	had=$(sa-stat --json "$T/s1.ctl" | jq '.out.drops["policy-drops"] // 0')
	# A registration of 10.255.255.9, well-formed, as a local program would send it.
	at s1 /usr/bin/python3 -c '
import socket, struct
def csum(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
own, nbma = socket.inet_aton("10.255.255.9"), socket.inet_aton("203.0.113.1")
mand = struct.pack("!BBHI", 4, 4, 0x8002, 77) + nbma + own + own + struct.pack("!BBHHHBBBB", 0, 32, 0, 1400, 600, 0, 0, 0, 0)
fixed = struct.pack("!HHIBBHHHBBBB", 1, 0x800, 0, 0, 1, 20 + len(mand), 0, 0, 1, 3, 4, 0)
p = fixed + mand
p = p[:12] + struct.pack("!H", csum(p)) + p[14:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 54)
for to in ("10.255.255.254", "10.0.0.1"): s.sendto(p, (to, 0))'
	eventually 5 eval '[ "$(sa-stat --json "$T/s1.ctl" | jq ".out.drops[\"policy-drops\"] // 0")" = '$((had + 2))' ]'
	run ! seen hub '10.255.255.9'
}
