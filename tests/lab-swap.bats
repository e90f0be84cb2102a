# Interop with the sides of the lab swapped: strongSwan in left is the client of ike-respond | esp-tun in right, ping and
# 10 MB of TCP each way for every configuration, plain and through a NAT router.
# shards: 6

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

@test "lab swap: ikev1-psk (main mode)" {
	lab_swapped ikev1-psk
}

@test "lab swap: ikev1-psk --nat" {
	lab_swapped --nat ikev1-psk
}

@test "lab swap: ikev1-psk-address (IDs of type address)" {
	lab_swapped ikev1-psk-address
}

@test "lab swap: ikev1-psk-address --nat" {
	lab_swapped --nat ikev1-psk-address
}

@test "lab swap: ikev1-psk-aggressive (aggressive mode)" {
	lab_swapped ikev1-psk-aggressive
}

@test "lab swap: ikev1-psk-aggressive --nat" {
	lab_swapped --nat ikev1-psk-aggressive
}

@test "lab swap: ikev1-3des-md5 (3DES, MD5, group 2)" {
	lab_swapped ikev1-3des-md5
}

@test "lab swap: ikev1-3des-md5 --nat" {
	lab_swapped --nat ikev1-3des-md5
}

@test "lab swap: ikev1-aes128-sha1 (AES-128, SHA-1, group 5)" {
	lab_swapped ikev1-aes128-sha1
}

@test "lab swap: ikev1-aes128-sha1 --nat" {
	lab_swapped --nat ikev1-aes128-sha1
}

@test "lab swap: ikev1-aes256-sha256 (AES-256, SHA-256)" {
	lab_swapped ikev1-aes256-sha256
}

@test "lab swap: ikev1-aes256-sha256 --nat" {
	lab_swapped --nat ikev1-aes256-sha256
}

@test "lab swap: ikev1-gcm-ecp256 (AES-GCM, P-256)" {
	lab_swapped ikev1-gcm-ecp256
}

@test "lab swap: ikev1-gcm-ecp256 --nat" {
	lab_swapped --nat ikev1-gcm-ecp256
}

@test "lab swap: ikev1-pfs (quick mode with PFS)" {
	lab_swapped ikev1-pfs
}

@test "lab swap: ikev1-pfs --nat" {
	lab_swapped --nat ikev1-pfs
}

@test "lab swap: ikev1-encap (a client that feigns a NAT)" {
	lab_swapped ikev1-encap
}

@test "lab swap: ikev1-encap --nat" {
	lab_swapped --nat ikev1-encap
}

@test "lab swap: ikev1-rsa (RSA signatures)" {
	lab_swapped ikev1-rsa
}

@test "lab swap: ikev1-rsa --nat" {
	lab_swapped --nat ikev1-rsa
}

@test "lab swap: ikev1-rsa-aggressive (RSA signatures, aggressive mode)" {
	lab_swapped ikev1-rsa-aggressive
}

@test "lab swap: ikev1-rsa-aggressive --nat" {
	lab_swapped --nat ikev1-rsa-aggressive
}

@test "lab swap: ikev1-ecdsa (RFC 4754, P-256)" {
	lab_swapped ikev1-ecdsa
}

@test "lab swap: ikev1-ecdsa --nat" {
	lab_swapped --nat ikev1-ecdsa
}

@test "lab swap: ikev1-xauth-psk (XAuth, mode config)" {
	lab_swapped ikev1-xauth-psk
}

@test "lab swap: ikev1-xauth-psk --nat" {
	lab_swapped --nat ikev1-xauth-psk
}

@test "lab swap: ikev1-xauth-psk-aggressive (group name, XAuth, mode config)" {
	lab_swapped ikev1-xauth-psk-aggressive
}

@test "lab swap: ikev1-xauth-psk-aggressive --nat" {
	lab_swapped --nat ikev1-xauth-psk-aggressive
}

@test "lab swap: ikev1-xauth-rsa (certificates of both ends, XAuth, mode config)" {
	lab_swapped ikev1-xauth-rsa
}

@test "lab swap: ikev1-xauth-rsa --nat" {
	lab_swapped --nat ikev1-xauth-rsa
}

@test "lab swap: ikev1-hybrid (a certificate of ours, XAuth, mode config)" {
	lab_swapped ikev1-hybrid
}

@test "lab swap: ikev1-hybrid --nat" {
	lab_swapped --nat ikev1-hybrid
}

@test "lab swap: ikev1-hybrid-aggressive (the same in aggressive mode)" {
	lab_swapped ikev1-hybrid-aggressive
}

@test "lab swap: ikev1-hybrid-aggressive --nat" {
	lab_swapped --nat ikev1-hybrid-aggressive
}

@test "lab swap: ikev1-host (the gateways themselves)" {
	lab_swapped ikev1-host
}
