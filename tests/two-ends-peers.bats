#!/usr/bin/env bats
# Peers without a fixed address at one gateway: several behind one NAT, found by ID, and one whose address changes.
# shards: 3
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two
load lib/pki

teardown() { two_teardown; }

# gateway: ike-respond --peers peers.ini | esp-tun in right.
gateway() {
	two_start right right "ike-respond -v --peers peers.ini 2>right.ike | tee right.sa |
		esp-tun -v --tun vpn0 --state-dir right.state"
	eventually 10 listens || { cat right.ike right.log; return 1; }
}

# client NAME ADDRESS NET TUN [OPTION]...: in left, from ADDRESS; its inner network is NET.
client() {
	local name=$1 at=$2 net=$3 tun=$4
	shift 4
	two_start "$name" left "ike-initiate -v --keep --local $at --local-id $name.example --remote-id right.example \
		--local-ts $net --remote-ts 10.2.0.0/24 $(words "${FAST[@]}" "$@") $PEER 2>$name.ike | tee $name.sa |
		esp-tun -v --tun $tun --no-route --state-dir $name.state"
	eventually 10 grep -qs 'child SA .* established' "$name.ike" || { cat "$name.ike" right.ike; return 1; }
	eventually 5 is_up "$tun" || return 1
	left ip route replace 10.2.0.0/24 dev "$tun" src "${net%.*}.1" table "${tun#vpn}1"
	left ip rule del from "${net%.*}.1" 2>/dev/null || :
	left ip rule add from "${net%.*}.1" table "${tun#vpn}1"
}

is_up() { [ -n "$(left ip -o link show "$1" up 2>/dev/null)" ]; }
reaches() { left ping -q -c 1 -W 1 -I "$1" 10.2.0.1 >/dev/null 2>&1; }
back() { right ping -q -c 1 -W 1 "$1" >/dev/null 2>&1; }
both_ways() { eventually 10 reaches "$1" && eventually 5 back "$1"; }

behind_one_nat() {
	two_setup nat
	ip -n "$L" addr add 192.0.2.11/24 dev eth0
	ip -n "$L" addr add 10.1.1.1/24 dev lo
	printf 'roses\n' >one.psk
	printf 'tulips\n' >two.psk
}

@test "peers: two behind one NAT, aggressive mode by ID, a key of its own each; one is killed and comes again" {
	behind_one_nat
	cat >peers.ini <<-END
		[defaults]
		exchange = aggressive
		ike = ${FAST[1]}
		esp = ${FAST[3]}
		local-id = right.example
		local-ts = 10.2.0.0/24
		dpd-interval = 2

		[one]
		remote-id = one.example
		psk-file = one.psk
		remote-ts = 10.1.0.0/24

		[two]
		remote-id = two.example
		psk-file = two.psk
		remote-ts = 10.1.1.0/24
	END
	gateway
	FAST+=(--exchange aggressive --natt-keepalive 1 --dpd-interval 2)
	client one 192.0.2.10 10.1.0.0/24 vpn1 --psk-file one.psk
	client two 192.0.2.11 10.1.1.0/24 vpn2 --psk-file two.psk
	both_ways 10.1.0.1
	both_ways 10.1.1.1
	# one address and two ports
	sa-show --format json right.sa | jq -se '[.[] | select(.type == "child-sa" and .use == "both") | .remote] |
		map(.address) == ["203.0.113.1", "203.0.113.1"] and (map(.port) | unique | length) == 2'
	# the first is gone without a word, and comes again, from another port: its INITIAL-CONTACT is not about the second
	kill -KILL -- "-${GROUP[one]}"
	eventually 5 group_gone "${GROUP[one]}"
	unset 'GROUP[one]'
	client one 192.0.2.10 10.1.0.0/24 vpn1 --psk-file one.psk
	both_ways 10.1.0.1
	both_ways 10.1.1.1
	run ! grep -qE 'ends|is dead|reconnecting' two.ike
	[ "$(grep -c 'child SA .* established' two.ike)" = 1 ]
	# a delete of the one is not about the other
	two_stop one
	eventually 5 grep -q 'child SA .* ends: deleted by the peer' right.ike
	both_ways 10.1.1.1
}

@test "peers: two behind one NAT with the key of the other: refused, and the first is not disturbed" {
	behind_one_nat
	cat >peers.ini <<-END
		[defaults]
		exchange = aggressive
		ike = ${FAST[1]}
		esp = ${FAST[3]}
		local-id = right.example
		local-ts = 10.2.0.0/24

		[one]
		remote-id = one.example
		psk-file = one.psk
		remote-ts = 10.1.0.0/24

		[two]
		remote-id = two.example
		psk-file = two.psk
		remote-ts = 10.1.1.0/24
	END
	gateway
	FAST+=(--exchange aggressive)
	client one 192.0.2.10 10.1.0.0/24 vpn1 --psk-file one.psk
	both_ways 10.1.0.1
	# two's key and one's name; two's name, key and one's network
	run -1 left ike-initiate --local 192.0.2.11 --local-id one.example --remote-id right.example --psk-file two.psk \
		--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 "${FAST[@]}" --timeout 3 "$PEER"
	run -1 left ike-initiate --local 192.0.2.11 --local-id two.example --remote-id right.example --psk-file two.psk \
		--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 "${FAST[@]}" --timeout 3 "$PEER"
	[[ $output == *"the peer does not accept 10.1.0.0/24 here"* ]] || { echo "$output"; return 1; }
	both_ways 10.1.0.1
	[ "$(grep -c 'child SA .* established' one.ike)" = 1 ]
	run ! grep -qE 'ends|is dead|reconnecting' one.ike
}

@test "peers: main mode by certificate: sections by ID, and a peer whose address changes keeps its section" {
	two_setup
	ip -n "$L" addr add 10.1.1.1/24 dev lo
	issue ca self "basicConstraints = critical, CA:TRUE" "keyUsage = critical, keyCertSign, cRLSign"
	local name
	for name in right one two; do
		issue "$name" ca "subjectAltName = DNS:$name.example" "keyUsage = digitalSignature"
	done
	cat >peers.ini <<-END
		[defaults]
		auth = ecdsa
		ike = ${FAST[1]}
		esp = ${FAST[3]}
		cert = right.crt
		key = right.key
		ca = ca.crt
		local-id = right.example
		local-ts = 10.2.0.0/24
		dpd-interval = 2

		[one]
		remote-id = one.example
		remote-ts = 10.1.0.0/24

		[two]
		remote-id = two.example
		remote-ts = 10.1.1.0/24
	END
	gateway
	FAST+=(--auth ecdsa --ca ca.crt --dpd-interval 2)
	ip -n "$L" addr add 203.0.113.4/24 dev eth0
	client one 203.0.113.1 10.1.0.0/24 vpn1 --cert one.crt --key one.key
	client two 203.0.113.4 10.1.1.0/24 vpn2 --cert two.crt --key two.key
	both_ways 10.1.0.1
	both_ways 10.1.1.1
	# each in its own section, although neither has an address there
	sa-show --format json right.sa | jq -se '[.[] | select(.type == "child-sa" and .use == "both") | [.name, .["remote-ts"][0].net]] |
		sort == [["one", "10.1.0.0/24"], ["two", "10.1.1.0/24"]]'
	# one gets another address, as a provider does at night
	kill -KILL -- "-${GROUP[one]}"
	eventually 5 group_gone "${GROUP[one]}"
	unset 'GROUP[one]'
	ip -n "$L" addr add 203.0.113.77/24 dev eth0
	client one 203.0.113.77 10.1.0.0/24 vpn1 --cert one.crt --key one.key
	both_ways 10.1.0.1
	both_ways 10.1.1.1
	# the SAs of before are gone at once, without a wait for DPD
	grep -q 'INITIAL-CONTACT from the peer' right.ike
	run ! grep -qE 'ends|is dead|reconnecting' two.ike
	# two takes the ID of one with its own certificate
	run -1 left ike-initiate --local 203.0.113.4 --local-id one.example --remote-id right.example --cert two.crt --key two.key \
		--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 "${FAST[@]}" --timeout 3 "$PEER"
	both_ways 10.1.0.1
}
