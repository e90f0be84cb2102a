# Floods against a responder, in namespaces of their own: forged messages come from 10.0.0.0/8, peers that behave from
# beside them.
bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

GW=203.0.113.2

setup() {
	need ike-initiate ike-respond
	tun_setup
	# Answers to forged addresses leave by the same wire, and are dropped behind it.
	right ip route add default via 203.0.113.1
	for c in all default eth0; do right sysctl -qw "net.ipv4.conf.$c.rp_filter=0"; done
	cd "$T" || return
	printf 'a shared secret' >psk
	chmod 600 psk
}
teardown() { tun_teardown; }

listens() { [ -n "$(right ss -Hlun 'sport = :500')" ]; }

@test "A17: real peers get through 20,000 forged first messages a second" {
	background resp ip netns exec "$R" ike-respond -v --psk-file psk --local-id r.example --remote-id any -o r.sa
	eventually 15 listens
	background flood ip netns exec "$L" "$SAPIPE_BUILD/tests/flood" $GW 20000 600
	# More than any table holds, before the first peer comes.
	eventually 15 eval '[ "$(right nstat -asz UdpInDatagrams | awk "/UdpIn/ { print \$2 }")" -gt 20000 ]'
	for k in 1 2 3; do
		run -0 --separate-stderr left ike-initiate --phase1 --psk-file psk --local-id "l$k.example" \
			--remote-id r.example --timeout 60 --linger 0 -o "p$k.sa" $GW
	done
	# It has come to that during the flood, and the responder says no line for each message.
	kill -0 "${BG[flood]}"
	[ "$(wc -l <"$T/resp.err")" -lt 200 ]
}
