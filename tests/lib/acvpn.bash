# shellcheck shell=bash
# shellcheck disable=SC2016 # eval
# An AutoConnect VPN in namespaces: a hub and two spokes, NHRP inside of their tunnels. For bats files that load common, tun and pki, too:
#
#   setup() { acvpn_setup; }
#   teardown() { acvpn_teardown; }

acvpn_setup() {
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

acvpn_teardown() {
	local pid
	for pid in "${PIPES[@]}"; do kill -- "-$pid" 2>/dev/null || :; done
	stop_background
	netns_gone "$P"{net,hub,s1,s2,nat1,nat2,hub2}
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
		node_add "$node" "$((n ? n : 254))" "$n"
		n=$((n + 1))
	done
	at hub sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.{all,default}.send_redirects=0 net.ipv6.conf.all.forwarding=1
}

# node_add NAME N NET: with 203.0.113.N outside and 10.NET.0.1 inside.
node_add() {
	ip netns add "$P$1"
	ip -n "${P}net" link add "$1" type veth peer name eth0 netns "$P$1"
	ip -n "${P}net" link set "$1" master br0 up
	ip -n "$P$1" link set lo up
	ip -n "$P$1" addr add "203.0.113.$2/24" dev eth0
	ip -n "$P$1" link set eth0 up
	ip -n "$P$1" addr add "10.$3.0.1/32" dev lo
	ip -n "$P$1" addr add "fd00:$3::1/128" dev lo
}

at() { ip netns exec "$P$1" "${@:2}"; }

# end NODE COMMAND: a process group of its own, whose messages are in NODE.err.
end() {
	: >"$1.err"
	setsid ip netns exec "$P$1" bash -c "$2" </dev/null >"$1.out" 2>"$1.err" 3>&- 4>&- &
	PIPES+=($!)
}

SUITE='--ike aes128-sha256-modp2048 --esp aes128gcm16 --local-ts 0.0.0.0/0 --remote-ts 0.0.0.0/0'

# overlay_v6: the networks in the tunnels are IPv6 from now on.
OVERLAY=4
overlay_v6() {
	OVERLAY=6
	SUITE='--ike aes128-sha256-modp2048 --esp aes128gcm16 --local-ts ::/0 --remote-ts ::/0'
	SIGNED="$SUITE --exchange aggressive --auth ecdsa"
}
# Of node N, the hub is 254: its address in the tunnel, and its network or the address there.
tun_of() { [ $OVERLAY = 4 ] && echo "10.255.255.$1" || echo "fd00:255::$1"; }
net_of() { [ $OVERLAY = 4 ] && echo "10.$1.0.0/24" || echo "fd00:$1::/64"; }
host_of() { [ $OVERLAY = 4 ] && echo "10.$1.0.1" || echo "fd00:$1::1"; }
bits() { [ $OVERLAY = 4 ] && echo 32 || echo 128; }

# seen NODE TEXT: in its messages.
seen() { grep -qF -- "$2" "$1.err"; }
wait_for() { eventually "$1" seen "$2" "$3" || { tail -n 40 ./*.err; return 1; }; }

# --- certificates, and tunnels between spokes ---

hash_of() { openssl x509 -noout -fingerprint -sha256 -in "$1.crt" | sed 's/.*=//'; }
SIGNED="$SUITE --exchange aggressive --auth ecdsa"

# What the ends trust: TRUST of the hub and TRUST_S of a spoke, and whether the spokes register the hash of their certificate.
TRUST='' TRUST_S='' HASHES=yes
# More options of a spoke's ike-initiate, and the servers of its nhrp-register.
IKE_OPTIONS='' SERVERS=203.0.113.254

# connect_hub [OPTION...]: the hub; without TRUST it knows the certificates of both spokes. Its nhrp-serve gets the options.
# shellcheck disable=SC2120 # which acvpn.bats gives
connect_hub() {
	local n nets='10.0.0.0/14'
	[ -n "$TRUST" ] || for n in hub s1 s2; do issue "$n" self; done
	[ $OVERLAY = 4 ] || nets=fd00::/13
	end hub "esp-tun -v --tun vpn0 --no-route --hub --nhrp 203.0.113.254 --address $(tun_of 254)/$(bits) --state-dir hub.state \
			--control $T/hub.ctl <(ike-respond -v $SIGNED --cert hub.crt --key hub.key \
				${TRUST:---peer-cert-hash $(hash_of s1) --peer-cert-hash $(hash_of s2)}) \
			<(nhrp-serve -v --connect --client-net $nets --tun vpn0 --address $(tun_of 254) $* | tee hub.rec)"
	wait_for 20 hub 'serving on vpn0'
}
# connect_spoke N CERT [OPTION...]: it says that its certificate is CERT; the networks of the others go to the hub.
connect_spoke() {
	local n=$1 cert=$2 all=10.0.0.0/8
	shift 2
	[ $OVERLAY = 4 ] || all=fd00::/12
	end "s$n" "nhrp-register -v --keep --connect ${HASHES:+--cert $cert.crt} --prefix $(net_of "$n") --tun vpn0 --address $(tun_of "$n") $* \
			$SERVERS | tee s$n.nhrp |
		ike-initiate -v --keep --bindings - $SIGNED --cert s$n.crt --key s$n.key ${TRUST_S:---peer-cert-hash $(hash_of hub)} $IKE_OPTIONS \
			203.0.113.254 |
		tee s$n.rec |
		esp-tun -v --tun vpn0 --no-route --nhrp any --address $(tun_of "$n")/$(bits) --state-dir s$n.state --control $T/s$n.ctl"
	wait_for 20 "s$n" "registered: $(tun_of "$n") at 203.0.113.254"
	eventually 15 at "s$n" ip route add "$all" via "$(tun_of 254)" dev vpn0 onlink src "$(host_of "$n")"
}

direct() { at "s$1" ip -$OVERLAY route | grep -q "^$(net_of "$2") via $(tun_of "$2") dev vpn0"; }
not_direct() { ! direct "$@"; }

# until_direct FROM TO: pings until 60 have come by a direct tunnel, which both ends have a route to; the first came by the hub, and none is missing among them.
until_direct() {
	local n
	background ping ip netns exec "${P}s$1" ping -D -i 0.02 -I "$(host_of "$1")" "$(host_of "$2")"
	eventually 20 eval '[ "$(grep -c "ttl=64 " ping.out)" -ge 60 ]' || { cat ping.out; tail -n 30 ./*.err; return 1; }
	# While they talk: what is idle ends.
	eventually 15 direct "$1" "$2" && eventually 15 direct "$2" "$1" || { tail -n 30 ./*.err; return 1; }
	kill -INT "${BG[ping]}"
	ended ping || :
	grep -q 'icmp_seq=1 .*ttl=63 ' ping.out
	sed -n 's/.*icmp_seq=\([0-9]*\) .*ttl=.*/\1/p' ping.out | sort -nu | awk '$1 != NR { print "no answer to " NR; exit 1 }' || {
		for n in hub s1 s2; do sa-stat --json "$T/$n.ctl" | jq -c 'del(.sas)'; done
		cat ping.out; tail -n 30 ./*.err; return 1; }
}

# --- a DMVPN of the same nodes, and how both are tested ---

CRYPT='--mode transport --ike aes128-sha256-modp2048 --esp aes128gcm16 --psk-file gw.psk'

# dmvpn: the hub and both spokes of a DMVPN with IPsec. INNER: the addresses of spokes that are behind a NAT.
INNER=()
dmvpn() {
	local n
	printf 'lilies-and-roses\n' >gw.psk
	end hub "ike-respond -v $CRYPT | esp-tun -v --pass --tun vpn0 --state-dir hub.state --control $T/hub.ctl |
		gre-tun --require-sa --tun gre1 --local 203.0.113.254 --key 42 --mtu 1300 --address 10.255.255.254/32 \
			- <(nhrp-serve -v --redirect --holding-time 60 --tun gre1 --address 10.255.255.254)"
	wait_for 20 hub 'serving on gre1'
	at hub ip route add 10.1.0.0/24 via 10.255.255.1 dev gre1 onlink
	at hub ip route add 10.2.0.0/24 via 10.255.255.2 dev gre1 onlink
	for n in 1 2; do
		end "s$n" "nhrp-register -v --keep --shortcut --prefix 10.$n.0.0/24 --holding-time 60 --tun gre1 --address 10.255.255.$n \
				203.0.113.254 | tee s$n.nhrp |
			ike-initiate -v --keep --bindings - $CRYPT $IKE_OPTIONS 203.0.113.254 | tee s$n.rec |
			esp-tun -v --pass --tun vpn0 --state-dir s$n.state --control $T/s$n.ctl |
			gre-tun --require-sa --tun gre1 --local ${INNER[$n]:-203.0.113.$n} --key 42 --mtu 1300 --address 10.255.255.$n/32"
		wait_for 20 "s$n" 'registered: '
		eventually 5 at "s$n" ip route add 10.0.0.0/8 via 10.255.255.254 dev gre1 onlink src "10.$n.0.1"
	done
}

# connect: the hub and both spokes of an AutoConnect VPN.
connect() {
	connect_hub
	connect_spoke 1 s1
	connect_spoke 2 s2
	eventually 15 at hub ip route get 10.1.0.1
	eventually 15 at hub ip route get 10.2.0.1
}

# talk: both spokes ping each other, until "silence".
talk() {
	background ping1 ip netns exec "${P}s1" ping -i 0.02 -I 10.1.0.1 10.2.0.1
	background ping2 ip netns exec "${P}s2" ping -i 0.02 -I 10.2.0.1 10.1.0.1
}
# answers N TTL COUNT: the pings of spoke N have so many with this TTL.
answers() { [ "$(grep -c "ttl=$2 " "ping$1.out")" -ge "$3" ]; }
# silence: the end of "talk"; no answer is missing, neither of the first packet nor later.
silence() {
	local n
	for n in 1 2; do
		kill -INT "${BG[ping$n]}"
		ended "ping$n" || :
		sed -n 's/.*icmp_seq=\([0-9]*\) .*ttl=.*/\1/p' "ping$n.out" | sort -nu | awk '$1 != NR { print "no answer to " NR; exit 1 }
			END { exit !(NR > 50) }' || { tail -n 4 "ping$n.out"; tail -n 40 s1.err s2.err hub.err; return 1; }
	done
}

# behind_nat N [STATEMENT [ADDRESS]]: the spoke has ADDRESS (192.0.2.1N) behind a router, whose address is that of the spoke before. It
# lets in what was asked for, and translates by STATEMENT of nft: "masquerade", the default, keeps a port where it can.
behind_nat() {
	local nat=nat$1
	ip netns add "$P$nat"
	ip -n "${P}net" link del "s$1"
	ip -n "${P}net" link add "$nat" type veth peer name outside netns "$P$nat"
	ip -n "${P}net" link set "$nat" master br0 up
	ip -n "$P$nat" link add inside type veth peer name eth0 netns "${P}s$1"
	ip -n "$P$nat" addr add "203.0.113.$1/24" dev outside
	ip -n "$P$nat" addr add 192.0.2.1/24 dev inside
	ip -n "$P$nat" link set outside up
	ip -n "$P$nat" link set inside up
	INNER[$1]=${3:-192.0.2.1$1}
	ip -n "${P}s$1" addr add "${INNER[$1]}/24" dev eth0
	ip -n "${P}s$1" link set eth0 up
	ip -n "${P}s$1" route add default via 192.0.2.1
	at "$nat" sysctl -qw net.ipv4.ip_forward=1
	at "$nat" nft -f - <<-NFT
		table inet n {
			chain out { type nat hook postrouting priority 100; oifname "outside" ${2:-masquerade}; }
			chain through { type filter hook forward priority 0; iifname "outside" ct state != { established, related } drop; }
			chain in { type filter hook input priority 0; iifname "outside" drop; }
		}
	NFT
}
