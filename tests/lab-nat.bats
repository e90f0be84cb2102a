# Interop: ike-initiate | esp-tun against strongSwan through a NAT router, ping and 10 MB of TCP
# each way for every configuration.
# shards: 3

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

@test "lab nat: ikev1-psk (main mode)" {
	lab_interop --nat ikev1-psk
}

@test "lab nat: ikev1-psk-address (IDs of type address)" {
	lab_interop --nat ikev1-psk-address
}

@test "lab nat: ikev1-psk-aggressive (aggressive mode)" {
	lab_interop --nat ikev1-psk-aggressive
}

@test "lab nat: ikev1-3des-md5 (3DES, MD5, group 2)" {
	lab_interop --nat ikev1-3des-md5
}

@test "lab nat: ikev1-aes128-sha1 (AES-128, SHA-1, group 5)" {
	lab_interop --nat ikev1-aes128-sha1
}

@test "lab nat: ikev1-aes256-sha256 (AES-256, SHA-256)" {
	lab_interop --nat ikev1-aes256-sha256
}

@test "lab nat: ikev1-gcm-ecp256 (AES-GCM, P-256)" {
	lab_interop --nat ikev1-gcm-ecp256
}

@test "lab nat: ikev1-pfs (quick mode with PFS)" {
	lab_interop --nat ikev1-pfs
}

@test "lab nat: ikev1-encap (a gateway that feigns a NAT)" {
	lab_interop --nat ikev1-encap
}
