#!/usr/bin/env bats
# --log-format: the messages of tools that run on, as text, as JSON, or with the priorities of a journal.
bats_require_minimum_version 1.5.0
load lib/common
load lib/ike

RESIDENT=(ike-initiate ike-respond nhrp-serve nhrp-register dpd-ping vpnmon esp-tun gre-tun)

setup() {
	need "${RESIDENT[@]}"
	ike_setup
	echo lilies >gw.psk
}
teardown() { stop_background; }

@test "log-format: every tool that runs on has it, and a wrong word is exit 2" {
	local t
	for t in "${RESIDENT[@]}"; do
		[[ $("$t" --list-options) == *'--log-format	-	text|json|journal|time	'* ]] || { echo "$t"; return 1; }
		run -2 "$t" --log-format xml
		[[ $output == *log-format* ]] || { echo "$t: $output"; return 1; }
	done
	[[ $(sa-show --list-options) != *--log-format* ]]
}

@test "log-format: json has time, priority, tool, message, code and hint, in one object a line" {
	run -2 ike-respond --log-format json --psk-file nowhere.psk
	[ "${#lines[@]}" -eq 1 ]
	jq -e '.priority == 3 and .tool == "ike-respond" and .code == "SECRET_FILE" and (.message | startswith("nowhere.psk: cannot open")) and
		(.time | test("^20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z$"))' <<<"$output"
	run -2 ike-respond --log-format json --check
	jq -e 'has("hint")' <<<"$output"
	# text of others: no object ends early, no control byte comes out
	printf '[a"b\\\033]\nnonsense = "\033[31m"\n' >bad.ini
	run -2 ike-respond --log-format json --peers bad.ini
	while IFS= read -r line; do jq -e .message <<<"$line" || return 1; done <<<"$output"
	[[ $output != *$'\033'* ]]
}

@test "log-format: a message of an initiator names its peer; so does one of a responder" {
	run -1 ike-initiate --log-format json --psk-file gw.psk --timeout 0.3 --local "$I" "$R"
	jq -e --arg r "$R" 'select(.priority == 3) | .peer == $r' <<<"$output"
	run -1 ike-initiate --log-format journal --psk-file gw.psk --timeout 0.3 --local "$I" "$R"
	[[ $output == *"<3>ike-initiate: $R: "* ]]
	background right ike-respond --log-format json -v --psk-file gw.psk --listen "$R" --natt off -o right.sa
	eventually 15 bound "$R"
	printf 'roses\n' >other.psk
	run ! ike-initiate --psk-file other.psk --natt off --timeout 3 --local "$I" "$R"
	eventually 10 names_peer || { cat right.err; return 1; }
}
names_peer() { jq -se --arg i "$I" 'map(select(.peer == $i)) | length > 0' right.err >/dev/null; }

@test "log-format: journal has priorities, time has the time; it is the default only where JOURNAL_STREAM names standard error itself" {
	local own
	run -2 ike-respond --log-format journal --check
	[[ ${lines[0]} == '<3>ike-respond: '* && ${lines[1]} == '<3>hint: '* ]]
	: >log
	own=$(stat -c %d:%i log)
	JOURNAL_STREAM=$own ike-respond --psk-file nowhere.psk 2>log || :
	grep -q '^<3>ike-respond: ' log
	JOURNAL_STREAM=$own ike-respond --log-format text --psk-file nowhere.psk 2>log || :
	grep -q '^ike-respond: ' log
	for own in "${own%:*}:1" "1:${own#*:}" "$own " "$own:1" x ''; do
		JOURNAL_STREAM=$own ike-respond --psk-file nowhere.psk 2>log || :
		grep -q '^ike-respond: ' log || { echo "$own"; return 1; }
	done
	run -2 ike-respond --log-format time --check
	[[ ${lines[0]} =~ ^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z' ike-respond: '.* && ${lines[1]} =~ ^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z' hint: ' ]]
	# not of a tool that prints reports
	own=$(stat -c %d:%i log)
	JOURNAL_STREAM=$own sa-show nowhere.sa 2>log || :
	run ! grep -q '^<' log
}
