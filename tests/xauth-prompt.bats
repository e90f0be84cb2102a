#!/usr/bin/env bats
# The user of XAuth at a terminal: what ike-initiate asks, what it shows, and how it ends.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() {
	two_setup
	# the password is sesame, then the code 424242
	cat >check <<-'SH'
		#!/bin/bash
		IFS= read -r -d '' user <&3
		IFS= read -r -d '' password <&3
		IFS= read -r -d '' stamp <&3
		while IFS= read -r -d '' more <&3; do declare "${more%%=*}=${more#*=}"; done
		echo "$round $user $password" >>asked
		[ "$round" = 2 ] || { printf 'message=the code of your token\nask=passcode\nstate=01\n' && exit 10; }
		[ "$user:$password" = alice:424242 ]
	SH
	chmod 755 check
	answer --auth xauth-psk --xauth-exec ./check --pool 10.3.0.0/29 --local-ts 10.2.0.0/24
}
teardown() { two_teardown; }

# at_terminal PROMPT KEYS... -- [OPTION]...: phase 1 and XAuth on a terminal.
at_terminal() {
	local steps=()
	while [ "$1" != -- ]; do steps+=("$1") && shift; done
	/usr/bin/python3 "$SAPIPE_TOP/tests/lib/on_pty.py" shown "${steps[@]}" -- \
		ip netns exec "$L" ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 \
		"${FAST[@]}" --auth xauth-psk --mode-config -o p1.sa "${@:2}" "$PEER"
}

@test "xauth prompt: user, password and code are asked; no secret is shown" {
	run -0 at_terminal 'XAuth user: ' 'alice\n' 'XAuth password: ' 'sesame\n' 'XAuth passcode: ' '424242\n' --
	diff - <(printf '%s\n' "$output") <<-'END'
		XAuth user: echo
		XAuth password: no echo
		XAuth passcode: no echo
		exit 0, echo
	END
	cat shown
	grep -q 'the code of your token' shown
	grep -q alice shown
	run ! grep -qE 'sesame|424242' shown
	diff - asked <<-'END'
		1 alice sesame
		2 alice 424242
	END
	sa-show --format json p1.sa | jq -e '.xauth == {"user": "alice", "status": "ok"}'
}

@test "xauth prompt: what is configured is not asked" {
	printf 'sesame\n' >pw
	chmod 600 pw
	run -0 at_terminal 'XAuth passcode: ' '424242\n' -- --xauth-user alice --xauth-password-file pw
	[ "$output" = $'XAuth passcode: no echo\nexit 0, echo' ]
	run ! grep -q 'XAuth password' shown
}

@test "xauth prompt: ^C ends the tool, ^D and an empty line are no answer; the terminal echoes again" {
	local keys
	printf 'sesame\n' >pw
	chmod 600 pw
	# of the gateway: the negotiation ends, and the tool with 1
	for keys in '\x03' '\x04' '\n'; do
		run at_terminal 'XAuth passcode: ' "$keys" -- --xauth-user alice --xauth-password-file pw
		cat shown
		[ "$output" = $'XAuth passcode: no echo\nexit 1, echo' ]
		[ "$keys" = '\x03' ] || grep -q 'the gateway asks for XAUTH_PASSCODE, and nobody answers' shown
	done
	run ! grep -q '^2' asked
	# of the tool, before it sends anything: ^C ends it by the signal, and no password is misuse
	rm -f asked
	run at_terminal 'XAuth password: ' '\x03' -- --xauth-user alice
	[ "$output" = $'XAuth password: no echo\nexit -2, echo' ]
	for keys in '\x04' '\n'; do
		run at_terminal 'XAuth password: ' "$keys" -- --xauth-user alice
		[ "$output" = $'XAuth password: no echo\nexit 2, echo' ]
	done
	[ ! -e asked ]
	[ ! -e p1.sa ]
}

@test "xauth prompt: without a terminal nobody is asked, and it is said what is missing" {
	run -1 left setsid -w ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 \
		"${FAST[@]}" --auth xauth-psk --mode-config -o p1.sa "$PEER" </dev/null
	[[ $output == *"the gateway asks for XAUTH_USER_NAME, and none is configured"* ]]
}
