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

@test "lab cert: ikev1-rsa-aggressive" {
	lab_interop ikev1-rsa-aggressive
}

@test "lab cert: ikev1-rsa-aggressive through NAT" {
	lab_interop --nat ikev1-rsa-aggressive
}

@test "lab cert: ikev1-ecdsa (RFC 4754, P-256)" {
	lab_interop ikev1-ecdsa
}

@test "lab cert: ikev1-ecdsa through NAT" {
	lab_interop --nat ikev1-ecdsa
}

# respond CONFIG: the gateway initiates, the tunnel carries both ways.
respond() {
	need ike-respond esp-tun
	lab_up "$1"
	lab_respond "$1"
	lab_ctl --initiate --child net
	eventually 5 lab_answers right "$LEFT_INNER"
	lab_tunnel_works
}

@test "lab cert: the gateway initiates with ikev1-rsa" {
	respond ikev1-rsa
}

@test "lab cert: the gateway initiates with ikev1-rsa-aggressive" {
	respond ikev1-rsa-aggressive
}

@test "lab cert: the gateway initiates with ikev1-ecdsa" {
	respond ikev1-ecdsa
}
