#!/usr/bin/env bats
# What a tool does where this machine gives it little: few descriptors.
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() {
	need sa-show ike-trace skeyid-calc natd-probe dpd-ping vpnmon ike-initiate ike-respond esp-tun
	tun_setup
	make_pair aes128gcm16
	umask 077
	echo "a secret for few" >"$T/psk"
}
teardown() { tun_teardown; }

# few N COMMAND...: in $L with N descriptors; ends it after a moment if it keeps running, which is no error. With 8 none does:
# they get the time that a busy machine needs.
# The end may take long: esp-tun waits until the disk has its numbers. LeakSanitizer itself needs descriptors.
few() {
	local n=$1 wait=0.4
	shift
	[ "$n" -gt 8 ] || wait=20
	# shellcheck disable=SC2016 # the inner shell expands it
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 ip netns exec "$L" timeout -s TERM -k 60 $wait bash -c 'ulimit -c 0; ulimit -n "$1" || exit 99; shift; exec "$@" </dev/null' - \
		"$n" "$@" >"$T/few.out" 2>"$T/few.err"
}

@test "limits: with few descriptors a tool ends with a message that names them, never by a signal" {
	local tool n rc all said=0
	all=("ike-initiate --psk-file $T/psk --timeout 0.2 203.0.113.9" \
		"ike-respond --psk-file $T/psk --remote-ts 10.2.0.0/24" "natd-probe --timeout 0.2 203.0.113.9" \
		"dpd-ping -c 1 -W 0.1 --peer 203.0.113.9" "esp-tun --state-dir $T/state $T/left.sa" \
		"vpnmon --tun eth0 203.0.113.9" "sa-show $T/left.sa" "ike-trace $T/left.sa" "skeyid-calc vid --json")
	for tool in "${all[@]}"; do
		for n in 4 7 8 11 20; do
			rc=0
			# shellcheck disable=SC2086 # words
			few "$n" $tool || rc=$?
			case $rc in
			0 | 1 | 2 | 4 | 124) ;;
			3)
				grep -q 'Too many open files' "$T/few.err" || { echo "$n: $tool"; cat "$T/few.err"; false; }
				said=$((said + 1))
				;;
			*)
				echo "$n: $tool: exit status $rc"
				cat "$T/few.err"
				false
				;;
			esac
			! grep -q 'libev\|[Aa]bort' "$T/few.err" || { echo "$n: $tool"; cat "$T/few.err"; false; }
		done
	done
	[ "$said" -ge 5 ]
}
