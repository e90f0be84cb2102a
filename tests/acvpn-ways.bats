#!/usr/bin/env bats
# An AutoConnect VPN in other ways than acvpn.bats: with a certificate authority, with IPv6 in the tunnels, with a spoke behind a NAT,
# with two hubs, and while SAs are rekeyed.
# shards: 2
# shellcheck disable=SC2016,SC2030,SC2031,SC2034 # eval; each test is a subshell; lib/acvpn.bash reads variables
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/pki
load lib/acvpn

setup() { acvpn_setup; }
teardown() { acvpn_teardown; }

# by_authority: the ends have certificates of one authority, each for its address, and nobody registers a hash.
by_authority() {
	issue ca self basicConstraints=critical,CA:TRUE
	issue hub ca subjectAltName=IP:203.0.113.254
	issue s1 ca subjectAltName=IP:203.0.113.1
	issue s2 ca subjectAltName=IP:203.0.113.2
	TRUST='--ca ca.crt' TRUST_S='--ca ca.crt' HASHES=''
}
# in_both: both networks are behind the hub.
in_both() {
	eventually 15 at hub ip route get "$(host_of 1)"
	eventually 15 at hub ip route get "$(host_of 2)"
}

@test "acvpn ways: certificates of an authority, without a hash from the hub" {
	by_authority
	connect_hub
	connect_spoke 1 s1
	connect_spoke 2 s2
	in_both
	until_direct 1 2
	sa-show --format json s2.nhrp | jq -se '[.[] | select(.type == "nhrp-binding" and .kind == "shortcut" and .holding > 0)] |
		length >= 2 and all(has("cert") | not)'
}

@test "acvpn ways: a spoke whose certificate is of another authority gets no tunnel, and its packets go on by the hub" {
	by_authority
	connect_hub
	connect_spoke 1 s1
	# The hub knows this one by its hash; the other spoke does not.
	kill -- "-${PIPES[0]}"
	issue s2 self
	TRUST="--ca ca.crt --peer-cert-hash $(hash_of s2)"
	connect_hub
	connect_spoke 2 s2
	in_both
	background ping ip netns exec "${P}s1" ping -D -i 0.05 -I 10.1.0.1 10.2.0.1
	wait_for 20 s1 'set: 10.255.255.2 at 203.0.113.2'
	eventually 20 grep -q '203.0.113.2.*the chain ends at "O=Test, CN=s2", and the CA here is "O=Test, CN=ca"' s1.err
	eventually 20 eval '[ "$(grep -c "ttl=63 " ping.out)" -ge 20 ]'
	not_direct 1 2
	run ! grep 'ttl=64 ' ping.out
}

@test "acvpn ways: IPv6 in the tunnels" {
	overlay_v6
	connect_hub
	connect_spoke 1 s1
	connect_spoke 2 s2
	in_both
	until_direct 1 2
	seen hub 'registered: fd00:255::1 at 203.0.113.1'
}

@test "acvpn ways: a spoke behind a NAT begins the tunnel, whoever sent first" {
	behind_nat 2
	connect_hub
	connect_spoke 1 s1
	connect_spoke 2 s2
	in_both
	seen hub 'registered: 10.255.255.2 at 203.0.113.2: behind a NAT, NBMA address 192.0.2.12'
	# The selectors of the tunnels are all addresses, but other packets go as before.
	at s2 ip route get 198.51.100.9 | grep 'via 192.0.2.1 dev eth0'
	# The public one sends first.
	until_direct 1 2
	seen s1 'set: 10.255.255.2 at 203.0.113.2: the peer begins the tunnel'
	seen s2 'set: 10.255.255.1 at 203.0.113.1: this end begins the tunnel'
	sa-show --format json s1.rec | jq -se '[.[] | select(.type == "child-sa" and .remote.address == "203.0.113.2")] | last | .encap == "udp"'
}

@test "acvpn ways: the tunnel between spokes is rekeyed under load, and no packet goes by the hub or is lost" {
	local had
	IKE_OPTIONS='--esp-lifebytes 300000'
	connect_hub
	connect_spoke 1 s1
	connect_spoke 2 s2
	in_both
	until_direct 1 2
	at s1 ping -q -s 1000 -c 600 -i 0.01 -I 10.1.0.1 10.2.0.1 >rekey.out || :
	grep ' 0% packet loss' rekey.out || { cat rekey.out; tail -n 30 s1.err s2.err; return 1; }
	eventually 20 eval '[ "$(sa-show --format json s1.rec | jq -s "[.[] | select(.type == \"child-sa\" and .remote.address == \"203.0.113.2\") | .\"spi-in\"] | unique | length")" -ge 3 ]'
	direct 1 2
	at s1 ping -c 1 -W 3 -I 10.1.0.1 10.2.0.1 | grep 'ttl=64 '
}

@test "acvpn ways: two hubs: each tells of spokes whose packets come by it, and a direct tunnel outlives its hub" {
	IKE_OPTIONS='--also 203.0.113.253' SERVERS='203.0.113.254 203.0.113.253'
	node_add hub2 253 3
	at hub2 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.{all,default}.send_redirects=0
	connect_hub
	# It has the certificate of the first.
	end hub2 "esp-tun -v --tun vpn0 --no-route --hub --nhrp 203.0.113.253 --address 10.255.255.253/32 --state-dir hub2.state \
			--control $T/hub2.ctl <(ike-respond -v $SIGNED --cert hub.crt --key hub.key --peer-cert-hash $(hash_of s1) \
				--peer-cert-hash $(hash_of s2)) \
			<(nhrp-serve -v --connect --client-net 10.0.0.0/14 --tun vpn0 --address 10.255.255.253)"
	wait_for 20 hub2 'serving on vpn0'
	connect_spoke 1 s1
	connect_spoke 2 s2
	in_both
	local n
	for n in 1 2; do
		wait_for 20 "s$n" "registered: 10.255.255.$n at 203.0.113.253"
		at "s$n" ip route add 10.0.0.0/8 via 10.255.255.253 dev vpn0 onlink src "10.$n.0.1" metric 20
	done
	eventually 15 at hub2 ip route get 10.1.0.1
	eventually 15 at hub2 ip route get 10.2.0.1
	until_direct 1 2
	seen hub 'connected: 10.255.255.1: tunnel from 10.255.255.1 to 10.255.255.2'
	run ! seen hub2 'connecting: '
	# The first hub dies: the direct tunnel carries on.
	kill -9 -- "-${PIPES[0]}"
	at s1 ping -q -c 20 -i 0.05 -W 1 -I 10.1.0.1 10.2.0.1 | grep ' 0% packet loss'
	direct 1 2
}
