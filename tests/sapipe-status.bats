#!/usr/bin/env bats
# sapipe status: times, --watch, --prometheus, the dashboard, and closed outputs.
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two
load lib/sapipe

setup() { sapipe_setup; }
teardown() { sapipe_teardown; }

# ike left: the lines of its negotiator.
ike() { ip netns exec "$L" sa-stat --ike "$(echo "$T"/run/tunnels.*/berne/berne.ike.ctl)"; }
rekeyed() { ike | jq -es 'map(select(.type == "child-sa" and .state == "established")) | .[-1] | .established > .since'; }

@test "sa-stat --ike: child and IKE SAs; a rekey does not end the time that a tunnel is up" {
	echo 'esp-lifetime = 12' >>left.d/berne.conf
	at_right up
	at_left up
	# whole seconds, those of a time to come rounded up
	ike | jq -es 'map(.type) == ["ike-sa", "child-sa"] and all(.name == "berne" and .state == "established") and
		.[0].remote == "203.0.113.2:500" and .[1].remote == "203.0.113.2" and .[1].rekey - .[1].since <= 12'
	begun=$(ike | jq -s '.[1].since')
	eventually 20 rekeyed
	[ "$(ike | jq -s 'map(select(.type == "child-sa")) | .[-1].since')" = "$begun" ]
	[ "$(at_left status --json | jq .since)" = "$begun" ]
	# for root and the user who started it
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$T" "$T/run" "$T"/run/tunnels.* "$T"/run/tunnels.*/berne
	run -3 --separate-stderr setpriv --reuid 65534 --clear-groups -- "$SAPIPE_BUILD/sa-stat" --ike "$T"/run/tunnels.*/berne/berne.ike.ctl
	# clients that do not read, and more of them than there is room for: the negotiator goes on
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		background "mute$_" ip netns exec "$L" /usr/bin/python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
time.sleep(20)' "$(echo "$T"/run/tunnels.*/berne/berne.ike.ctl)"
	done
	eventually 10 eval 'ike | grep -q child-sa'
	run -0 at_left status
}

@test "sapipe status --prometheus: names, types and values by its conventions; the dashboard uses no others" {
	local name
	at_right up
	at_left up
	ping_across 10.2.0.1 2
	run -0 at_left status --prometheus
	grep -qx 'sapipe_tunnel_up{tunnel="berne",section="berne",role="initiator",tun="vpn0"} 1' <<<"$output"
	grep -qx 'sapipe_tunnel_receive_bytes_total{tunnel="berne",section="berne",role="initiator",tun="vpn0"} 168' <<<"$output"
	grep -qE '^sapipe_tunnel_rekey_timestamp_seconds[{].*[}] [0-9]{10}$' <<<"$output"
	[ "$(grep -c '^# TYPE ' <<<"$output")" -eq 8 ]
	# each line is a sample or a comment, and the samples of a name follow one another
	! grep -vE '^# (HELP|TYPE) sapipe_[a-z_]+ .+$|^sapipe_[a-z_]+[{][^}]*[}] [0-9]+$' <<<"$output" || return 1
	[ "$(grep -v '^#' <<<"$output" | sed 's/{.*//' | uniq | sort | uniq -d)" = '' ]
	if command -v promtool >/dev/null; then promtool check metrics <<<"$output"; fi
	{
		grep -o '^sapipe_[a-z_]*' <<<"$output"
		ip netns exec "$L" sa-stat --prometheus "$(echo "$T"/run/tunnels.*/berne/berne.ctl)" | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p'
	} | sort -u >printed
	jq -e '.panels | length > 3' "$SAPIPE_TOP/dist/grafana/sapipe.json"
	jq -r '.. | .expr? // empty' "$SAPIPE_TOP/dist/grafana/sapipe.json" |
		grep -oE '\b(sapipe|esp_tun|vpnmon)_[a-z_]+' | sort -u >used
	[ "$(wc -l <used)" -gt 5 ]
	while read -r name; do
		case $name in
		vpnmon_*) grep -qF "\"${name#vpnmon_}\", \"" "$SAPIPE_TOP/cmd/vpnmon/metrics.c" ;;
		*) grep -qxF "$name" printed ;;
		esac || { echo "no tool prints $name"; return 1; }
	done <used
	at_left down
	run -1 at_left status --prometheus
	grep -qx 'sapipe_tunnel_up{.*} 0' <<<"$output"
	run ! grep -q bytes_total <<<"$output"
	run -2 at_left status --prometheus --json
	run -2 at_left status --prometheus --watch
}

@test "sapipe status: each section of a responder by itself, though they share a device" {
	printf '%s\n' '' '[basle]' 'role = responder' 'remote-id = basle.example' 'address = 203.0.113.9' 'psk-file = gw.psk' \
		'local-ts = 10.2.0.0/24' 'remote-ts = 10.9.0.0/24' 'tun = vpn0' >>right.d/branches.conf
	at_right up
	at_left up
	the_ping
	run -0 at_right status
	[[ ${lines[0]} =~ ^'zurich vpn0 - UP '.*' in 84 B out 84 B, ' ]]
	[ "${lines[1]}" = 'basle vpn0 203.0.113.9 listening' ]
	run -0 at_right status --prometheus
	grep -q '^sapipe_tunnel_up{.*section="basle".*} 0' <<<"$output"
	[ "$(grep -c '^sapipe_tunnel_receive_bytes_total' <<<"$output")" -eq 1 ]
	grep -q '^sapipe_tunnel_receive_bytes_total{tunnel="branches",section="",.*} 84' <<<"$output"
}

@test "sapipe status --watch: a report each interval, a signal ends it; on a terminal q does" {
	SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/left.d background watch ip netns exec "$L" sapipe status --watch -i 1
	eventually 15 eval '[ "$(grep -c "^berne vpn0 203.0.113.2 down" "$BATS_TEST_TMPDIR/watch.out")" -ge 2 ]'
	kill -TERM "${BG[watch]}"
	ended watch 5
	run -2 at_left status --watch --interval 0
	run -2 at_left status --interval 3
	run -2 at_left status --watch --interval
	# a terminal: script(1) has one
	mkfifo keys
	exec 6<>keys
	SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/left.d background typed ip netns exec "$L" bash -c '
		exec script -qec "stty -a >before; sapipe status --watch --interval 20; echo rc \$?; stty -a >after" /dev/null <keys'
	eventually 15 grep -q 'q ends' typed.out
	printf q >&6
	ended typed 10 6>&-
	exec 6>&-
	grep -q 'rc 0' typed.out
	cmp before after
}

# closed ARGUMENT...: sapipe of left, whose reader has closed the pipe, ends with 3 and no message.
closed() {
	run --separate-stderr bash -c '
		exec 3> >(:)
		wait $!
		SAPIPE_RUN_DIR=$1/run SAPIPE_CONF_DIR=$1/left.d ip netns exec "$2" timeout 100 sapipe "${@:3}" >&3 3>&-' - "$T" "$L" "$@"
	[ "$status" -eq 3 ] || { echo "$*: $status $stderr"; return 1; }
	[ -z "$stderr" ] || { echo "$*: $stderr"; return 1; }
}

@test "sapipe: a closed output is exit 3 of every command that prints" {
	at_right up
	at_left up
	cp left.d/berne.conf left.d/basle.conf
	sed -i 's/vpn0/vpn1/' left.d/basle.conf
	closed --help
	closed --version
	closed --list-options
	closed list
	closed print berne
	closed print
	closed check berne
	closed check
	closed status
	closed status --json
	closed status --prometheus
	closed status --watch
	closed log berne
	closed up berne
	closed down berne
}

@test "sapipe: directories of network namespaces that are gone are removed, others not" {
	local gone=$T/run/tunnels.1 here
	mkdir -p "$gone/old"
	echo '999999 1' >"$gone/old/old.ike"
	at_right up
	here=$(echo "$T"/run/tunnels.*/branches)
	[ ! -e "$gone" ]
	at_left up
	[ -S "$here/@responder.ctl" ]
	at_left down
	[ -S "$here/@responder.ctl" ]
}

# as_nobody COMMAND...: sapipe of left by another user.
as_nobody() {
	SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/left.d ip netns exec "$L" timeout 100 setpriv --reuid 65534 --regid 65534 --clear-groups -- \
		"$SAPIPE_BUILD/sapipe" "$@"
}

@test "sapipe: nonsense, no permission and missing files: status, cause and hint of each" {
	run -2 --separate-stderr at_left check ''
	stderr_has "'' is no name of a tunnel"
	run -2 --separate-stderr at_left list berne
	stderr_has 'list has no NAME'
	run -2 --separate-stderr at_left log geneva
	stderr_has 'there are: berne'
	run -1 --separate-stderr at_left log berne
	stderr_has 'hint: sapipe up berne'
	run -0 at_right check --peer
	output_has 'no peer to ask'
	printf 'x\0y\n' >left.d/nul.conf
	run -2 --separate-stderr at_left check nul
	stderr_has 'nul.conf:1: a NUL byte'
	: >left.d/empty.conf
	run -2 --separate-stderr at_left up empty
	stderr_has 'the file is empty'
	rm left.d/nul.conf left.d/empty.conf
	at_right up
	at_left up
	# the temporary directories of the tests are of root
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$T" "$T/run"
	chmod 700 left.d
	for command in list check status 'up berne' 'check berne'; do
		# shellcheck disable=SC2086 # words
		run -3 --separate-stderr as_nobody $command
		stderr_has "cannot read $T/left.d: permission denied"
		stderr_has 'hint: run sapipe as root'
	done
	chmod 755 left.d
	chmod 644 left.d/*
	# list and check need no directory for running tunnels
	for command in list check; do
		SAPIPE_CONF_DIR=$T/left.d run -0 env -u XDG_RUNTIME_DIR setpriv --reuid 65534 --regid 65534 --clear-groups -- "$SAPIPE_BUILD/sapipe" $command
	done
	SAPIPE_CONF_DIR=$T/left.d run -3 --separate-stderr env -u XDG_RUNTIME_DIR setpriv --reuid 65534 --regid 65534 --clear-groups -- \
		"$SAPIPE_BUILD/sapipe" status
	stderr_has 'XDG_RUNTIME_DIR is not set'
	run -3 --separate-stderr as_nobody status berne
	stderr_has 'the tunnels are of another user'
	run -3 --separate-stderr as_nobody up berne
	stderr_has ': Permission denied'
	stderr_has 'hint: tunnels are started by root'
	[ "$(wc -l <<<"$stderr")" -le 4 ]
	# a file, or nothing, in the place of a directory: no other cause
	for command in list check status up; do
		SAPIPE_CONF_DIR=$T/gw.psk run -2 --separate-stderr sapipe $command
		stderr_has "there is no directory $T/gw.psk"
	done
	SAPIPE_RUN_DIR=$T/gw.psk SAPIPE_CONF_DIR=$T/left.d run -3 --separate-stderr sapipe up berne
	grep -qE "^sapipe: cannot make $T/gw.psk/.*: (Not a directory|File exists)$" <<<"$stderr"
	run ! grep -q '^hint' <<<"$stderr"
	# no room there: not an end without a cause
	mkdir small
	for command in 'size=64k,nr_inodes=200' 'size=64k,nr_inodes=4'; do
		SAPIPE_RUN_DIR=$T/small SAPIPE_CONF_DIR=$T/left.d run -3 --separate-stderr unshare -m sh -c \
			'mount -t tmpfs -o "$0" small small && { head -c 100k /dev/zero >small/fill; sapipe up berne; }' "$command"
		stderr_has "sapipe: cannot "
		stderr_has ": No space left on device"
		[[ $stderr != *'cannot create'* ]]
	done
	bash -c 'sapipe --help >/dev/full' 2>full.err || :
	grep -q '^hint: the disk is full' full.err
}
