# shellcheck shell=bash
# vpnmon in left of the namespaces of tun.bash, over a tunnel of esp-tun with hand-made SA state:
#
#   load lib/common
#   load lib/tun
#   load lib/mon
#   setup() { mon_setup; }
#   teardown() { tun_teardown; }

mon_setup() {
	need vpnmon
	T=$BATS_TEST_TMPDIR
}

# tunnel [INNER]: an esp-tun on each side; inside is IPv4, or IPv6 with 6.
tunnel() {
	tun_setup
	make_pair aes128gcm16 none 4 "${1:-4}"
	tun_both
}

# monitor OPTION...: vpnmon in left, every 0.2 s, DOWN after 10 in a row: no busy machine is silent for 2 s.
monitor() {
	background mon ip netns exec "$L" vpnmon -v --tun vpn0 --interval 0.2 --threshold 10 "$@" 10.2.0.1
}

# pull, plug: ESP on its way from right to left is lost, or not.
pull() {
	left nft 'add table inet plug; add chain inet plug in { type filter hook input priority -300; }; add rule inet plug in meta l4proto esp drop'
}
plug() { left nft delete table inet plug; }

# says STATE [N]: the report has N (1) events of that state.
says() { [ "$(grep -c " vpn0 $1: " "$T/mon.out")" -ge "${2:-1}" ]; }
says_soon() {
	eventually 15 says "$@" || {
		echo "not there: $*"
		cat "$T/mon.out" "$T/mon.err"
		return 1
	}
}

# epoch_ms LINE: the time of the n-th event.
epoch_ms() { date -d "$(sed -n "$1p" "$T/mon.out" | cut -d' ' -f1)" +%s%3N; }

# ended_with STATUS: the monitor has, with that.
ended_with() {
	local rc=0
	ended mon || rc=$?
	[ "$rc" -eq "$1" ] || {
		echo "exit status $rc"
		return 1
	}
}

has_route() { left ip route show table main | grep -q '^10\.2\.0\.0/24 dev vpn0 .*src 10\.1\.0\.1'; }
