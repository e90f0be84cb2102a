#!/usr/bin/env bats
# How a tunnel of esp-tun ends, and what it says then: its input, its SAs, a signal.
# shards: 2
# shellcheck disable=SC2016,SC2154 # for eval; BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() { tun_setup; }
teardown() { tun_teardown; }

# piped OPTION...: an esp-tun in left whose input is the pipe $T/lf, open as descriptor 5.
piped() {
	mkfifo "$T/lf"
	tun_start left "$@" "$T/lf"
	exec 5>"$T/lf"
	cat "$T/left.sa" >&5
	eventually 15 tun_is_up left || { cat "$T/left.err"; return 1; }
}

says() {
	eventually 15 grep -Eq -- "$1" "$T/left.err" || {
		echo "not said: $1"
		cat "$T/left.err"
		return 1
	}
}

@test "esp-tun: after a negotiator exits without deletes it reports how long the tunnel stays up" {
	make_pair aes128gcm16 none 4 4 --lifetime 15
	tun_start right "$T/right.sa"
	piped
	run ! grep -q "the input has ended" "$T/left.err"
	exec 5>&-
	says "the input has ended: vpn0 goes on until 2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z without rekeying"
	eventually 15 tun_is_up right
	ping_across 10.2.0.1
	# By then it has expired, and that is logged too.
	ended left 60
	says "SA [0-9a-f]{8} has expired, and no newer SA carries its traffic"
	says "vpn0 is down: 10.1.0.0/24 to 10.2.0.0/24 through 203.0.113.2: the SA has expired"
	[ "$(grep -c "the input has ended" "$T/left.err")" = 1 ]
}

@test "esp-tun: --end-with-input ends with the negotiator: 0 if there was a tunnel, 1 if not" {
	make_pair aes128gcm16
	piped --end-with-input
	exec 5>&-
	ended left 10
	says "vpn0 is down: .*: esp-tun ends"
	run ! grep -q "the input has ended" "$T/left.err"
	run ! left ip link show vpn0
	run -1 --separate-stderr left esp-tun --end-with-input --tun vpn0 --state-dir "$T/s" /dev/null
	one_error
	stderr_has "without a child SA"
}

@test "esp-tun: \"vpn0 is down\" says why: deleted, with the reason of the record; stopped" {
	local spi
	make_pair aes128gcm16
	spi=$(/usr/bin/python3 -c 'import cbor2, sys; print(cbor2.load(open(sys.argv[1], "rb"))["spi-in"])' "$T/left.sa")
	piped
	sa_make delete --spi-in "$spi" --protocol esp --reason "the peer is dead" "$T/ld"
	cat "$T/ld" >&5
	says "vpn0 is down: .* through 203.0.113.2: the peer is dead$"
	make_pair aes128gcm16
	cat "$T/left.sa" >&5
	eventually 15 eval '[ "$(grep -c "vpn0 is up" "$T/left.err")" = 2 ]'
	kill "${BG[left]}"
	ended left 10
	exec 5>&-
	says "vpn0 is down: .*: esp-tun ends"
}

# rules: the routing rules in left that belong to tunnels.
rules() { left ip rule | grep -cE "suppress_prefixlength|not from all fwmark"; }

@test "esp-tun: two tunnels with a default route; the exit of one keeps the routing rules of the other" {
	make_pair aes128gcm16 none 4 4 --remote-ts 0.0.0.0/0
	tun_start left "$T/left.sa"
	make_pair aes128gcm16 none 4 4 --remote-ts 0.0.0.0/0 --remote 203.0.113.3
	background other ip netns exec "$L" esp-tun --tun vpn1 --state-dir "$T/other.state" "$T/left.sa"
	eventually 15 tun_is_up left
	eventually 15 grep -q "vpn1 is up" "$T/other.err" || { cat "$T/other.err"; return 1; }
	[ "$(rules)" = 4 ]
	kill "${BG[left]}"
	ended left 10
	[ "$(rules)" = 2 ] || { left ip rule; return 1; }
	kill "${BG[other]}"
	ended other 10
	run rules
	[ "$output" = 0 ]
}

@test "esp-tun: an event limits a child SA to fewer kilobytes, and never to more" {
	local spi
	make_pair aes128gcm16
	spi=0x$(sa-show --json "$T/left.sa" | jq -r '.["spi-in"]')
	sa_make event --what limit --spi-in "$spi" --kilobytes 4 "$T/limit.sa"
	sa_make event --what limit --spi-in "$spi" --kilobytes 400 "$T/more.sa"
	cat "$T/left.sa" "$T/limit.sa" "$T/more.sa" >"$T/both.sa"
	chmod 600 "$T/both.sa"
	tun_start left "$T/both.sa"
	tun_start right "$T/right.sa"
	eventually 15 tun_is_up left
	eventually 15 tun_is_up right
	# Three packets of 1 KB and their headers fit, the fourth does not.
	run left ping -c 6 -i 0.1 -W 1 -s 1000 10.2.0.1
	says "SA [0-9a-f]+: hard expiry by volume"
	eventually 10 replied 3
	[ "$(replies)" = 3 ]
}
