# Interop: certificates in phase 1 against strongSwan, plain and through a NAT router, either end initiating.

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

@test "lab cert: ikev1-rsa (RSA signatures, main mode)" {
	lab_interop ikev1-rsa
}

@test "lab cert: ikev1-rsa through NAT" {
	lab_interop --nat ikev1-rsa
}
