# Somebody sets the wall clock of one end while a tunnel is up: NTP on a router without a clock of its own.

bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

setup() {
	need ike-initiate ike-respond esp-tun
	tun_setup
	umask 077
	echo "not so secret 17" >"$T/psk"
}

teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 30 "$T"/*.err || :
	tun_teardown
}

# pipeline NAME NS ARGUMENT...: a negotiator and its esp-tun, by way of a FIFO.
pipeline() {
	local name=$1 ns=$2
	shift 2
	mkfifo "$T/$name.fifo"
	background "$name.esp" ip netns exec "$ns" esp-tun -v --tun vpn0 --state-dir "$T/$name.state" "$T/$name.fifo"
	# shellcheck disable=SC2016
	background "$name.ike" ip netns exec "$ns" bash -c 'f=$1; shift; exec "$@" >"$f"' - "$T/$name.fifo" "$@" -v
}

# set_clock SECONDS: by how much left's clock is off from now on.
set_clock() {
	local hex i
	hex=$(printf '%016x' "$1")
	for i in 14 12 10 8 6 4 2 0; do
		printf '%b' "\\x${hex:i:2}"
	done | dd of="$T/clock" conv=notrunc status=none
}

@test "clock jump: left's clock is set by 2 h, forward and back: no ping is lost, no SA ends" {
	local by before seen had
	[[ $SAPIPE_BUILD != */san ]] || skip "the sanitizers want to be loaded first"
	cc -shared -fPIC -D_GNU_SOURCE -o "$T/wallclock.so" "$SAPIPE_TOP/tests/lib/wallclock.c" -ldl
	set_clock 0
	pipeline right "$R" ike-respond --psk-file "$T/psk" --local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24
	eventually 15 eval "ip netns exec $R ss -Hlun 'sport = :500' | grep -q ."
	export LD_PRELOAD=$T/wallclock.so WALLCLOCK=$T/clock
	pipeline left "$L" ike-initiate --keep --psk-file "$T/psk" --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 203.0.113.2
	unset LD_PRELOAD WALLCLOCK
	eventually 15 tun_is_up left.esp
	eventually 15 left ping -q -c 1 -W 1 10.2.0.1
	for by in 7200 0 -7200; do
		set_clock "$by"
		# This is what the programs see.
		before=$(date +%s)
		seen=$(($(LD_PRELOAD=$T/wallclock.so WALLCLOCK=$T/clock date +%s) - by))
		[ $seen -ge "$before" ] && [ $seen -le "$(date +%s)" ]
		had=$(replies)
		left ping -q -c 40 -i 0.05 -W 5 10.2.0.1 || :
		eventually 10 replied $((had + 40))
	done
	run ! grep -E 'is down|expired' "$T/left.esp.err"
	run ! grep -E 'deleted|expired' "$T/left.ike.err"
	# One SA, the first: nothing had to be negotiated again.
	[ "$(grep -c 'is in use' "$T/left.esp.err")" = 1 ]
}
