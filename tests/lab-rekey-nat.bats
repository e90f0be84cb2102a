# Interop: rekeying as lab-rekey.bats, through the NAT router; a file of its own, to run beside it.

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

@test "lab rekey: 26 s of pings through a NAT router, none lost" {
	need ike-initiate esp-tun
	lab_up --nat ikev1-rekey
	lab_initiate ikev1-rekey
	eventually 10 lab_answers left "$RIGHT_INNER"
	lab_rekeys
	lab_transfer left right "$RIGHT_INNER"
	lab_transfer right left "$LEFT_INNER"
}
