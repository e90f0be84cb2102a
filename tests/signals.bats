#!/usr/bin/env bats
# What a tool that runs until it is stopped does with each signal: SIGUSR1 prints its state, some end it
# in order, all others change nothing.
# shards: 2
# shellcheck disable=SC2005,SC2154 # kill -l prints no line for some; BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/ike
load lib/tun

mapfile -t SIGNALS < <(for n in {0..64}; do echo "$(kill -l "$n" 2>/dev/null)"; done)

# What nobody can ignore, what ends no process, what stops it for a shell's job control, and
# faults of the program itself.
LEFT_ALONE=" KILL STOP CONT TSTP TTIN TTOU SEGV BUS FPE ILL ABRT TRAP SYS XCPU CHLD URG WINCH "

teardown() { tun_teardown; }

alive() { kill -0 "${BG[$1]}" 2>/dev/null && [ "$(ps -o stat= -p "${BG[$1]}" | cut -c1)" != Z ]; }

# mask NAME FIELD: one of the signal masks of its process.
mask() { echo $((0x$(sed -n "s/^$2:[^0-9a-f]*//p" "/proc/${BG[$1]}/status"))); }

# decides NAME: the tool ignores or catches each signal, and keeps running after those that it ignores.
decides() {
	local n sig ignored
	eventually 5 decided "$1" || { decided "$1"; return 1; }
	ignored=$(mask "$1" SigIgn)
	for n in {1..64}; do
		sig=${SIGNALS[n]-}
		[[ -n $sig && $LEFT_ALONE != *" $sig "* ]] || continue
		if [ $(((ignored >> (n - 1)) & 1)) = 1 ]; then kill "-$n" "${BG[$1]}"; fi
	done
	alive "$1" || { echo "$1 has ended"; cat "$1.err"; return 1; }
}

# decided NAME: it ignores or catches each signal, as it does soon after its ports are open.
decided() {
	local n sig ignored caught
	ignored=$(mask "$1" SigIgn) caught=$(mask "$1" SigCgt)
	for n in {1..64}; do
		sig=${SIGNALS[n]-}
		[[ -n $sig && $LEFT_ALONE != *" $sig "* ]] || continue
		[ $((((ignored | caught) >> (n - 1)) & 1)) = 1 ] || { echo "$1: $sig would end it unasked"; return 1; }
	done
}

# states NAME TEXT: SIGUSR1 makes it print a line with TEXT, and it keeps running.
states() {
	kill -USR1 "${BG[$1]}"
	eventually 10 grep -q -- "$2" "$BATS_TEST_TMPDIR/$1.err" || {
		echo "$1 did not print: $2"
		cat "$BATS_TEST_TMPDIR/$1.err"
		return 1
	}
	alive "$1"
}

# ends_in_order NAME SIGNAL STATUS
ends_in_order() {
	local got=0
	kill "-$2" "${BG[$1]}"
	ended "$1" 10 || got=$?
	[ "$got" = "$3" ] || { echo "$1: $2 gave status $got, not $3"; cat "$BATS_TEST_TMPDIR/$1.err"; return 1; }
}

# initiator: a tunnel of two negotiators, the records of the left one in o.sa.
initiator() {
	background i ike-initiate --keep --local "$I" --psk-file gw.psk --remote-id any "${FAST[@]}" "${NETS[@]}" -o o.sa "$R"
	eventually 10 test -s o.sa || { cat i.err r.err; return 1; }
}

@test "signals: SIGUSR1 to ike-initiate and ike-respond prints their SAs and what is due" {
	need ike-initiate ike-respond
	ike_setup
	usual_responder
	initiator
	states i "1 IKE SAs, 1 child SAs, 0 exchanges in progress"
	eventually 5 grep -Eq "IKE SA [0-9a-f]{16}:[0-9a-f]{16} with .* at $R: established, initiator, rekey in 2[0-9]{4} s, expires in 28[0-9]{3} s, last heard [0-9]+ s ago" i.err
	eventually 5 grep -Eq "child SA [0-9a-f]{8} with ${R%:*}(:[0-9]+)?: 10.1.0.0/24 === 10.2.0.0/24, rekey in [0-9]+ s, expires in 3[0-9]{3} s" i.err
	states r "established, responder"
	eventually 5 grep -q "child SA .* with ${I%:*}.*: 10.2.0.0/24 === 10.1.0.0/24" r.err
}

@test "signals: the negotiators decide about each one, and end with deletes" {
	local sig
	need ike-initiate ike-respond
	ike_setup
	usual_responder
	decides r
	initiator
	decides i
	ends_in_order i QUIT 0
	eventually 10 grep -q "child SA .* ends: deleted" r.err || { cat r.err; return 1; }
	for sig in HUP INT TERM; do
		rm -f o.sa
		initiator
		ends_in_order i "$sig" 0
	done
	ends_in_order r QUIT 0
}

@test "signals: dpd-ping prints interim statistics on SIGUSR1 and SIGQUIT, and a summary on SIGHUP" {
	need dpd-ping ike-respond
	ike_setup
	usual_responder
	background d dpd-ping -i 0.5 --peer "$R"
	eventually 10 grep -q "answer from" d.out || { cat d.out d.err; return 1; }
	decides d
	# one may be under way
	states d "[1-9][0-9]*/[0-9]* answered, [0-9]*% loss, min/avg/max"
	: >d.err
	kill -QUIT "${BG[d]}"
	eventually 10 grep -aq "answered, [0-9]*% loss" d.err
	ends_in_order d HUP 0
	grep -q "answered, [0-9]*% loss" d.out
}

@test "signals: esp-tun prints its counters on SIGUSR1 and decides about each signal" {
	tun_setup
	make_pair aes128gcm16
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up left || { cat "$T/left.err"; return 1; }
	cd "$T" || return
	decides left
	states left "device vpn0: mtu"
	ends_in_order left QUIT 0
	run ! ip -n "$L" link show vpn0
}

@test "signals: vpnmon prints its state on SIGUSR1 and decides about each signal" {
	need vpnmon
	tun_setup
	cd "$T" || return
	left ip tuntap add vpn5 mode tun
	left ip link set vpn5 up
	background mon ip netns exec "$L" vpnmon --interval 0.2 --threshold 1000 --tun vpn5 10.2.0.1
	eventually 10 grep -q READY mon.out || { cat mon.out mon.err; return 1; }
	decides mon
	states mon "vpn5 "
	ends_in_order mon QUIT 0
}
