#!/usr/bin/env bats
# FRR's nhrpd with gre-tun's device in place of a GRE of the kernel: DMVPN of phase 3, all ends ours or one of them.
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() {
	local why
	need gre-tun
	why=$(tun_missing)
	[ -z "$why" ] || skip "tunnels cannot be tested here: $why"
	timeout 60 "$SAPIPE_TOP/tests/lab/frr/frr.sh" get >/dev/null 2>&1 || skip "no FRR (tests/lab/frr/README.md)"
}

# dmvpn NODES [--nat]: the lab proves itself, with gre-tun in NODES.
dmvpn() {
	local ours=$1
	shift
	run -0 env LAB_OURS="$ours" LAB_PREFIX="et$$x${BATS_TEST_NUMBER}-" timeout 250 "$SAPIPE_TOP/tests/lab/frr/selftest.sh" "$@"
	output_has " 0 failed, 0 skipped"
	[ "$(grep -c '^PASS' <<<"$output")" -ge 11 ]
}

@test "lab gre: nhrpd of FRR registers, resolves and takes shortcuts over gre-tun's devices" {
	dmvpn "hub spoke1 spoke2"
}

@test "lab gre: gre-tun and another GRE on one tunnel, with a NAT in between" {
	dmvpn "spoke1" --nat
	dmvpn "hub spoke2" --nat
}
