#!/usr/bin/env bats
# vpnc, a client of another program, at our gateway: aggressive mode with a group name, XAuth, mode config, its own ESP.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() {
	vpnc=$(command -v vpnc || command -v /usr/sbin/vpnc) && return
	[ "${SAPIPE_LAB-}" != require ] || { echo "no vpnc (make deps)"; return 1; }
	skip "no vpnc (make deps)"
}
teardown() { two_teardown; }

# between [nat] [OPTION...]: the two ends, a gateway for user alice of group labgroup.
between() {
	local nat=()
	if [ "${1-}" = nat ]; then
		nat=(nat)
		shift
	fi
	two_setup "${nat[@]}"
	cat >check <<-'SH'
		#!/bin/bash
		IFS= read -r -d '' user <&3
		IFS= read -r -d '' password <&3
		[ "$user:$password" = alice:sesame ]
	SH
	cat >script <<-'SH'
		#!/bin/bash
		env | grep -E '^(INTERNAL|CISCO|reason|TUNDEV)' >>vpnc.env
		[ "$reason" = connect ] || exit 0
		ip link set "$TUNDEV" up mtu 1300
		ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
		ip route add 10.2.0.0/24 dev "$TUNDEV" src "$INTERNAL_IP4_ADDRESS"
	SH
	chmod 755 check script
	two_start right right "ike-respond -v --psk-file gw.psk --remote-id keyid:6c616267726f7570 --exchange aggressive \
		--ike aes128-sha1-modp1024 --esp aes128-sha1 --auth xauth-psk --xauth-exec ./check --pool 10.3.0.0/24 \
		--local-ts 0.0.0.0/0 $* 2>right.ike | tee right.sa | esp-tun -v --tun vpn0 --state-dir right.state"
	eventually 10 listens || { cat right.ike right.log; return 1; }
}

# connect PASSWORD: vpnc in left.
connect() {
	cat >vpnc.conf <<-END
		IPSec gateway $PEER
		IPSec ID labgroup
		IPSec secret lilies-and-roses
		Xauth username alice
		Xauth password $1
		IKE DH Group dh2
		Perfect Forward Secrecy nopfs
		NAT Traversal Mode natt
		Script ./script
		Interface name vpn0
		Pidfile none
		No Detach
	END
	two_start left left "$vpnc --non-inter --debug 1 ./vpnc.conf"
}

carries() {
	eventually 10 one_ping 10.2.0.1 || { cat left.out left.log right.ike; return 1; }
	grep -qx 'INTERNAL_IP4_ADDRESS=10.3.0.1' vpnc.env
	all_answered left 10.2.0.1 5
}

# transfer left|right ADDRESS: 10 MB over TCP from that end to ADDRESS at the other, compared at the end.
transfer() {
	local from=$L to=$R
	[ "$1" = left ] || { from=$R to=$L; }
	rm -f got
	background receive ip netns exec "$to" timeout 60 socat -u TCP4-LISTEN:5001,reuseaddr,accept-timeout=20 CREATE:got
	timeout 60 ip netns exec "$from" socat -u OPEN:data "TCP4:$2:5001,retry=20,interval=0.1,connect-timeout=10" 3>&-
	ended receive 30
	cmp data got
}

@test "vpnc: a user of a group logs in, gets an address, and ping and 10 MB each way cross by its own ESP" {
	between
	connect sesame
	carries
	head -c 10000000 /dev/urandom >data
	transfer left 10.2.0.1
	transfer right 10.3.0.1
	# nothing went past the tunnel
	[ "$(right cat /sys/class/net/vpn0/statistics/rx_bytes)" -gt 10000000 ]
	[ "$(left cat /sys/class/net/vpn0/statistics/rx_bytes)" -gt 10000000 ]
}

@test "vpnc: the same behind a NAT, in UDP 4500" {
	between nat
	connect sesame
	carries
	sa-show --format json right.sa | jq -se 'map(select(.type == "child-sa")) | last |
		.encap == "udp" and .["remote-ts"][0].net == "10.3.0.1/32"'
}

@test "vpnc: a wrong password is rejected, and vpnc ends" {
	between
	connect wrong
	eventually 20 group_gone "${GROUP[left]}"
	eventually 5 grep -qF 'user alice is rejected' right.ike
	[ ! -e vpnc.env ] || run ! grep -q 'reason=connect' vpnc.env
}

rekeyed() { [ "$(grep -c 'child SA .* established' right.ike)" -ge 2 ] && grep -q 'child SA .* ends: expired' right.ike; }

@test "vpnc: name servers, domain, banner and networks of our gateway reach vpnc's script" {
	between --dns 10.2.0.53,10.2.0.54 --nbns 10.2.0.55 --domain corp.example --banner "'For staff only'" \
		--split-include 10.2.0.0/24,10.20.0.0/16
	connect sesame
	carries
	cat vpnc.env
	grep -E '^INTERNAL_IP4_DNS=10.2.0.53 10.2.0.54 ?$' vpnc.env
	grep -E '^INTERNAL_IP4_NBNS=10.2.0.55 ?$' vpnc.env
	grep -qx 'CISCO_DEF_DOMAIN=corp.example' vpnc.env
	grep -qx 'CISCO_BANNER=For staff only' vpnc.env
	grep -qx 'CISCO_SPLIT_INC=2' vpnc.env
	grep -qx 'CISCO_SPLIT_INC_0_ADDR=10.2.0.0' vpnc.env
	grep -qx 'CISCO_SPLIT_INC_0_MASK=255.255.255.0' vpnc.env
	grep -qx 'CISCO_SPLIT_INC_0_MASKLEN=24' vpnc.env
	grep -qx 'CISCO_SPLIT_INC_1_ADDR=10.20.0.0' vpnc.env
	grep -qx 'CISCO_SPLIT_INC_1_MASKLEN=16' vpnc.env
}

@test "vpnc: our gateway rekeys the child SA behind a NAT, and the new keys are the same at both ends" {
	between nat --esp-lifetime 8
	connect sesame
	carries
	eventually 20 rekeyed || { cat right.ike; return 1; }
	all_answered left 10.2.0.1 5
	all_answered right 10.3.0.1 5
}
