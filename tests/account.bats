#!/usr/bin/env bats
# Accounting of the sessions of XAuth's users: ike-respond --xauth-account, login-radius --accounting, Debian's freeradius.
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two
load lib/aaa

setup() {
	two_setup
	need login-radius
	printf 'sesame\n' >pw
}
teardown() { two_teardown; }

judge=(login-radius --server "127.0.0.1:$RADIUS_PORT" --secret-file radius.secret --timeout 15)
report=(login-radius --accounting --server "127.0.0.1:$ACCOUNT_PORT" --secret-file radius.secret --timeout 15 --tries 1 --nas-id gw1)

# gate [OPTION]...: our gateway, accounting by $report.
gate() {
	answer --auth xauth-psk --xauth-exec "$(words "${judge[@]}")" --xauth-account "$(words "${report[@]}")" \
		--pool 10.3.0.0/29 --local-ts 10.2.0.0/24 "$@"
}
# user NAME [OPTION]...: a client of the gateway.
user() { begin --auth xauth-psk --xauth-user "$1" --xauth-password-file pw --mode-config "${@:2}"; }
# event KEY=VALUE... -- COMMAND...: runs COMMAND in $R as ike-respond --xauth-account does.
event() {
	local given=()
	while [ "$1" != -- ]; do given+=("$1") && shift; done
	shift
	printf '%s\0' "${given[@]}" >"$T/given"
	right "$@" 3<"$T/given"
}

@test "account: on, start, interim and stop when the client ends; Class, addresses and counts as they are" {
	local start id
	radius_start
	gate --xauth-account-interval 1
	eventually 5 accounted Accounting-On NAS-Identifier=gw1
	user alice
	crosses 10.2.0.1 10.3.0.5
	eventually 5 accounted Start User-Name=alice Class=0x4f553d73746166663b Framed-IP-Address=10.3.0.5 \
		Calling-Station-Id=203.0.113.1 Called-Station-Id=203.0.113.2 NAS-Port-Type=Virtual Service-Type=Framed-User
	eventually 10 accounted Interim-Update User-Name=alice Framed-IP-Address=10.3.0.5
	# 20 packets of 1028 bytes, and what crosses() sent: the last counters come with the end of the SA
	left ping -q -i 0.1 -c 20 -s 1000 10.2.0.1 >/dev/null
	grep -q ' Acct-Session-Time=[1-9]' <(accounts | grep Acct-Status-Type=Interim-Update)
	two_stop left 10
	eventually 10 accounted Stop User-Name=alice Acct-Terminate-Cause=User-Request Framed-IP-Address=10.3.0.5
	# one session, of one name
	[ "$(accounts | grep -o 'Acct-Session-Id=[0-9A-F]*' | sort -u | wc -l)" = 1 ]
	[ "$(accounts | grep -c 'Acct-Status-Type=Start')" = 1 ]
	[ "$(accounts | grep -c 'Acct-Status-Type=Stop')" = 1 ]
	run ! accounted Start Acct-Session-Time=0
	run ! grep -q 'Acct-Terminate-Cause' <(accounts | grep -v Acct-Status-Type=Stop)
	two_stop right 5
	eventually 5 accounted Accounting-Off NAS-Identifier=gw1
	accounts | grep Acct-Status-Type=Stop >stop
	[[ $(cat stop) =~ \ Acct-Input-Octets=([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 20560 ] && [ "${BASH_REMATCH[1]}" -lt 25000 ]
	[[ $(cat stop) =~ \ Acct-Output-Packets=([0-9]+) ]]
	# as the data path has counted
	[[ $(sed -n 's/.* has ended: \([0-9]*\) packets in, \([0-9]*\) out.*/\1 \2/p' right.log) = "$(sed -nE 's/.* Acct-Input-Packets=([0-9]+) .*/\1/p' stop) ${BASH_REMATCH[1]}" ]]
}

@test "account: SIGTERM of the gateway, and a client that DPD finds dead, stop their sessions" {
	radius_start
	gate --dpd-interval 1 --dpd-tries 2
	user bob
	crosses 10.2.0.1 10.3.0.1
	# the name of the Access-Accept, both Classes
	eventually 5 accounted Start User-Name=robert Class=0x7374616666 Class=0x00ff Framed-IP-Address=10.3.0.1
	kill -KILL -- "-${GROUP[left]}"
	eventually 20 accounted Stop User-Name=robert Acct-Terminate-Cause=Lost-Service
	unset 'GROUP[left]'
	user bob
	crosses 10.2.0.1 10.3.0.1
	eventually 5 sh -c '[ "$(grep -c "Acct-Status-Type = Start" rad/detail)" = 2 ]'
	two_stop right 5
	eventually 5 accounted Accounting-Off
	accounted Stop User-Name=robert Acct-Terminate-Cause=Admin-Reboot
	[ "$(accounts | tail -n 1 | grep -o 'Acct-Status-Type=[^ ]*')" = Acct-Status-Type=Accounting-Off ]
}

@test "account: a second IKE SA of the same user and address goes on with the session" {
	radius_start
	gate
	user alice
	crosses 10.2.0.1 10.3.0.5
	eventually 5 accounted Start User-Name=alice
	left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 "${FAST[@]}" --auth xauth-psk \
		--xauth-user alice --xauth-password-file pw --mode-config --local 203.0.113.1:5001 -o p1.sa "$PEER"
	sa-show --format json p1.sa | jq -e '.config.address == "10.3.0.5"'
	two_stop left 10
	eventually 5 grep -q 'child SA .* ends' right.ike
	left ike-initiate --delete p1.sa
	eventually 5 accounted Stop User-Name=alice Acct-Terminate-Cause=User-Request
	[ "$(accounts | grep -c 'Acct-Status-Type=Start')" = 1 ]
	[ "$(accounts | grep -c 'Acct-Status-Type=Stop')" = 1 ]
}

@test "account: a server that does not answer delays no exchange, and no other user" {
	local before after
	printf 'between-us\n' >radius.secret
	judge=(true)
	report=(login-radius --accounting --server 127.0.0.1:18198 --secret-file radius.secret --timeout 1 --tries 3)
	background mute ip netns exec "$R" /usr/bin/python3 -c 'import socket, time
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind(("127.0.0.1", 18198))
	time.sleep(100)'
	gate --xauth-account-interval 1
	before=$(date +%s)
	user alice
	WITHIN=6 crosses 10.2.0.1 10.3.0.1
	lossless 3
	two_stop left 10
	user bob
	WITHIN=6 crosses 10.2.0.1 10.3.0.2
	grep -F 'xauth-account ended with status 111: ' right.ike
	two_stop right 40
}

@test "account: reports that fail are made again, a stop never before its start" {
	radius_start
	printf '#!/bin/sh\n[ -e back ] || exit 111\nexec %s\n' "$(words "${report[@]}")" >report
	chmod 755 report
	report=(./report)
	gate
	user alice
	crosses 10.2.0.1 10.3.0.5
	eventually 5 grep -F 'xauth-account ended with status 111: it will be run again' right.ike
	two_stop left 10
	eventually 5 grep -q 'child SA .* ends' right.ike
	[ ! -e rad/detail ]
	: >back
	two_stop right 10
	eventually 5 accounted Accounting-Off
	diff <(accounts | grep -o 'Acct-Status-Type=[^ ]*') <(printf 'Acct-Status-Type=%s\n' Start Stop Accounting-Off)
	accounted Stop User-Name=alice Acct-Terminate-Cause=User-Request
}

@test "account: two gateways of one AAA service: the same user has group and address at both; each reports its session" {
	local a
	radius_start
	right ip addr add 203.0.113.3/24 dev eth0
	answer --listen 203.0.113.2 --auth xauth-psk --xauth-exec "$(words "${judge[@]}")" --xauth-account "$(words "${report[@]}")" \
		--pool 10.3.0.0/29 --local-ts 10.2.0.0/24
	report[${#report[@]} - 1]=gw2
	two_start second right "ike-respond -v --listen 203.0.113.3 --psk-file gw.psk --local-id right.example \
		--remote-id left.example ${FAST[*]} --auth xauth-psk --xauth-exec $(words "$(words "${judge[@]}")") \
		--xauth-account $(words "$(words "${report[@]}")") --pool 10.3.0.0/29 --local-ts 10.2.0.0/24 2>second.ike >second.sa"
	eventually 10 accounted Accounting-On NAS-Identifier=gw2
	for a in 2 3; do
		left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 "${FAST[@]}" \
			--auth xauth-psk --xauth-user alice --xauth-password-file pw --mode-config -o "p$a.sa" "203.0.113.$a"
		sa-show --format json "p$a.sa" | jq -e '.config.address == "10.3.0.5"'
	done
	for a in right second; do
		sa-show --format json $a.sa | jq -se 'map(select(.type == "ike-sa")) | last | .xauth == {"user": "alice", "status": "ok", "group": "staff"}'
	done
	for a in 1 2; do
		eventually 5 accounted Start NAS-Identifier=gw$a User-Name=alice Framed-IP-Address=10.3.0.5 Class=0x4f553d73746166663b \
			Called-Station-Id=203.0.113.$((a + 1))
	done
	[ "$(accounts | grep -o 'Acct-Session-Id=[0-9A-F]*' | sort -u | wc -l)" = 2 ]
}

@test "login-radius: --accounting: what is known is sent, the delay since it happened, octets beyond 32 bits" {
	radius_start
	run -0 event event=stop "time=$(($(date +%s) - 100))" session=00AA user=alice remote=2001:db8::1 address=10.3.0.9 \
		address6=2001:db8:3::9 seconds=77 bytes-in=4294967298 bytes-out=5 packets-in=6 packets-out=7 cause=nas-error -- "${report[@]}"
	accounted Stop Acct-Session-Id=00AA User-Name=alice Calling-Station-Id=2001:db8::1 Framed-IP-Address=10.3.0.9 \
		Framed-IPv6-Address=2001:db8:3::9 Acct-Session-Time=77 Acct-Input-Octets=2 Acct-Input-Gigawords=1 \
		Acct-Output-Octets=5 Acct-Input-Packets=6 Acct-Output-Packets=7 Acct-Terminate-Cause=NAS-Error
	accounts | grep -qE ' Acct-Delay-Time=10[0-3] '
	run ! accounted Stop Acct-Output-Gigawords=0
	run -0 event event=start session=00AB user=alice -- "${report[@]}"
	run ! grep -qE 'Octets|Packets|Delay|Framed-IP-|Station' <(accounts | tail -n 1)
	run -2 event event=nothing session=1 -- "${report[@]}"
	[ "$output" = "login-radius: descriptor 3 has no report of a session" ]
	run -2 event -- "${report[@]}"
	run -2 "${report[@]}" 3</dev/null
}

@test "login-radius: --accounting: the second server gets what the first does not answer, each with its secret" {
	radius_start
	echo another >other.secret
	local ask=(login-radius --timeout 0.5 --tries 1 --server 127.0.0.1:18199)
	run -0 event event=start session=1 user=u -- "${ask[@]}" --accounting --secret-file other.secret \
		--server "127.0.0.1:$ACCOUNT_PORT" --secret-file radius.secret
	accounted Start Acct-Session-Id=1
	run -111 event event=start session=2 user=u -- "${ask[@]}" --accounting --secret-file radius.secret \
		--server "127.0.0.1:$ACCOUNT_PORT" --secret-file other.secret
	run -111 event event=start session=2 user=u -- "${ask[@]}" --accounting --secret-file radius.secret
	run ! accounted Start Acct-Session-Id=2
	run -0 login alice sesame -- "${ask[@]}" --secret-file other.secret --server "127.0.0.1:$RADIUS_PORT" --secret-file radius.secret
	run -111 login alice sesame -- "${ask[@]}" --secret-file radius.secret --server "127.0.0.1:$RADIUS_PORT" --secret-file other.secret
	run -2 login alice sesame -- "${ask[@]}" --server a --server b --secret-file radius.secret --secret-file other.secret
	[[ $output == *"2 times --secret-file for 3 servers: one for all, or one for each is needed"* ]]
}
