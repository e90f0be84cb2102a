# Interop: the gateway that initiated rekeys ESP and IKE; ike-respond keeps up without a lost ping.

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

@test "lab respond: ikev1-rekey: 26 s of pings, none lost" {
	need ike-respond esp-tun
	lab_up ikev1-rekey
	lab_respond ikev1-rekey
	lab_ctl --initiate --child net
	eventually 5 lab_answers right "$LEFT_INNER"
	lab_rekeys
	lab_transfer left right "$RIGHT_INNER"
	lab_transfer right left "$LEFT_INNER"
}
