#!/usr/bin/env bats
# AutoConnect VPN: NHRP inside of route-based IPsec tunnels; the hub tells two spokes of each other, and they make a tunnel.
# shellcheck disable=SC2016,SC2030,SC2031 # eval; each test is a subshell
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/pki
load lib/acvpn

setup() { acvpn_setup; }
teardown() { acvpn_teardown; }

# static_hub: the hub with PSK tunnels. static_spoke N [OPTION...]: its nhrp-register gets the options.
static_hub() {
	printf 'lilies-and-roses\n' >gw.psk
	end hub "esp-tun -v --tun vpn0 --no-route --hub --nhrp 203.0.113.254 --address 10.255.255.254/32 --state-dir hub.state \
			--control $T/hub.ctl <(ike-respond -v $SUITE --psk-file gw.psk) \
			<(nhrp-serve -v --redirect --tun vpn0 --address 10.255.255.254)"
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

direct_seen() { [ "$(tshark -r wire.pcap -Y 'esp && ip.src == 203.0.113.1 && ip.dst == 203.0.113.2' 2>/dev/null | wc -l)" -gt "$1" ]; }
esp_seen() { [ "$(tshark -r wire.pcap -Y esp 2>/dev/null | wc -l)" -gt "$1" ]; }
one_ping() { at "$1" ping -q -c 1 -W 1 "${@:2}" >/dev/null; }

@test "acvpn: NHRP goes inside of the tunnels, and a registration binds the spoke's next hop at the hub" {
	background dump ip netns exec "${P}net" tcpdump -i br0 -w wire.pcap -U ip
	eventually 20 grep -q listening dump.err
	static_hub
	static_spoke 1
	static_spoke 2
	wait_for 20 hub 'registered: 10.255.255.1 at 203.0.113.1'
	wait_for 20 hub 'registered: 10.255.255.2 at 203.0.113.2'
	eventually 15 one_ping s1 10.255.255.254
	eventually 15 one_ping s2 10.255.255.254
	eventually 15 one_ping hub 10.255.255.2
	run -0 sa-stat --nhtb --json "$T/hub.ctl"
	jq -e '[."next-hops"[] | select(.hop == "10.255.255.1" and .flag == "static" and .state == "up")] | length == 1' <<<"$output"
	# One client ends: its purge unbinds it, and the route goes.
	kill "$(pgrep -g "${PIPES[1]}" nhrp-register)"
	eventually 20 eval '! at hub ip route | grep -q "^10.255.255.1 "' || { cat hub.err; at hub ip route; false; }
	eventually 15 one_ping hub 10.255.255.2
	eventually 15 esp_seen 10
	kill "${BG[dump]}"
	ended dump || :
	tshark -r wire.pcap -Y 'ip.proto == 54 || nhrp || icmp' 2>/dev/null >clear
	[ ! -s clear ]
}

@test "acvpn: nobody behind a spoke sends NHRP in its name, and none of it reaches the device of the hub" {
	static_hub
	static_spoke 1
	wait_for 20 hub 'registered: 10.255.255.1 at 203.0.113.1'
	eventually 15 one_ping s1 10.255.255.254
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
	eventually 15 eval '[ "$(sa-stat --json "$T/s1.ctl" | jq ".out.drops[\"policy-drops\"] // 0")" = '$((had + 2))' ]'
	run ! seen hub '10.255.255.9'
}

# --- certificates, and tunnels between spokes ---

# pinged FROM TO N: N pings, all answered; ping.out has them.
pinged() {
	local had
	had=$(answered "$1")
	at "s$1" ping -D -c "$3" -i 0.02 -W 3 "10.$2.0.1" >ping.out || :
	# The kernel counts: ping itself leaves soon after its last request.
	eventually 10 answered_by "$1" $((had + $3)) || { cat ping.out; tail -n 30 ./*.err; return 1; }
}
answered() { at "s$1" awk '$1 == "Icmp:" && !n { for (i = 2; i <= NF; i++) if ($i == "InEchoReps") n = i; next } $1 == "Icmp:" { print $n }' /proc/net/snmp; }
answered_by() { [ "$(answered "$1")" -ge "$2" ]; }

@test "acvpn: two spokes that talk get a tunnel of their own, lose nothing, and it ends when they are silent" {
	background dump ip netns exec "${P}net" tcpdump -i br0 -w wire.pcap -U ip
	eventually 20 grep -q listening dump.err
	connect_hub --client-idle 3 --client-ike aes128-sha256-ecp256 --client-esp aes256gcm16 --client-esp-lifetime 1200
	connect_spoke 1 s1
	connect_spoke 2 s2
	eventually 15 at hub ip route get 10.1.0.1
	eventually 15 at hub ip route get 10.2.0.1
	until_direct 1 2
	awk '/ttl=/ { match($0, /ttl=[0-9]+/); t = substr($0, RSTART + 4, 2); if (t == 63 && seen) late++; if (t == 64) seen = 1 }
		END { exit late > 5 }' ping.out
	# Who saw the traffic first begins; the other one waits.
	seen s1 'set: 10.255.255.2 at 203.0.113.2: this end begins the tunnel'
	seen s2 'set: 10.255.255.1 at 203.0.113.1: the peer begins the tunnel'
	run ! seen s2 'negotiating phase 1 with 203.0.113.1'
	seen s1 '203.0.113.2:500: phase 1 with 203.0.113.2:500 established (aggressive mode)'
	# The profile of the hub, not the proposals of the spokes.
	sa-show --format json s1.rec >s1.json
	jq -se '[.[] | select(.type == "child-sa" and .remote.address == "203.0.113.2")] | last |
		.proposal.encryption == "aes-gcm-16" and .proposal."key-bits" == 256 and .lifetime.seconds == 1200' s1.json
	jq -se '[.[] | select(.type == "ike-sa" and .remote.address == "203.0.113.2")] | last | .proposal.group == "ecp256"' s1.json
	# The records of NHRP have the hash, and fit the schema.
	sa-show --format json s2.nhrp >s2.json
	jq -se --arg h "$(hash_of s1 | tr -d : | tr A-F a-f)" '[.[] | select(.type == "nhrp-binding" and .kind == "shortcut" and .holding > 0)] |
		length >= 2 and all(.cert == $h and .flags.passive and .profile.esp == "aes256gcm16")' s2.json
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" --schema "$SAPIPE_TOP/libcommon/sa/sa-state.cddl" --min 3 s2.nhrp hub.rec
	# Silence.
	wait_for 20 s1 'idle: 10.2.0.0 at 203.0.113.2'
	eventually 15 not_direct 1 2
	eventually 15 not_direct 2 1
	wait_for 20 s1 '203.0.113.2: child SA'
	eventually 20 grep -q '203.0.113.2: child SA .* ends: ' s1.err
	eventually 20 grep -q '203.0.113.1: child SA .* ends: ' s2.err
	# Again, the other one first: by the hub, then direct. The hub pauses between two sets of one pair.
	nap 8
	until_direct 2 1
	eventually 15 direct_seen 50
	kill "${BG[dump]}"
	ended dump || :
	tshark -r wire.pcap -Y 'ip.proto == 54 || nhrp || icmp' 2>/dev/null >clear
	[ ! -s clear ] || { head clear; return 1; }
}

@test "acvpn: a peer with another certificate than the hub told of is refused, by name, and packets go on by the hub" {
	connect_hub
	issue other self
	connect_spoke 1 s1
	# It registers the hash of a certificate whose key it does not use.
	connect_spoke 2 other
	eventually 15 at hub ip route get 10.2.0.1
	pinged 1 2 100
	run ! grep -q 'ttl=64 ' ping.out
	wait_for 20 s1 'set: 10.255.255.2 at 203.0.113.2'
	eventually 20 grep -qE '203\.0\.113\.2.*(certificate|not trusted|no authority)' s1.err || { cat s1.err; return 1; }
	run ! grep -q '203.0.113.2:500: child SA' s1.err
	not_direct 1 2
	pinged 1 2 5
}

@test "acvpn: the hub allows no network that it need not, and none twice" {
	connect_hub
	connect_spoke 1 s1 --prefix 10.9.0.0/24 --prefix 10.0.0.0/8
	seen hub 'refused: 10.9.0.0 at 203.0.113.1: the network is not allowed'
	seen hub 'refused: 10.0.0.0 at 203.0.113.1: the network is not allowed'
	connect_spoke 2 s2 --prefix 10.1.0.128/25
	wait_for 20 hub "refused: 10.1.0.128 at 203.0.113.2: the network is another client's"
	eventually 15 at hub ip route get 10.2.0.1
	at hub ip route | grep -q '^10.1.0.0/24 via 10.255.255.1'
	run ! grep -qE '^(10.9|10.1.0.128|10.0.0.0/8)' <(at hub ip route)
}

@test "acvpn: --client-net @FILE: a line that is wrong is named, and what is no such file" {
	cd "$T" || return
	# wrong TEXT MESSAGE: of the file nets.
	wrong() {
		printf '%b' "$1" >nets
		run -2 --separate-stderr nhrp-serve --tun vpn0 --address 10.0.0.1 --client-net @nets
		one_error
		stderr_has "$2"
	}
	wrong '10.0.0.1=10.1.0.0/16\n# one\n\n berne\n' '--client-net: nets:4: '
	wrong '10.0.0.1=10.1.0.0/16\n10.0.0.=10.2.0.0/16\n' '--client-net: nets:2: '
	wrong '10.1.0.0/33\n' '--client-net: nets:1: '
	wrong '10.1.0.0/16\0\n' 'it has a zero byte'
	run -2 --separate-stderr nhrp-serve --tun vpn0 --address 10.0.0.1 --client-net @none
	stderr_has '--client-net: cannot open none: No such file'
	run -2 --separate-stderr nhrp-serve --tun vpn0 --address 10.0.0.1 --client-net @.
	stderr_has '--client-net: cannot read .: Is a directory'
	seq -f '10.1.%g.0/24' 0 255 >few
	for _ in {1..260}; do cat few; done >nets
	run -4 --separate-stderr nhrp-serve --tun vpn0 --address 10.0.0.1 --client-net @nets
	stderr_has '--client-net: at most 65536 of them'
	head -c 5000000 /dev/zero | tr '\0' '\n' >nets
	run -4 --separate-stderr nhrp-serve --tun vpn0 --address 10.0.0.1 --client-net @nets
	stderr_has '--client-net: nets has more than 4194304 bytes'
}

@test "acvpn: options that do not fit are refused" {
	cd "$T" || return
	local wrong
	for wrong in 'nhrp-register --tun vpn0 --address 10.0.0.1 --connect 192.0.2.1' \
		'nhrp-register --tun vpn0 --address 10.0.0.1 --keep --cert x.crt 192.0.2.1' \
		'nhrp-serve --tun vpn0 --address 10.0.0.1 --connect --redirect' \
		'nhrp-serve --tun vpn0 --address 10.0.0.1 --client-idle 5' \
		'nhrp-register --tun vpn0 --address 10.0.0.1 --prefix 10.1.0.0/24 192.0.2.1' \
		'nhrp-register --tun vpn0 --address 10.0.0.1 --keep --register-prefixes 192.0.2.1' \
		'nhrp-serve --tun vpn0 --address 10.0.0.1 --connect --client-ike aes129' \
		'esp-tun --nhrp any x.sa' 'esp-tun --nhrp any --no-route x.sa'; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr $wrong
		one_error
	done
}
