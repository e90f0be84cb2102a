#!/usr/bin/env bats
# The kinds of tunnels that sapipe runs: failover groups with vpnmon, NHRP hub and spoke, XAuth, certificates.
# shards: 5
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two
load lib/sapipe

setup() { sapipe_setup; }
teardown() { sapipe_teardown; }

# two_gateways: left has a failover group over 203.0.113.2 and .3, both of them right, a file each.
two_gateways() {
	right ip addr add 203.0.113.3/24 dev eth0
	right ip addr add 10.2.0.11/32 dev lo
	right ip addr add 10.2.0.12/32 dev lo
	left ip addr add 10.1.0.11/32 dev lo
	left ip addr add 10.1.0.12/32 dev lo
	cat >left.d/berne.conf <<-END
		[defaults]
		role = initiator
		psk-file = gw.psk
		local-ts = 10.1.0.0/24
		remote-ts = 10.2.0.0/24
		ike = ${FAST[1]}
		failover = gw
		probe-interval = 0.3
		probe-threshold = 10

		[dsl]
		address = 203.0.113.2
		tun = vpn0
		probe = 10.2.0.11
		probe-source = 10.1.0.11

		[mobile]
		address = 203.0.113.3
		tun = vpn1
		probe = 10.2.0.12
		probe-source = 10.1.0.12
	END
	rm right.d/branches.conf
	local n
	for n in 2 3; do
		cat >"right.d/gw$n.conf" <<-END
			[left]
			role = responder
			listen = 203.0.113.$n
			psk-file = gw.psk
			local-ts = 10.2.0.0/24
			remote-ts = 10.1.0.0/24
			ike = ${FAST[1]}
			tun = vpn$n
			metric = ${n}0
		END
	done
	local c
	for c in all default; do
		left sysctl -qw "net.ipv4.conf.$c.rp_filter=0"
		right sysctl -qw "net.ipv4.conf.$c.rp_filter=0"
	done
}
carries() { at_left status | grep -qE "^gw group up, $1 carries"; }

@test "sapipe: a failover group: the first gateway carries, then the second, then the first again" {
	two_gateways
	run -0 at_left check
	run -0 at_left print
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[0]} == *'| esp-tun --tun vpn0 --metric 10 '* ]]
	[[ ${lines[1]} == *'| esp-tun --tun vpn1 --metric 20 '* ]]
	[[ ${lines[2]} == 'vpnmon --group gw --interval 0.3 --threshold 10 --tun vpn0 --tun vpn1 --source 10.1.0.11 --source 10.1.0.12 '* ]]
	[[ ${lines[2]} == *' 10.2.0.11 10.2.0.12' ]]
	run -0 at_right up
	run -0 at_left up
	# each gateway answers by its own tunnel
	eventually 10 right ip route add 10.1.0.11 dev vpn2
	eventually 10 right ip route add 10.1.0.12 dev vpn3
	eventually 15 carries vpn0
	run -0 at_left status
	[ "${#lines[@]}" -eq 3 ]
	left ping -q -c 1 -W 20 -I 10.1.0.1 10.2.0.1
	eventually 5 eval 'at_left status | grep -q "vpn1 up"'
	at_left status --json | jq -es '.[2] | .role == "group" and .carrier == "vpn0" and .members.vpn1 == "up"'
	run -0 at_left status --prometheus
	grep -q '^vpnmon_carrier{tun="vpn0",.*group="gw"} 1$' <<<"$output"
	[ "$(grep -v '^#' <<<"$output" | sed 's/{.*//' | uniq | sort | uniq -d)" = '' ]
	if command -v promtool >/dev/null; then promtool check metrics <<<"$output"; fi
	# the first gateway vanishes, with all that it knows
	right nft add table ip mute
	right nft add chain ip mute input '{ type filter hook input priority 0; }'
	right nft add rule ip mute input ip daddr 203.0.113.2 drop
	eventually 20 carries vpn1
	right ip route del 10.1.0.0/24 dev vpn2
	left ping -q -c 1 -W 20 -I 10.1.0.1 10.2.0.1
	right ip route add 10.1.0.0/24 dev vpn2 metric 20
	right nft delete table ip mute
	eventually 30 carries vpn0
	run -0 at_left down
	[ -z "$(left ip -o link show type tun 2>/dev/null)" ]
	eventually 5 none_left "$T/left.d/"
}
none_left() { [ -z "$(pgrep -r D,R,S,T -f "$1")" ]; }

@test "sapipe: a member of a failover group that is down at up starts later; none is up: up fails" {
	two_gateways
	run -1 --separate-stderr at_left up
	stderr_has 'berne is not up'
	[ -z "$(left ip -o link show type tun 2>/dev/null)" ]
	at_right up gw3
	run -0 --separate-stderr at_left up
	stderr_has 'berne: not up: dsl'
	eventually 15 carries vpn1
	run -1 at_left status
	output_has 'dsl vpn0 203.0.113.2 down'
	at_right up gw2
	eventually 30 carries vpn0
	run -0 at_left status
	# what vpnmon is about to start does not come back after down
	at_right down gw2
	run -0 at_left down
	sleep 2
	eventually 5 none_left "$T/left.d/"
	run -1 at_left status
}

# dmvpn: right is the hub, left a spoke.
dmvpn() {
	local side n
	for side in left right; do
		n=1
		[ "$side" = left ] || n=2
		printf '%s\n' '[net]' 'psk-file = gw.psk' 'mode = transport' "ike = ${FAST[1]}" 'esp = aes128gcm16' 'tun = vpn0' \
			'gre-tun = gre1' "gre-local = 203.0.113.$n" 'gre-key = 42' 'gre-mtu = 1300' 'nhrp-holding-time = 10' >"$side.d/net.conf"
		rm -f "$side.d/b"*.conf
	done
	printf '%s\n' 'role = responder' 'nhrp-role = hub' 'gre-address = 10.255.255.254/32' >>right.d/net.conf
	printf '%s\n' 'role = initiator' 'nhrp-role = spoke' 'gre-address = 10.255.255.1/32' 'nhrp-prefix = 10.1.0.0/24' \
		"address = $PEER" >>left.d/net.conf
}

@test "sapipe: NHRP hub and spoke: the spoke registers through its SA, and nothing of it is in clear" {
	local side
	dmvpn
	for side in left right; do
		"$side" nft add table inet clear
		"$side" nft add chain inet clear out '{ type filter hook output priority 0; }'
		"$side" nft add rule inet clear out oifname eth0 meta l4proto 47 counter drop
	done
	run -0 at_right print
	[ "${#lines[@]}" -eq 2 ]
	output_has 'nhrp-serve --redirect --holding-time 10 --tun gre1 --address 10.255.255.254 | gre-tun --tun gre1 '
	run -0 at_left print
	[ "${#lines[@]}" -eq 1 ]
	output_has 'nhrp-register --keep --shortcut --holding-time 10 --prefix 10.1.0.0/24 --tun gre1 --address 10.255.255.1 203.0.113.2 | ike-initiate '
	output_has ' --pass --control '
	output_has ' | gre-tun '
	output_has ' --require-sa --end-with-input'
	run -0 at_right up
	run -0 at_right status
	[ "$output" = 'net vpn0 - listening' ]
	run -0 at_left -v up
	eventually 20 pings || { at_left log; at_right log; return 1; }
	run -0 at_left status
	[[ $output == 'net vpn0 203.0.113.2 UP '* ]]
	run -0 at_right status
	[[ $output == 'net vpn0 - UP '* ]]
	left nft list table inet clear | grep -q 'packets 0 '
	run -0 at_left restart
	eventually 20 pings || { at_left log; at_right log; return 1; }
	# a secret that is not the hub's: an end, and the reason
	run -0 at_left down
	printf 'thorns\n' >left.d/gw.psk
	run -1 --separate-stderr at_left up
	stderr_has 'net: no SA with the hub within 12 s'
	stderr_has secret
	cp gw.psk left.d/gw.psk
	[ -z "$(left ip -o link show type tun 2>/dev/null)" ]
	run -0 at_left up
	eventually 20 pings
	# one tool of the four is gone: down, and up starts all
	kill "$(process left net.gre)"
	eventually 5 spoke_down
	run -0 at_left up
	eventually 20 pings
	run -0 at_left down
	run -0 at_right down
	eventually 5 none_left "$T/(left|right).d/"
	[ -z "$(left ip -o link show type tun 2>/dev/null)$(left ip -o link show gre1 2>/dev/null)" ]
}
pings() { left ping -q -c 1 -W 1 10.255.255.254; }
spoke_down() { [[ $(at_left status) == 'net vpn0 203.0.113.2 down' ]]; }
process() { cut -d ' ' -f 1 "$T"/run/tunnels.*/"net/$2"; }

@test "sapipe: XAuth with mode config: the login at the hub, an address for the client" {
	cat >judge <<-'END'
		#!/bin/sh
		[ "$(tr '\0' '\n' <&3 | head -n 2)" = "alice
		wonderland" ]
	END
	sed -i 's/^\t*//' judge
	chmod 755 judge
	printf '%s\n' '[clients]' 'role = responder' 'auth = xauth-psk' 'psk-file = gw.psk' "ike = ${FAST[1]}" 'pool = 10.3.0.0/24' \
		'local-ts = 10.2.0.0/24' "xauth-exec = $T/judge" 'tun = vpn0' >right.d/branches.conf
	printf 'wonderland\n' >left.d/alice.pw
	printf '%s\n' '[berne]' 'role = initiator' 'auth = xauth-psk' 'psk-file = gw.psk' "ike = ${FAST[1]}" 'mode-config = yes' \
		'xauth-user = alice' 'xauth-password-file = alice.pw' 'remote-ts = 10.2.0.0/24' "address = $PEER" 'tun = vpn0' >left.d/berne.conf
	chmod 600 left.d/alice.pw
	run -0 at_left check
	run -0 at_right up
	run -0 at_left up
	left ping -q -c 1 -W 20 10.2.0.1
	left ip -o addr show vpn0 | grep -q ' 10\.3\.0\.'
	run -0 at_right status
	[[ $output == 'clients vpn0 - UP '* ]]
	at_left down
	printf 'looking-glass\n' >left.d/alice.pw
	run -1 --separate-stderr at_left up
	grep -q '^hint: ' <<<"$stderr"
	[ -z "$(left ip -o link show vpn0 2>/dev/null)" ]
}

# runs NAME left|right TUNNEL: sapipe run in the background, with a socket that hears what it says to the service manager.
runs() {
	local ns=$L
	[ "$2" = left ] || ns=$R
	rm -f "$T/$1.notify"
	background "$1.heard" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(repr(s.recv(4096).decode()), flush=True)' "$T/$1.notify"
	eventually 5 grep -q bound "$T/$1.heard.out"
	two_start "$1" "$2" "NOTIFY_SOCKET=$T/$1.notify SAPIPE_NOTIFY=all WATCHDOG_USEC=1000000 SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/$2.d exec sapipe run $3"
	eventually 20 grep -q READY=1 "$T/$1.heard.out" || { cat "$T/$1.log"; return 1; }
}
# runs_end NAME: SIGTERM to the process alone, which ends with 0.
runs_end() {
	local rc=0
	kill -TERM "${GROUP[$1]}"
	eventually 15 eval "! kill -0 ${GROUP[$1]} 2>/dev/null"
	wait "${GROUP[$1]}" || rc=$?
	unset "GROUP[$1]"
	grep -q STOPPING=1 "$T/$1.heard.out"
	[ $rc = 0 ]
}

@test "sapipe run: a failover group in the foreground: a member that ends is started again, and SIGTERM ends all" {
	command -v systemd-notify >/dev/null || skip "no systemd-notify"
	two_gateways
	run -0 at_right up
	runs group left berne
	eventually 10 right ip route add 10.1.0.11 dev vpn2
	eventually 10 right ip route add 10.1.0.12 dev vpn3
	eventually 15 carries vpn0
	# what the tools say is on standard error
	grep -q 'vpn0 is up' group.log
	eventually 10 grep -q WATCHDOG=1 group.heard.out
	run -0 at_left reload
	kill -9 "$(cut -d ' ' -f 1 "$T"/run/tunnels.*/berne/dsl.tun)"
	eventually 20 carries vpn1
	eventually 40 carries vpn0
	run -0 at_left status
	runs_end group
	[ -z "$(left ip -o link show type tun 2>/dev/null)" ]
	eventually 5 none_left "$T/left.d/"
	run -1 at_left status
	# none of its members: an end with the cause
	at_right down
	run -1 --separate-stderr env SAPIPE_RUN_DIR="$T/run" SAPIPE_CONF_DIR="$T/left.d" ip netns exec "$L" timeout 100 sapipe run berne
	stderr_has 'berne is not up'
	eventually 5 none_left "$T/left.d/"
}

@test "sapipe run: hub and spoke in the foreground; one tool that is gone ends all of them" {
	local rc=0
	command -v systemd-notify >/dev/null || skip "no systemd-notify"
	dmvpn
	runs hub right net
	runs spoke left net
	eventually 20 pings || { cat spoke.log hub.log; return 1; }
	run -0 at_left status
	kill "$(process left net.gre)"
	eventually 15 eval "! kill -0 ${GROUP[spoke]} 2>/dev/null"
	wait "${GROUP[spoke]}" || rc=$?
	[ $rc = 3 ] || { echo "exit status $rc"; cat spoke.log; return 1; }
	eventually 5 none_left "$T/left.d/"
	[ -z "$(left ip -o link show type tun 2>/dev/null)$(left ip -o link show gre1 2>/dev/null)" ]
	runs spoke left net
	eventually 20 pings
	run -0 at_left down
	eventually 5 eval "! kill -0 ${GROUP[spoke]} 2>/dev/null"
	runs_end hub
	eventually 5 none_left "$T/(left|right).d/"
}

@test "sapipe run: one of two gateways in the foreground: takeover and standby, while the process stays" {
	command -v systemd-notify >/dev/null || skip "no systemd-notify"
	printf '#!/bin/sh\nexec sleep 1\n' >right.d/branches.follow
	chmod 755 right.d/branches.follow
	runs shared right branches
	eventually 10 eval 'at_right fit'
	run -0 at_right takeover
	run -0 at_right fit
	output_has 'branches is active'
	run -0 at_left up
	left ping -q -c 1 -W 20 10.2.0.1
	run -0 at_right standby
	[[ $(at_right status) != *', active'* ]]
	# longer than it looks again
	sleep 4
	kill -0 "${GROUP[shared]}"
	eventually 10 eval 'at_right fit'
	runs_end shared
	eventually 5 none_left "$T/right.d/"
}

# certificates: of left.example and right.example by one authority, in both directories.
certificates() {
	local side
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30 2>/dev/null
	for side in left right; do
		openssl req -newkey rsa:2048 -nodes -keyout "$side.d/own.key" -out "$side.csr" -subj "/CN=$side.example" 2>/dev/null
		openssl x509 -req -in "$side.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$side.d/own.pem" -days 30 \
			-extfile <(echo "subjectAltName = DNS:$side.example") 2>/dev/null
		cp ca.pem "$side.d"
	done
}

@test "sapipe: certificates at both ends; a certificate of another authority is refused, with cause and hint" {
	local side
	command -v openssl >/dev/null || skip "no openssl (make deps)"
	certificates
	for side in left/berne right/branches; do
		sed -i 's/^psk-file = .*/auth = rsa\ncert = own.pem\nkey = own.key\nca = ca.pem/' "${side%/*}.d/${side#*/}.conf"
	done
	run -0 at_left check
	run -0 at_right check
	run -0 at_right up
	run -0 at_left up
	left ping -q -c 1 -W 20 10.2.0.1
	[[ $(at_left status) == 'berne vpn0 203.0.113.2 UP '* ]]
	at_left down
	certificates
	cp ca.pem right.d/ca.pem
	run -1 --separate-stderr at_left up
	grep -q '^hint: ' <<<"$stderr"
	[ -z "$(left ip -o link show vpn0 2>/dev/null)" ]
	rm left.d/own.key
	run -2 --separate-stderr at_left check
	stderr_has 'own.key'
}

# wrong LINE TEXT...: check of left.d/berne.conf finds just that, at that line, and gives a hint.
wrong() {
	run -2 --separate-stderr at_left check berne
	[ "$(grep -c '^sapipe: ' <<<"$stderr")" -eq 1 ] || { echo "$stderr"; return 1; }
	stderr_has "sapipe: berne.conf:$1: $2"
	grep -q '^hint: ' <<<"$stderr"
}
base() {
	printf '%s\n' '[berne]' 'role = initiator' "address = $PEER" 'psk-file = gw.psk' "$@" >left.d/berne.conf
}

@test "sapipe check: mistakes of failover and NHRP, each with its line and a hint" {
	base 'tun = vpn0' 'failover = gw'
	wrong 6 'failover: needs probe in this section'
	base 'failover = gw' 'probe = 10.2.0.11'
	wrong 5 'failover: needs tun in this section'
	base 'tun = vpn0' 'probe = 10.2.0.11'
	wrong 6 'probe: needs failover'
	base 'tun = vpn0' 'failover = gw' 'probe = gate'
	wrong 7 "probe: 'gate' is no address"
	base 'tun = vpn0' 'failover = a b' 'probe = 10.2.0.11'
	wrong 6 "failover: 'a b' is no name of a group"
	base 'tun = vpn0' 'gre-key = 4'
	wrong 6 'gre-key: needs nhrp-role = spoke in this section'
	base 'tun = vpn0' 'nhrp-role = hub' 'gre-tun = gre1' 'gre-address = 10.9.0.1/32'
	wrong 6 'nhrp-role: a hub is a responder, a spoke an initiator'
	base 'tun = vpn0' 'nhrp-role = spoke' 'gre-tun = gre1'
	wrong 6 'nhrp-role: needs gre-address in this section'
	base 'tun = vpn0' 'nhrp-role = spoke' 'gre-tun = gre1' 'gre-address = 10.9.0/32'
	wrong 8 "gre-address: '10.9.0/32' is no address"
	base 'tun = vpn0' 'nhrp-role = spoke' 'gre-tun = vpn0' 'gre-address = 10.9.0.1/32'
	wrong 7 'gre-tun: vpn0 is the device of tun'
	base 'tun = vpn0' 'nhrp-role = spoke' 'gre-tun = gre1' 'gre-address = 10.9.0.1/32' 'nhrp-auth-file = x'
	wrong 9 "nhrp-auth-file: 'x' is not an absolute path"
	base 'tun = vpn0' 'failover = gw' 'probe = 10.2.0.11' '' '[basle]' 'role = initiator' "address = $PEER" 'psk-file = gw.psk' \
		'tun = vpn1' 'failover = gw' 'probe = 10.2.0.11' 'probe-source = 10.1.0.1'
	wrong 14 'failover: all members of a group have a probe-source, or none'
}
