# What vpnmon prints and how it is configured: mistakes, the peers file, records, the table, metrics, readers
# that go away. On tunnels of esp-tun with hand-made SA state.
# shards: 3

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun
load lib/mon

setup() { mon_setup; }

teardown() { tun_teardown; }

@test "vpnmon: misuse" {
	run -2 --separate-stderr vpnmon 10.2.0.1
	one_error
	run -2 --separate-stderr vpnmon --tun vpn0
	one_error
	run -2 --separate-stderr vpnmon --tun vpn0 nonsense
	one_error
	stderr_has '"nonsense" is no address'
	run -2 --separate-stderr vpnmon --tun vpn0 --tun vpn1 --tun vpn2 10.2.0.1 10.2.0.2
	one_error
	stderr_has "2 DEST for 3 tunnels"
	run -2 --separate-stderr vpnmon --tun vpn0 --tun vpn0 10.2.0.1
	stderr_has "two tunnels with the device vpn0"
	run -2 --separate-stderr vpnmon --tun vpn0 --group gw --routes keep 10.2.0.1
	stderr_has "--group requires --routes mark"
	run -2 --separate-stderr vpnmon --json --format cbor --tun vpn0 10.2.0.1
	stderr_has "exclude each other"
	run -2 --separate-stderr vpnmon --tun vpn0 --source 2001:db8::1 10.2.0.1
	stderr_has "not of one family"
	run -2 --separate-stderr vpnmon --tun a-name-that-no-device-has 10.2.0.1
	one_error
	for bad in "--interval 0" "--threshold 0" "--routes maybe"; do
		# shellcheck disable=SC2086 # two words
		run -2 --separate-stderr vpnmon --tun vpn0 $bad 10.2.0.1
		one_error
	done
}

# peers TEXT MESSAGE: a peers file of that is refused with that.
peers() {
	printf "$1" >"$T/peers.ini"
	chmod 600 "$T/peers.ini"
	run -2 --separate-stderr vpnmon --peers "$T/peers.ini"
	one_error
	stderr_has "$2"
}

@test "vpnmon: errors in a peers file are reported with their line" {
	peers '[a]\ntun = vpn0\n' 'peers.ini:1: section [a] has no dest'
	peers '[a]\ndest = 10.2.0.1\n' 'peers.ini:1: section [a] has no tun'
	peers '[a]\ntun = vpn0\ndest = gw\n' 'peers.ini:3: dest: "gw" is no address'
	peers '[a]\ntun = vpn0\ndest = 10.2.0.1\n[b]\ntun = vpn0\ndest = 10.2.0.1\n' \
		'peers.ini:5: tun: two tunnels with the device vpn0'
	peers '[a]\ntun = vpn0\ntund = x\n' "peers.ini:3: unknown key 'tund': did you mean 'tun'?"
	peers '[a]\ntun = vpn0\ninterval = 0\n' 'peers.ini:3: interval: 0 is out of range'
	peers '[defaults]\ngroup = gw\n[a]\ntun = vpn0\ndest = 10.2.0.1\nroutes = keep\n' 'peers.ini:3: group'
	peers '' 'peers.ini:1: the file is empty'
	peers '[defaults]\ninterval = 1\n' 'no section describes a tunnel'
	run -2 --separate-stderr vpnmon --peers "$T/peers.ini" --tun vpn0 10.2.0.1
	stderr_has "--tun, --source and DEST cannot be used with --peers"
	run -2 --separate-stderr vpnmon --peers "$T/none.ini"
	stderr_has "No such file"
}

@test "vpnmon: it accepts the peers file of its man page" {
	tun_setup
	awk '/^\.Bd/ { n = 1; next } /^\.Ed/ { on = 0 } n == 1 { n = 0; on = ($0 == "[defaults]") } on' \
		"$SAPIPE_TOP/man/vpnmon.8" >"$T/peers.ini"
	chmod 600 "$T/peers.ini"
	left ip link add vpn0 type veth peer name vpn1
	left ip addr add 10.1.255.1/32 dev vpn0
	left ip addr add 10.1.255.2/32 dev vpn1
	background mon ip netns exec "$L" vpnmon --peers "$T/peers.ini"
	eventually 10 grep -q CARRIER "$T/mon.out" || { cat "$T/mon.out" "$T/mon.err"; return 1; }
	kill "${BG[mon]}"
	ended mon
	[ ! -s "$T/mon.err" ] || { cat "$T/mon.err"; return 1; }
	output=$(<"$T/mon.out")
	[[ $output == *"vpn0 READY: probing 10.7.255.1 every 5 s"*"vpn1 READY: probing 10.7.255.2 every 30 s"*"branch-7 CARRIER: vpn0 (started)"* ]]
}

@test "vpnmon: --metrics writes a whole file each time, readable by all" {
	tunnel
	mkdir -m 755 "$T/m"
	monitor --persist --metrics "$T/m/vpn.prom"
	says_soon UP
	eventually 15 grep -q '^vpnmon_up{tun="vpn0",destination="10.2.0.1"} 1$' "$T/m/vpn.prom"
	grep -q '^vpnmon_state{tun="vpn0",destination="10.2.0.1",state="up"} 1$' "$T/m/vpn.prom"
	grep -qE '^vpnmon_rtt_seconds\{[^}]*\} [0-9]+\.[0-9]+$' "$T/m/vpn.prom"
	[ "$(stat -c %a "$T/m/vpn.prom")" = 644 ]
	pull
	says_soon DOWN
	eventually 15 grep -q '^vpnmon_up{.*} 0$' "$T/m/vpn.prom"
	# every line of the format: a comment, or a name, labels and a number
	run ! grep -vE '^# (HELP|TYPE) vpnmon_[a-z_]+ .+$|^vpnmon_[a-z_]+\{[^}]*\} [-+0-9.e]+$' "$T/m/vpn.prom"
	kill "${BG[mon]}"
	ended_with 1
	[ "$(ls -A "$T/m")" = vpn.prom ]
	run -3 --separate-stderr left vpnmon --tun vpn0 --metrics "$T/none/vpn.prom" 10.2.0.1
	stderr_has "cannot make"
}

@test "vpnmon: it exits with 3 when the reader closes the pipe, and restores the routes" {
	tunnel
	run -3 --separate-stderr bash -c \
		'set -o pipefail; ip netns exec "$1" timeout 100 vpnmon --persist --tun vpn0 --interval 0.1 --threshold 3 10.2.0.1 |
		{ read -r _; read -r _; ip netns exec "$1" nft "add table inet plug; add chain inet plug in { type filter hook input priority -300; }; add rule inet plug in meta l4proto esp drop"; }' - "$L"
	[ -z "$stderr" ]
	has_route
}

@test "vpnmon: it detects a closed pipe also when it has nothing to print" {
	tunnel
	run -3 --separate-stderr bash -c 'set -o pipefail
		ip netns exec "$1" timeout 100 vpnmon --tun vpn0 --interval 300 10.2.0.1 | { read -r _; read -r _; }' - "$L"
	[ -z "$stderr" ]
	run -3 --separate-stderr bash -c 'set -o pipefail
		ip netns exec "$1" timeout 100 vpnmon --format cbor --tun vpn0 --interval 300 10.2.0.1 | head -c 100 >/dev/null' - "$L"
	stderr_has "vpnmon: "
}

@test "vpnmon: a stuck reader does not delay routes, and gets every line when it reads on" {
	tunnel
	mkfifo "$T/pipe"
	exec 8<>"$T/pipe"
	# a pipe has room for so much
	head -c 65536 /dev/zero >&8
	ip netns exec "$L" vpnmon -v --json --persist --tun vpn0 --interval 0.2 --threshold 10 10.2.0.1 \
		</dev/null >"$T/pipe" 2>"$T/mon.err" 3>&- 4>&- 8>&- &
	BG[mon]=$!
	sleep 1
	pull
	eventually 15 eval '! left ip route show table main | grep -q "^10\.2\.0\.0/24"'
	plug
	eventually 15 has_route
	kill -USR1 "${BG[mon]}"
	eventually 15 grep -q 'vpn0 is UP since' "$T/mon.err"
	timeout 5 cat <&8 >"$T/late" || :
	exec 8>&-
	[ "$(tr -d '\0' <"$T/late" | jq -r .state | xargs)" = "ready up down up" ]
	eventually 15 grep -q 'Broken pipe' "$T/mon.err"
	ended_with 3
}

@test "vpnmon: --format cbor: event records that fit the schema and that sa-show reads" {
	need sa-show
	tunnel
	monitor --format cbor --persist --group gw
	eventually 15 grep -qa carrier "$T/mon.out"
	eventually 15 eval "sa-show '$T/mon.out' | grep -q 'what  *up'"
	pull
	eventually 15 eval "sa-show '$T/mon.out' | grep -q 'what  *down'"
	kill "${BG[mon]}"
	ended_with 1
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" "$T/mon.out"
	[ "$output" = "5 event" ]
	run -0 --separate-stderr sa-show --format json "$T/mon.out"
	[ "$(jq -r -s 'map([.source, .what, .tun // ""] | join(" ")) | join("; ")' <<<"$output")" = \
		"vpnmon ready vpn0; vpnmon carrier vpn0; vpnmon up vpn0; vpnmon down vpn0; vpnmon carrier " ]
	jq -e -s --argjson now "$(date +%s)" 'all(.[]; .time > $now - 60 and .time <= $now and .text != "")' <<<"$output"
	[ "$(jq -r 'select(.what == "carrier") | .text' <<<"$output")" = $'gw: vpn0 (started)\ngw: none, in place of vpn0 (down)' ]
	# through a pipe, as it is meant
	run -0 bash -c 'ip netns exec "$1" timeout 5 vpnmon --format cbor --tun vpn0 10.2.0.1 | sa-show' - "$L"
	output_has "ready, from vpnmon"
	run -2 env TERM=xterm script -qec "ip netns exec $L vpnmon --format cbor --tun vpn0 10.2.0.1" /dev/null </dev/null
	output_has "vpnmon --format cbor ... | sa-show"
}

# watched NAME STTY [VARIABLE]...: vpnmon --watch in the background, on a terminal of its own, whose output is $T/NAME.out;
# leave NAME ends it.
watched() {
	background "$1" env TERM=xterm LC_ALL=C.UTF-8 "${@:3}" script -qec "$2 exec ip netns exec $L \
		vpnmon --watch --persist --tun vpn0 -i 0.2 --threshold 3 10.2.0.1" /dev/null
}
leave() {
	pkill -INT -P "${BG[$1]}"
	ended "$1"
}

# plain NAME: without colours and movements. drawn NAME REGEX: a line of it is so.
plain() { tr '\r' '\n' <"$T/$1.out" | sed 's/\x1b\[[0-9;]*[mAJ]//g'; }
drawn() { plain "$1" | grep -qE "$2"; }
draws_soon() { eventually 15 drawn "$@" || { cat -v "$T/$1.out"; return 1; }; }

@test "vpnmon: --watch draws a table on a terminal, events above it" {
	tunnel
	run -2 --separate-stderr left vpnmon --watch --tun vpn0 10.2.0.1
	stderr_has "requires a terminal as standard output"
	pull
	watched table ""
	draws_soon table 'vpn0 +DOWN +0m0[0-9]s +100\.0% +-  xxx'
	plug
	draws_soon table 'vpn0 +UP +0m0[0-9]s +[0-9.]+% +[0-9]+\.[0-9]{3}  xxxx*[▁▂▃▄▅▆▇█]+'
	leave table
	drawn table '^20[^ ]*Z vpn0 DOWN: '
	grep -q $'\x1b\\[1A' "$T/table.out"
}

# draws REGEX VARIABLE STTY: what a terminal of that kind gets until a line is so.
draws() {
	# shellcheck disable=SC2086 # none, or a variable for env
	watched draw "stty $3;" $2
	draws_soon draw "$1" && leave draw && plain draw
}

@test "vpnmon: --watch: narrow and low terminals, NO_COLOR, TERM=dumb, no UTF-8" {
	tunnel
	# of 30 columns none but events is longer
	draws '^vpn0 UP +0m0' "" "cols 30 rows 10" >"$T/narrow"
	[ "$(grep -v '^20' "$T/narrow" | awk '{ gsub(/[^ -~]/, ""); print length }' | sort -n | tail -1)" -lt 30 ]
	draws '^vpn0 UP *$' "" "cols 12 rows 2" >"$T/narrow"
	[ "$(grep -v '^20' "$T/narrow" | awk '{ print length }' | sort -n | tail -1)" -lt 12 ]
	draws '^vpn0 UP .*[▁▂▃▄▅▆▇█]' NO_COLOR=1 "cols 100" >/dev/null
	! grep -q $'\x1b\\[[0-9;]*m' "$T/draw.out" || return 1
	grep -q $'\x1b\\[1A' "$T/draw.out"
	draws '^vpn0 UP .*[.0-9]  [1-8]+' LC_ALL=C "cols 100" >/dev/null
	draws ' vpn0 UP: ' TERM=dumb "cols 80" >"$T/dumb"
	! grep -q $'\x1b' "$T/draw.out" || return 1
	grep -q 'does not support the table' "$T/dumb"
}

# The last row drawn is shorter than N.
row_below() { [ "$(plain table | grep '^vpn0 UP' | tail -n 1 | awk '{ gsub(/[^ -~]/, ""); print length }')" -lt "$1" ]; }

@test "vpnmon: --watch follows the size of the terminal" {
	tunnel
	# wide first, narrow at the end
	watched table "stty cols 90; (until [ -e $T/narrow ]; do sleep 0.1; done; stty -F /dev/tty cols 24) &"
	draws_soon table 'LAST QUESTIONS'
	draws_soon table '^vpn0 UP .{24}'
	run ! row_below 24
	: >"$T/narrow"
	eventually 15 row_below 24
	leave table
}
