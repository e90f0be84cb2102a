# make demo: what it shows, how long it takes, and what it says where it cannot run.

bats_require_minimum_version 1.5.0

load lib/common

# It brings namespaces of its own, with root or without.
demo() {
	timeout 300 "$SAPIPE_TOP/tests/demo.sh"
}

# stalled: seconds so far in which some process waited for a processor; 0 where the kernel does not count them.
stalled() {
	local total
	read -r total 2>/dev/null </proc/pressure/cpu || :
	echo $((${total##*=} / 1000000))
}

@test "demo: a tunnel, a look, a ping, a transfer, a teardown; within 15 s" {
	need ike-initiate ike-respond esp-tun sa-show
	[ -z "$(demo_missing)" ] || [ "${SAPIPE_LAB:-}" = require ] || skip "$(demo_missing)"
	local begin=$EPOCHSECONDS before took
	before=$(stalled)
	run -0 demo
	# other work on the machine does not count
	took=$((EPOCHSECONDS - begin - $(stalled) + before))
	[ $took -le $((before ? 15 : 60)) ] || { echo "took $took s"; return 1; }
	output_has "ike-respond --psk-file gw.psk"
	output_has "ike-initiate --keep --psk-file gw.psk"
	output_has "| esp-tun --tun vpn0"
	output_has "sa-show left.sa"
	output_has "3 received, 0% packet loss"
	output_has "the same"
	output_has "keys         SKEYID"
	output_has "hidden"
}

demo_missing() {
	[ -w /dev/net/tun ] || { echo "/dev/net/tun is not writable"; return; }
	unshare -Urnm true 2>/dev/null || unshare -nm true 2>/dev/null || echo "no namespaces here"
}

@test "demo: it names the missing tools and exits with 3" {
	SAPIPE_BUILD=$BATS_TEST_TMPDIR run -3 --separate-stderr "$SAPIPE_TOP/tests/demo.sh"
	stderr_has "$BATS_TEST_TMPDIR/ike-initiate"
	stderr_has "hint: "
	[ -z "$output" ]
}
