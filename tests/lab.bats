# The lab itself: its helper proved with strongSwan at both ends, so that a failure of the
# other lab suites is a failure of our tools.

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	[ -z "${LAB_STATE:-}" ] || LAB_SIDE=left "$LAB/strongswan.sh" stop
	lab_teardown
}

strongswan_at_both_ends() {
	lab_up "$@"
	LAB_SIDE=left "$LAB/strongswan.sh" start "${!#}" 3>&- 4>&-
	LAB_SIDE=left lab_ctl --initiate --child net
	lab_tunnel_works
}

@test "lab: strongSwan reaches strongSwan, plain" {
	strongswan_at_both_ends ikev1-psk
}

@test "lab: strongSwan reaches strongSwan through the NAT router" {
	strongswan_at_both_ends --nat ikev1-psk
}

@test "lab: without a tunnel nothing gets across, and nothing is counted" {
	lab_up ikev1-psk
	lab_ping left "$RIGHT_IP"
	run ! lab_answers left "$RIGHT_INNER"
	run ! lab_answers right "$LEFT_INNER"
	run ! lab_counted
}
