# Interop: the gateway initiates, ike-respond | esp-tun answers.
# shards: 4

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

# respond CONFIG: the gateway initiates, the tunnel carries both ways.
respond() {
	need ike-respond esp-tun
	lab_up "$1"
	lab_respond "$1"
	lab_ctl --initiate --child net
	eventually 5 lab_device_up
	eventually 5 lab_answers right "$LEFT_INNER"
	lab_tunnel_works
}

@test "lab respond: ikev1-psk" {
	respond ikev1-psk
}

@test "lab respond: ikev1-psk-address" {
	respond ikev1-psk-address
}

@test "lab respond: ikev1-psk-aggressive" {
	respond ikev1-psk-aggressive
}

@test "lab respond: ikev1-3des-md5" {
	respond ikev1-3des-md5
}

@test "lab respond: ikev1-aes128-sha1" {
	respond ikev1-aes128-sha1
}

@test "lab respond: ikev1-aes256-sha256" {
	respond ikev1-aes256-sha256
}

@test "lab respond: ikev1-gcm-ecp256" {
	respond ikev1-gcm-ecp256
}

@test "lab respond: ikev1-pfs" {
	respond ikev1-pfs
}

@test "lab respond: ikev1-encap" {
	respond ikev1-encap
}

@test "lab respond: ikev1-host" {
	respond ikev1-host
}

@test "lab respond: ikev1-dpd: probes are answered" {
	respond ikev1-dpd
	eventually 30 lab_probed 2
	lab_has_sa
	lab_ping right "$LEFT_INNER" 2
}
