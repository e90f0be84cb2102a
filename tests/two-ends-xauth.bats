#!/usr/bin/env bats
# XAuth and mode config between our own two ends: ike-respond is the gateway.
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() {
	two_setup
	printf 'sesame\n' >alice.pw
	# The checkpassword interface: who logs in is noted, alice's password is right.
	cat >check <<-'SH'
		#!/bin/bash
		IFS= read -r -d '' user <&3
		IFS= read -r -d '' password <&3
		IFS= read -r -d '' stamp <&3
		[[ $stamp =~ ^[0-9]+$ ]] || exit 2
		echo "$user" >>users
		[ "$user" != slow ] || sleep 5
		[ "$user:$password" = alice:sesame ]
	SH
	chmod 755 check
}
teardown() { two_teardown; }

GATE=(--auth xauth-psk --xauth-exec ./check --pool 10.3.0.0/29 --local-ts 10.2.0.0/24)
ALICE=(--auth xauth-psk --xauth-user alice --xauth-password-file alice.pw --mode-config)

assigned() { left ip -4 -o addr show dev vpn0 | sed -n 's,.* inet \(10\.3\.0\.[0-9]*\)/32 .*,\1,p'; }

@test "two ends xauth: a user logs in and gets an address; ping both ways; both records say so" {
	answer "${GATE[@]}"
	begin "${ALICE[@]}"
	crosses 10.2.0.1 10.3.0.1
	[ "$(assigned)" = 10.3.0.1 ]
	[ "$(cat users)" = alice ]
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" left.sa right.sa
	local f
	for f in left.sa right.sa; do
		sa-show --format json "$f" | jq -se 'map(select(.type == "ike-sa")) | last |
			.xauth == {"user": "alice", "status": "ok"} and .auth == "xauth-psk"'
	done
	sa-show --format json left.sa | jq -se 'map(select(.type == "ike-sa")) | last | .config |
		.address == "10.3.0.1" and .split == ["10.2.0.0/24"]'
	# the client's address is none of the gateway's machine
	[ -z "$(right ip -4 -o addr show dev vpn0)" ]
}

@test "two ends xauth: aggressive mode behind a NAT" {
	two_teardown
	two_setup nat
	printf 'sesame\n' >alice.pw
	answer --exchange aggressive "${GATE[@]/.\/check/true}"
	begin --exchange aggressive "${ALICE[@]}"
	crosses 10.2.0.1 10.3.0.1
}

@test "two ends xauth: a wrong password is rejected late, and both ends say who and why" {
	printf 'wrong\n' >alice.pw
	answer "${GATE[@]}"
	begin "${ALICE[@]}"
	eventually 15 grep -qF 'rejects user' left.ike
	eventually 15 group_gone "${GROUP[left]}"
	diff - <(grep -v ': NAT-T' left.ike) <<-'END'
		ike-initiate: XAuth, message 1 (asks): the gateway rejects user alice or the password
		hint: phase 1 is right, so the secret of the group is: check --xauth-user and --xauth-password-file; the account may be locked, or wait after wrong passwords
	END
	diff - <(grep -v ': NAT-T' right.ike) <<-'END'
		ike-respond: 203.0.113.1:500, XAuth, message 1 (asks): user alice is rejected
		hint: the command of --xauth-exec did not exit with 0 for this user and password, or there were too many wrong ones before
	END
	run ! grep -q child-sa <(sa-show --format json right.sa)
}

@test "two ends xauth: an unknown group: both ends say which, and no user is asked" {
	answer --exchange aggressive "${GATE[@]}"
	run -1 left ike-initiate --psk-file gw.psk --local-id sales@example --remote-id right.example --phase1 --timeout 10 \
		"${FAST[@]}" --exchange aggressive "${ALICE[@]}" -o p1.sa "$PEER"
	diff - <(printf '%s\n' "$output") <<-'END'
		ike-initiate: phase 1 (aggressive mode), message 1 (offers proposals and its key): the peer does not accept our identity (INVALID-ID-INFORMATION)
		hint: set --local-id to the ID that the peer expects of us; behind NAT the default, our private address, is rarely it
	END
	diff - right.ike <<-'END'
		ike-respond: 203.0.113.1:500, phase 1 (aggressive mode), message 1 (offers proposals and its key): the peer calls itself sales@example, expected is left.example
		hint: set remote-id of the peer's section (--remote-id) to the ID that it sent, or give the peer the expected one (--local-id there)
	END
	[ ! -e users ]
}

@test "two ends xauth: without XAuth, or before its end, there is no quick mode" {
	answer "${GATE[@]}"
	ALICE[3]=slow
	begin "${ALICE[@]}"
	eventually 15 grep -qs slow users
	run -1 left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example "${FAST[@]}" \
		--timeout 2 "$PEER"
	[ -z "$(sa-show --format json right.sa)" ]
}

@test "two ends xauth: --phase2 takes the assigned address from the state of --phase1" {
	answer "${GATE[@]}"
	left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 "${FAST[@]}" \
		"${ALICE[@]}" -o p1.sa "$PEER"
	sa-show --format json p1.sa | jq -e '.config.address == "10.3.0.1" and .xauth.status == "ok"'
	left ike-initiate --psk-file gw.psk --phase2 p1.sa "${FAST[@]}" -o p2.sa
	sa-show --format json p2.sa | jq -se 'map(select(.type == "child-sa")) | last |
		.["local-ts"][0].net == "10.3.0.1/32" and .["remote-ts"][0].net == "10.2.0.0/24"'
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" p1.sa p2.sa
}

# A helper that asks for the code of a token after the password, and gives group and address.
token() {
	cat >token <<-'SH'
		#!/bin/bash
		IFS= read -r -d '' user <&3
		IFS= read -r -d '' password <&3
		IFS= read -r -d '' stamp <&3
		while IFS= read -r -d '' more <&3; do declare "${more%%=*}=${more#*=}"; done
		echo "$user $round ${state-} $remote" >>rounds
		case $round in
		1)	[ "$password" = sesame ] || exit 1
			printf 'message=the code of \033[31m your token\nask=%s\nstate=c0ffee\n' "${ASK-passcode}"
			exit 10 ;;
		2)	[ "$password:$state" = 424242:c0ffee ] || exit 1
			printf 'group=staff\naddress=10.3.0.5\nmessage=welcome\n' ;;
		esac
	SH
	chmod 755 token
}

@test "two ends xauth: a challenge of the gateway's command is asked from the user's command" {
	token
	cat >ask <<-'SH'
		#!/bin/bash
		tee asked | grep -qx ask=passcode && echo 424242
	SH
	chmod 755 ask
	answer "${GATE[@]/.\/check/./token}"
	begin "${ALICE[@]}" --xauth-ask ./ask
	eventually 40 one_ping || { logs; cat rounds asked; return 1; }
	diff - rounds <<-'END'
		alice 1  203.0.113.1
		alice 2 c0ffee 203.0.113.1
	END
	diff - asked <<-'END'
		ask=passcode
		type=generic
		gateway=203.0.113.2
		message=the code of ?[31m your token
	END
	grep -F 'the gateway says: the code of ?[31m your token' left.ike
	grep -F 'the gateway says: welcome' left.ike
	sa-show --format json right.sa | jq -se 'map(select(.type == "ike-sa")) | last |
		.xauth == {"user": "alice", "group": "staff", "status": "ok"}'
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" left.sa right.sa
}

@test "two ends xauth: a client that cannot answer says which attribute was asked for" {
	token
	answer "${GATE[@]/.\/check/./token}"
	begin "${ALICE[@]}"
	eventually 15 grep -qsF 'the gateway asks for' left.ike
	eventually 15 group_gone "${GROUP[left]}"
	cat left.ike
	grep -F 'the gateway says: the code of' left.ike
	grep -F 'the gateway asks for XAUTH_PASSCODE, and none is configured' left.ike
	grep -F 'hint: set --xauth-user and --xauth-password-file, or --xauth-ask' left.ike
	eventually 5 grep -qF 'user alice is rejected' right.ike
	[ "$(wc -l <rounds)" = 1 ]
}

@test "two ends xauth: user and password from the environment and from a command" {
	answer "${GATE[@]}"
	ME=alice PW=sesame left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 \
		"${FAST[@]}" --auth xauth-psk --xauth-user-file env:ME --xauth-password-file env:PW -o p1.sa "$PEER"
	printf '#!/bin/sh\ngrep -qx ask=user && echo alice || echo sesame\n' >ask
	chmod 755 ask
	left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 \
		"${FAST[@]}" --auth xauth-psk --xauth-ask ./ask -o p2.sa "$PEER"
	[ "$(cat users)" = $'alice\nalice' ]
	sa-show --format json p2.sa | jq -e '.xauth == {"user": "alice", "status": "ok"}'
}

@test "two ends xauth: CHAP: the command gets challenge and answer, and no password" {
	cat >chap <<-'SH'
		#!/bin/bash
		IFS= read -r -d '' user <&3
		IFS= read -r -d '' password <&3
		[ -z "$password" ] || exit 1
		while IFS= read -r -d '' more <&3; do declare "${more%%=*}=${more#*=}"; done
		want=$({ printf "\\x${chap:0:2}"; printf sesame; printf "$(sed 's/../\\x&/g' <<<"$challenge")"; } | md5sum)
		[ "${chap:2}" = "${want%% *}" ]
	SH
	chmod 755 chap
	answer "${GATE[@]/.\/check/./chap}" --xauth-type chap
	begin "${ALICE[@]}"
	crosses 10.2.0.1 10.3.0.1
}

@test "two ends xauth: brute force: passwords that are judged count, too; the log is rationed" {
	local i pids=()
	printf 'wrong\n' >alice.pw
	printf '#!/bin/sh\necho run >>runs\nsleep 1\nexit 1\n' >check
	answer "${GATE[@]}"
	for i in 1 2 3 4 5 6 7 8; do
		left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 \
			--local "203.0.113.1:$((5000 + i))" "${FAST[@]}" "${ALICE[@]}" -o "p$i.sa" "$PEER" 2>"try$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do ! wait "$i" || return 1; done
	cat try* right.ike; cat runs
	[ "$(wc -l <runs)" = 5 ]
	grep -F '5 wrong passwords came for user alice within 60 s: the next is not looked at' right.ike
}

# try USER FROM: phase 1 and XAuth as USER from the address FROM.
try() {
	left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 --local "$2" "${FAST[@]}" \
		--auth xauth-psk --xauth-user "$1" --xauth-password-file alice.pw -o "$1.sa" "$PEER"
}

@test "two ends xauth: brute force: an address has five wrong passwords for all users; failures of the command are none" {
	local i pids=()
	left ip addr add 203.0.113.4/24 dev eth0
	printf '#!/bin/sh\necho run >>runs\n[ ! -e down ] || exit 111\n[ -e right ] || exit 1\n' >check
	: >down
	answer "${GATE[@]}"
	# the command cannot find out: nobody is blamed
	for i in 1 2 3 4 5 6; do
		try "u$i" "203.0.113.1:$((5000 + i))" 2>/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do ! wait "$i" || return 1; done
	[ "$(wc -l <runs)" = 6 ]
	rm down runs
	pids=()
	for i in 1 2 3 4 5; do
		try "u$i" "203.0.113.1:$((5000 + i))" 2>/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do ! wait "$i" || return 1; done
	[ "$(wc -l <runs)" = 5 ]
	# another user, even with the right password, is not looked at there, but elsewhere
	: >right
	run -1 try alice 203.0.113.1:5006
	[ "$(wc -l <runs)" = 5 ]
	grep -F '5 wrong passwords came from 203.0.113.1 within 60 s: the next is not looked at' right.ike
	run -0 try alice 203.0.113.4:5006
	[ "$(wc -l <runs)" = 6 ]
}

# rsa NAME [SUBJECT-ALT-NAME]: NAME.key and NAME.crt, signed by itself.
rsa() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.crt" -days 30 -subj "/O=Test/CN=$1" \
		${2:+-addext "subjectAltName=$2"} 2>/dev/null
}

@test "two ends xauth: A22: no password goes to a gateway of hybrid whose certificate is of another CA" {
	local ca
	rsa ours
	rsa theirs
	openssl req -newkey rsa:2048 -nodes -keyout gate.key -out gate.csr -subj /O=Test/CN=gate 2>/dev/null
	openssl x509 -req -days 30 -in gate.csr -CA ours.crt -CAkey ours.key -set_serial 7 \
		-extfile <(echo subjectAltName=DNS:right.example) -out gate.crt 2>/dev/null
	two_start right right "ike-respond -v --auth hybrid --cert gate.crt --key gate.key --local-id right.example \
		--remote-id left.example ${FAST[*]} --xauth-exec ./check --pool 10.3.0.0/29 --local-ts 10.2.0.0/24 2>right.ike >right.sa"
	eventually 10 listens
	for ca in theirs ours; do
		run --separate-stderr left ike-initiate --auth hybrid --ca "$ca.crt" --xauth-user alice \
			--xauth-password-file alice.pw --mode-config --local-id left.example --remote-id right.example \
			"${FAST[@]}" --timeout 5 -o left.sa "$PEER"
		printf '%s\n' "$stderr"
		[ "$ca" = ours ] || {
			[ "$status" -eq 1 ]
			grep -qF 'message 6 (authenticates): CERT payload: "O=Test, CN=gate" was issued by' <<<"$stderr"
			[ ! -e users ]
		}
	done
	# with its CA it is the same gateway that lets alice in
	[ "$status" -eq 0 ]
	[ "$(cat users)" = alice ]
}
