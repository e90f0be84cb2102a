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
	cat left.ike right.ike
	grep -F 'XAuth, message 1 (asks): the gateway rejects user alice or the password' left.ike
	grep -F 'hint: phase 1 is right, so the secret of the group is: check --xauth-user' left.ike
	grep -F 'user alice is rejected' right.ike
	grep -F 'hint: the command of --xauth-exec did not exit with 0 for this user' right.ike
	run ! grep -q child-sa <(sa-show --format json right.sa)
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
