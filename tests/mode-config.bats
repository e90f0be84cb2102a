#!/usr/bin/env bats
# Mode config between our own two ends: what the gateway gives, and what the client does with it.
# shards: 2
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2054,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() { two_teardown; }

GATE=(--pool 10.3.0.0/29 --local-ts 10.2.0.0/24)
ALL=(--pool 10.3.0.0/29 --pool 2001:db8:3::/64 --local-ts 10.2.0.0/24,10.20.0.0/16,2001:db8:2::/64
	--dns 10.2.0.53 --dns 2001:db8:2::53,10.2.0.54 --nbns 10.2.0.55 --domain corp.example
	--split-dns corp.example,lab.example --split-include 10.2.0.0/24,10.20.0.0/16,2001:db8:2::/64
	--local-lan 192.168.7.0/24 --banner 'For staff only; $(touch hacked)')

# config FILE FILTER: of its last ike-sa record.
config() { sa-show --format json "$1" | jq -se "map(select(.type == \"ike-sa\")) | last | .config | $2"; }
devices() { left ip -o addr show dev vpn0 | sed -n 's/.* \(inet6*\) \([^ ]*\) .*/\1 \2/p' | grep -v fe80 | sort | xargs; }

@test "mode config: addresses of both families, name servers, domains, networks, banner: record, device and routes" {
	answer "${ALL[@]}"
	begin --mode-config
	crosses 10.2.0.1 10.3.0.1
	eventually 10 one_ping 2001:db8:2::1 || { logs; return 1; }
	sa-show left.sa
	config left.sa '.address == "10.3.0.1" and .address6 == "2001:db8:3::1" and .netmask == "255.255.255.255" and
		.dns == ["10.2.0.53", "10.2.0.54", "2001:db8:2::53"] and .nbns == ["10.2.0.55"] and
		.domain == "corp.example" and .["split-dns"] == "corp.example,lab.example" and
		.split == ["10.2.0.0/24", "10.20.0.0/16", "2001:db8:2::/64"] and
		.["local-lan"] == ["192.168.7.0/24"] and (.banner | startswith("For staff only")) and
		(.version | startswith("sapipe "))'
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" left.sa right.sa
	[ "$(devices)" = "inet 10.3.0.1/32 inet6 2001:db8:3::1/128" ]
	left ip route show 10.20.0.0/16 | grep -q 'dev vpn0'
	left ip -6 route show 2001:db8:2::/64 | grep -q 'dev vpn0'
	# the gateway's own record has no addresses of its client
	config right.sa '. == null'
}

@test "mode config: a tunnel of the whole internet, and the networks that the gateway excludes from it" {
	answer --pool 10.3.0.0/29 --local-ts 0.0.0.0/0 --local-lan 192.168.7.0/24,10.2.99.0/24
	begin --mode-config
	crosses 10.2.0.1 10.3.0.1
	left ip route add default via 203.0.113.2
	left ip route get 10.2.98.1 | grep -q 'dev vpn0'
	for a in 192.168.7.1 10.2.99.1; do left ip route get $a | grep -q 'via 203.0.113.2 dev eth0'; done
	grep -q 'packets to 192.168.7.0/24, 10.2.99.0/24 bypass vpn0' left.log || { logs; return 1; }
}

# with_script: begin with Debian's vpnc-script, in a mount namespace with a resolv.conf and a /run of its own.
with_script() {
	[ -x /usr/share/vpnc-scripts/vpnc-script ] || skip "no vpnc-scripts (make deps)"
	printf 'nameserver 192.0.2.53\nsearch home.example\noptions timeout:1\n' >resolv.conf
	mkdir run
	cat >connect <<-SH
		#!/bin/bash
		env >"$T/env.\$reason"
		unshare -m bash -ec '
			mount --make-rprivate /
			mount --bind "$T/resolv.conf" /etc/resolv.conf
			mount --bind "$T/run" /run
			exec /usr/share/vpnc-scripts/vpnc-script' </dev/null >>"$T/connect.out" 2>&1
		echo "\$reason: \$?" >>"$T/connect.out"
	SH
	chmod 755 connect
	two_start left left "ike-initiate -v --keep --psk-file gw.psk --local-id left.example --remote-id right.example \
		${FAST[*]} --mode-config $PEER 2>left.ike | tee left.sa |
		esp-tun -v --tun vpn0 --state-dir left.state --no-route --script ./connect"
}
connected() { grep -qs "$1: 0" connect.out; }

@test "mode config: Debian's vpnc-script makes routes and resolv.conf, and restores them" {
	answer "${ALL[@]}"
	left ip route add default via 203.0.113.254
	with_script
	eventually 60 connected connect || { cat connect.out; logs; return 1; }
	cat connect.out resolv.conf
	crosses 10.2.0.1 10.3.0.1
	eventually 10 one_ping 2001:db8:2::1
	[ "$(devices)" = "inet 10.3.0.1/32 inet6 2001:db8:3::1/128" ]
	[ "$(left ip -o route show dev vpn0 | cut -d' ' -f1 | sort | xargs)" = "10.2.0.0/24 10.20.0.0/16 10.3.0.1" ]
	left ip -6 -o route show dev vpn0 | grep -q '^2001:db8:2::/64 '
	# the default route, that to the gateway, and the excluded network stay outside of the tunnel
	left ip route show default | grep -q 'via 203.0.113.254'
	left ip route show 192.168.7.0/24 | grep -q 'via 203.0.113.254 dev eth0'
	[ "$(grep -c '^nameserver' resolv.conf)" = 2 ]
	grep -qx 'nameserver 10.2.0.53' resolv.conf
	grep -qx 'nameserver 10.2.0.54' resolv.conf
	grep -E '^search home.example  ?corp.example$' resolv.conf
	grep -qx 'options timeout:1' resolv.conf
	# A23: the banner of the gateway is text
	grep -F '| For staff only_ _' connect.out
	[ ! -e hacked ]
	grep -qx 'CISCO_SPLIT_DNS=corp.example,lab.example' env.connect
	grep -qx 'INTERNAL_IP4_NBNS=10.2.0.55' env.connect
	grep -qx 'INTERNAL_IP6_DNS=2001:db8:2::53' env.connect
	two_stop left 30
	eventually 10 connected disconnect
	printf 'nameserver 192.0.2.53\nsearch home.example\noptions timeout:1\n' | cmp - resolv.conf
}

# gateway OPTION...: ike-respond alone, for clients of any name.
gateway() {
	two_start right right "ike-respond -v --psk-file gw.psk --local-id right.example --remote-id any ${FAST[*]} \
		$(words "$@") 2>>right.ike >right.sa"
	eventually 10 listens || { cat right.ike; return 1; }
}

# assigned ID [OPTION...]: what a client of that name gets; with --look it gives it back.
assigned() {
	local id=$1
	shift
	left ike-initiate --psk-file gw.psk --local-id "$id" --remote-id right.example "${FAST[@]}" --mode-config \
		--timeout 20 "$@" "$PEER" | sa-show --format json - | jq -r 'select(.type == "ike-sa") | .config.address' | tail -n 1
}

@test "mode config: leases of --state-dir survive a restart, a kill, and a damaged line" {
	local kept=("${GATE[@]}" --state-dir kept)
	gateway "${kept[@]}"
	[ "$(assigned anna.example --look)" = 10.3.0.1 ]
	[ "$(assigned bert.example --look)" = 10.3.0.2 ]
	[ "$(stat -c %a kept kept/leases | xargs)" = "700 600" ]
	two_stop right
	gateway "${kept[@]}"
	[ "$(assigned carl.example --look)" = 10.3.0.3 ]
	[ "$(assigned bert.example --look)" = 10.3.0.2 ]
	# while one has the file, another gets none
	run -3 right ike-respond --listen 203.0.113.2:5500 --psk-file gw.psk "${kept[@]}"
	[[ $output == *"another process uses the leases in kept"* ]]
	kill -KILL "$(pid_of right ike-respond)"
	eventually 5 group_gone "${GROUP[right]}"
	printf X | dd of=kept/leases bs=1 seek=520 conv=notrunc status=none	# anna's
	gateway "${kept[@]}"
	eventually 5 grep -qF '1 damaged lease' right.ike
	[ "$(assigned dora.example --look)" = 10.3.0.1 ]
	[ "$(assigned carl.example --look)" = 10.3.0.3 ]
	two_stop right
	echo '# no leases' >kept/leases
	run -4 right ike-respond --psk-file gw.psk "${kept[@]}"
	[[ $output == *"kept/leases is no file of leases"* ]]
}

@test "mode config: leases survive a restart without an option; a gateway that cannot keep them says so and serves" {
	gateway "${GATE[@]}"
	[ "$(assigned anna.example --look)" = 10.3.0.1 ]
	[ "$(stat -c %a "$STATE_DIRECTORY" "$STATE_DIRECTORY/leases" | xargs)" = "700 600" ]
	two_stop right
	gateway "${GATE[@]}"
	[ "$(assigned bert.example --look)" = 10.3.0.2 ]
	run ! grep -q 'not kept' right.ike
	# a second gateway of this machine
	two_start second right "ike-respond --listen 203.0.113.2:5500 --psk-file gw.psk --ike aes128-sha1-modp1024 ${GATE[*]} \
		2>second.ike >second.sa"
	eventually 5 grep -qs 'are not kept for the next start: another process uses the leases in' second.ike
	two_stop right
	# no place: a file is where the directory would be
	touch nowhere
	STATE_DIRECTORY=$PWD/nowhere/state gateway "${GATE[@]}"
	eventually 5 grep -q 'are not kept for the next start: .*nowhere/state cannot be opened' right.ike || { cat right.ike; return 1; }
	[ "$(assigned carl.example --look)" = 10.3.0.1 ]
	# without a pool there is nothing to keep
	two_stop right
	rm -rf "$STATE_DIRECTORY"
	gateway --local-ts 10.2.0.0/24
	two_stop right
	[ ! -e "$STATE_DIRECTORY" ]
}

@test "mode config: an exhausted pool: golden texts of both ends" {
	gateway --pool 10.3.0.8-10.3.0.9 --local-ts 10.2.0.0/24
	[ "$(assigned anna.example --phase1)" = 10.3.0.8 ]
	[ "$(assigned bert.example --phase1)" = 10.3.0.9 ]
	run -1 left ike-initiate --psk-file gw.psk --local-id carl.example --remote-id right.example "${FAST[@]}" \
		--mode-config --timeout 20 "$PEER"
	diff - <(printf '%s\n' "$output") <<-'END'
		ike-initiate: mode config, message 2 (answers): the gateway assigns no address: all 2 addresses of the pool 10.3.0.8/31 are in use
		hint: the gateway's pool may be exhausted, or it may have none for this user: its log says which
	END
	eventually 5 grep -q 'gets no address' right.ike
	diff - <(grep -A1 'gets no address' right.ike) <<-'END'
		ike-respond: 203.0.113.1:500, mode config, message 2 (answers): carl.example gets no address: all 2 addresses of the pool 10.3.0.8/31 are in use
		hint: give --pool a larger network, or end tunnels that are not needed: an address is in use as long as an IKE SA or a child SA has it
	END
}

@test "mode config: --peers: sections share a pool of the same network; pools that overlap are an error" {
	cat >peers.ini <<-'INI'
		[defaults]
		psk-file = gw.psk
		exchange = aggressive
		ike = aes128-sha256-modp1024
		esp = aes128-sha256
		local-id = right.example
		local-ts = 10.2.0.0/24
		pool = 10.3.0.0/29, 2001:db8:3::/120
		dns = 10.2.0.53, 10.2.0.54

		[anna]
		remote-id = anna.example

		[bert]
		remote-id = bert.example
		dns = 10.2.0.55
		domain = bert.example
	INI
	two_start right right "ike-respond --peers peers.ini 2>right.ike >right.sa"
	eventually 10 listens || { cat right.ike; return 1; }
	[ "$(assigned anna.example --exchange aggressive --phase1)" = 10.3.0.1 ]
	left ike-initiate --psk-file gw.psk --local-id bert.example --remote-id right.example "${FAST[@]}" --mode-config \
		--exchange aggressive --phase1 -o bert.sa "$PEER"
	config bert.sa '.address == "10.3.0.2" and .address6 == "2001:db8:3::2" and .dns == ["10.2.0.55"] and .domain == "bert.example"'
	two_stop right
	printf '\n[carl]\nremote-id = carl.example\npool = 10.3.0.4/30\n' >>peers.ini
	run -2 ike-respond --peers peers.ini
	[[ $output == *"10.3.0.4/30 overlaps with 10.3.0.0/29, the pool of [anna]"* ]]
	run -2 ike-respond --psk-file gw.psk --pool 10.3.0.0/29 --local-ts 10.2.0.0/24 --split-include 10.4.0.0/16
	[[ $output == *"--split-include: 10.4.0.0/16 is not within local-ts"* ]]
}

# as USER: the addresses and networks that this user gets; with the gateway's peers.ini.
as() {
	left ike-initiate --psk-file gw.psk --local-id "$1" --remote-id right.example "${FAST[@]}" --auth xauth-psk \
		--xauth-user "$1" --xauth-password-file gw.psk --timeout 20 --mode-config --look -o "$1.sa" "$PEER" &&
		config "$1.sa" '[.address, .domain] + .split | join(" ")'
}

@test "mode config: the group and the address of a login choose pool, networks and address" {
	cat >check <<-'SH'
		#!/bin/bash
		IFS= read -r -d '' user <&3
		case $user in
		alice) echo group=staff ;;
		bert) echo group=guests ;;
		carl) echo group=admins ;;
		dora) printf 'group=staff\naddress=10.3.1.5\n' ;;
		emil) echo address=192.0.2.77 ;;
		esac
	SH
	chmod 755 check
	cat >peers.ini <<-'INI'
		[defaults]
		auth = xauth-psk
		ike = aes128-sha256-modp1024
		esp = aes128-sha256
		local-id = right.example

		[users]
		remote-id = any
		psk-file = gw.psk
		pool = 10.3.0.0/29
		local-ts = 10.2.0.0/24

		[group staff]
		pool = 10.3.1.0/29
		local-ts = 10.2.0.0/24, 10.20.0.0/16
		domain = staff.example

		[group guests]
		pool = 10.3.2.0/29
		local-ts = 10.2.0.1/32
	INI
	two_start right right "ike-respond -v --peers peers.ini --xauth-exec ./check 2>right.ike >right.sa"
	eventually 10 listens || { cat right.ike; return 1; }
	[ "$(as alice)" = '"10.3.1.1 staff.example 10.2.0.0/24 10.20.0.0/16"' ]
	[ "$(as bert)" = '"10.3.2.1  10.2.0.1/32"' ]
	[ "$(as dora)" = '"10.3.1.5 staff.example 10.2.0.0/24 10.20.0.0/16"' ]
	[ "$(as emil)" = '"192.0.2.77  10.2.0.0/24"' ]
	[ "$(as fred)" = '"10.3.0.1  10.2.0.0/24"' ]
	# a guest gets a child SA to the guests' host only
	sa-show --format json bert.sa | jq -se 'map(select(.type == "child-sa")) | last |
		.["remote-ts"][0].net == "10.2.0.1/32" and .["local-ts"][0].net == "10.3.2.1/32"'
	run -1 left ike-initiate --psk-file gw.psk --local-id bert --remote-id right.example "${FAST[@]}" --auth xauth-psk \
		--xauth-user bert --xauth-password-file gw.psk --timeout 20 --mode-config --look --remote-ts 10.20.0.0/16 -o bad.sa "$PEER"
	eventually 5 grep -q 'the peer asks for 10.20.0.0/16 here' right.ike
	run ! as carl
	eventually 5 grep -q 'admins' right.ike
	diff - <(grep -A1 'admins' right.ike | sed 's/.*XAuth, message [^:]*: //') <<-'END'
		user carl is of group admins, which has no section [group admins]
		hint: add a section [group NAME] to the --peers file, or change the group that the command of --xauth-exec prints
	END
}
