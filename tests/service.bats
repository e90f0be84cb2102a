#!/usr/bin/env bats
# What service managers see: --ready-fd, sd_notify, and the unit that runs a tunnel.
# shards: 3
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

teardown() {
	stop_background
	[ -z "${T-}" ] || two_teardown
	case ${T-} in /tmp/service.*) rm -rf "$T" ;; esac
}

# listener NAME [ADDRESS]: what comes to that socket goes to $T/NAME.out. It is in right: abstract names are of a network namespace.
listener() {
	background "$1" ip netns exec "$R" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + sys.argv[1][1:] if sys.argv[1][0] == "@" else sys.argv[1])
print("bound", flush=True)
while True:
    print(repr(s.recv(4096).decode()), flush=True)' "${2:-$T/$1}"
	eventually 5 grep -q bound "$BATS_TEST_TMPDIR/$1.out"
}
heard() { grep -qF -- "$2" "$BATS_TEST_TMPDIR/$1.out"; }
hears() { eventually 10 heard "$@" || { cat "$BATS_TEST_TMPDIR/$1.out"; return 1; }; }

@test "sd_notify: READY, STATUS, WATCHDOG and STOPPING of both ends, by a path and by an abstract name" {
	two_setup
	listener ike
	listener tun
	listener back "@two.$L"
	two_start right right "NOTIFY_SOCKET=@two.$L exec ike-respond --psk-file gw.psk ${FAST[*]} ${STEN4[*]} -o /dev/null"
	hears back "'READY=1\\nSTATUS=listening\\n'"
	two_stop right
	hears back "'STOPPING=1\\n'"
	answer "${STEN4[@]}"
	two_start left left "NOTIFY_SOCKET=$T/ike WATCHDOG_USEC=400000 ike-initiate --keep --psk-file gw.psk --local-id left.example \
		--remote-id right.example $(words "${FAST[@]}" "${NETS4[@]}") $PEER |
		NOTIFY_SOCKET=$T/tun WATCHDOG_USEC=400000 WATCHDOG_PID=1 esp-tun --tun vpn0 --state-dir left.state"
	hears ike "'READY=1\\nSTATUS=child SA established\\n'"
	hears ike "'WATCHDOG=1\\n'"
	hears tun "'READY=1\\nSTATUS=up\\n'"
	the_ping
	two_stop left
	hears ike "'STOPPING=1\\n'"
	hears tun "'STOPPING=1\\n'"
	# that was for another process
	run ! heard tun WATCHDOG
	# READY once
	[ "$(grep -c READY "$BATS_TEST_TMPDIR/ike.out")" -eq 1 ]
}

@test "sd_notify: a socket that nobody listens on changes nothing, a wrong name is exit 2" {
	two_setup
	NOTIFY_SOCKET=$T/none answer "${STEN4[@]}"
	two_stop right
	NOTIFY_SOCKET=relative run -2 --separate-stderr ip netns exec "$L" ike-respond --psk-file gw.psk -o /dev/null
	stderr_has 'NOTIFY_SOCKET'
}

@test "--ready-fd: one line, and the descriptor is closed; one that is not open for writing is exit 2" {
	two_setup
	mkfifo fifo
	two_start reader left "cat fifo >ready; echo end >>ready"
	two_start right right "exec ike-respond --psk-file gw.psk ${FAST[*]} ${STEN4[*]} -o /dev/null --ready-fd 7 7>fifo"
	eventually 10 grep -qs end ready
	[ "$(cat ready)" = $'READY=1\nend' ]
	listens
	run -2 --separate-stderr ike-respond --psk-file gw.psk --ready-fd 7 7</dev/null
	stderr_has 'descriptor 7 is not open for writing'
	run -2 --separate-stderr esp-tun --ready-fd 77 </dev/null
	stderr_has 'descriptor 77 is not open for writing'
	run -2 ike-respond --psk-file gw.psk --ready-fd 1
}

@test "sapipe run: as a user with the capabilities of the unit; ready when the tunnel carries, gone on SIGTERM" {
	local caps=+net_admin,+net_raw,+net_bind_service side
	two_setup
	# where that user gets to
	T=$(mktemp -d /tmp/service.XXXXXX)
	chmod 755 "$T"
	cp gw.psk "$T"
	cd "$T" || return
	listener left
	listener right
	chmod 777 left right
	for side in left right; do
		mkdir "$side.d" "$side.run" "$side.lib"
		cp gw.psk "$side.d"
	done
	printf '%s\n' '[a]' 'role = responder' 'psk-file = gw.psk' 'local-ts = 10.2.0.0/24' 'remote-ts = 10.1.0.0/24' \
		'tun = vpn0' "ike = ${FAST[1]}" >right.d/a.conf
	printf '%s\n' '[a]' 'role = initiator' "address = $PEER" 'psk-file = gw.psk' 'local-ts = 10.1.0.0/24' \
		'remote-ts = 10.2.0.0/24' 'tun = vpn0' "ike = ${FAST[1]}" >left.d/a.conf
	chown -R 65534:65534 left.d right.d left.run right.run left.lib right.lib
	for side in right left; do
		two_start "$side" "$side" "NOTIFY_SOCKET=$T/$side SAPIPE_CONF_DIR=$T/$side.d SAPIPE_RUN_DIR=$T/$side.run/sapipe \
			XDG_RUNTIME_DIR=$T/$side.run STATE_DIRECTORY=$T/$side.lib exec setpriv --reuid 65534 --regid 65534 \
			--clear-groups --inh-caps $caps --ambient-caps $caps --bounding-set=-all,$caps sapipe run a"
		hears "$side" READY=1 || { cat "$side.log"; return 1; }
	done
	the_ping
	[ "$(ps -o user= -g "${GROUP[left]}" | sort -u)" = nobody ]
	# it became the tool
	[ "$(ps -o comm= -p "${GROUP[left]}")" = esp-tun ]
	[ "$(ps -o comm= -p "${GROUP[right]}")" = ike-respond ]
	two_stop left
	two_stop right
	[ -z "$(left ip -o link show vpn0 2>/dev/null)" ]
}

@test "sapipe run: a file that this user may not read is exit 2, which the unit does not start again" {
	local d
	[ "$(id -u)" = 0 ] || skip "not root"
	# where another user gets to
	T=$(mktemp -d /tmp/service.XXXXXX)
	d=$T
	chmod 755 "$d"
	mkdir -m 755 "$d/conf" "$d/run"
	printf '%s\n' '[a]' 'role = initiator' 'address = 127.0.0.1' 'psk-file = gw.psk' 'remote-ts = 10.2.0.0/24' >"$d/conf/a.conf"
	(umask 077 && echo secret >"$d/conf/gw.psk")
	chmod 644 "$d/conf/a.conf"
	run -2 --separate-stderr env SAPIPE_CONF_DIR="$d/conf" SAPIPE_RUN_DIR="$d/run" setpriv --reuid 65534 --clear-groups sapipe run a
	stderr_has 'gw.psk'
	run -3 --separate-stderr env SAPIPE_CONF_DIR="$d/conf" SAPIPE_RUN_DIR="$d/run" setpriv --reuid 65534 --clear-groups sapipe check a
	chmod 700 "$d/conf"
	run -2 --separate-stderr env SAPIPE_CONF_DIR="$d/conf" SAPIPE_RUN_DIR="$d/run" setpriv --reuid 65534 --clear-groups sapipe run a
	stderr_has 'permission denied'
	# Two tunnels in a file: the unit for one pipeline would wait for a message of a child.
	printf '%s\n' '[a]' 'role = initiator' 'address = 127.0.0.1' 'psk-file = gw.psk' 'remote-ts = 10.2.0.0/24' '[b]' 'role = initiator' \
		'address = 127.0.0.2' 'psk-file = gw.psk' 'remote-ts = 10.3.0.0/24' 'tun = vpn1' >"$d/conf/two.conf"
	NOTIFY_SOCKET=$d/none run -2 --separate-stderr env SAPIPE_CONF_DIR="$d/conf" SAPIPE_RUN_DIR="$d/run" sapipe run two
	stderr_has 'more than two tools'
	stderr_has 'sapipe-many@two'
	grep -qx 'RestartPreventExitStatus=2 4' "$SAPIPE_TOP/dist/systemd/sapipe@.service"
}

@test "the units are right, and the exposure of the service is at most 2.0" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	local d=$BATS_TEST_TMPDIR
	cd "$SAPIPE_TOP"
	sed -E "s#^Exec(Start|Reload)=#&$SAPIPE_BUILD/#" "dist/systemd/sapipe@.service" >"$d/sapipe@x.service"
	cp "dist/systemd/sapipe@.socket" "$d/sapipe@x.socket"
	run systemd-analyze verify --man=no "$d/sapipe@x.service" "$d/sapipe@x.socket"
	[ "$status" -eq 0 ]
	[[ $output != *sapipe* ]] || { echo "$output"; return 1; }
	# The one for many tools differs by what its comment says.
	sed -E -f dist/systemd/many.sed "$d/sapipe@x.service" >"$d/sapipe-many@x.service"
	run systemd-analyze verify --man=no "$d/sapipe-many@x.service"
	[ "$status" -eq 0 ]
	[[ $output != *sapipe* ]] || { echo "$output"; return 1; }
	run diff <(grep -v '^#' "$d/sapipe@x.service") <(grep -v '^#' "$d/sapipe-many@x.service")
	[ "$(grep -c '^[<>]' <<<"$output")" = 3 ]
	run -0 systemd-analyze security --offline=true --no-pager --threshold=21 "$d/sapipe-many@x.service"
	run systemd-analyze security --offline=true --no-pager --threshold=20 "$d/sapipe@x.service"
	echo "${lines[-1]}"
	[ "$status" -eq 0 ]
	mkdir "$d/root"
	mkdir -p "$d/root/etc"
	run -0 systemd-sysusers --root="$d/root" "$PWD/dist/systemd/sapipe.sysusers"
	grep -q '^sapipe:' "$d/root/etc/passwd"
	run -0 systemd-tmpfiles --root="$d/root" --create "$PWD/dist/systemd/sapipe.tmpfiles"
	[ "$(stat -c %a "$d/root/var/lib/sapipe")" = 700 ]
	[ "$(stat -c %a "$d/root/etc/sapipe")" = 750 ]
}
