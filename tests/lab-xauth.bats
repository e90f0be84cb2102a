# Interop: XAuth and mode config against strongSwan as gateway, ping and 10 MB of TCP each way.
# shards: 2

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

# client [--nat] CONFIG: the tunnel with an assigned address, and proof of it.
client() {
	local nat=()
	if [ "$1" = --nat ]; then
		nat=(--nat)
		shift
	fi
	need ike-initiate esp-tun
	lab_up "${nat[@]}" "$1"
	lab_initiate "$1"
	eventually 10 lab_answers left "$RIGHT_INNER"
	LEFT_INNER=$(in_left ip -4 -o addr show dev vpn0 | sed -n 's/.* inet \(10\.3\.0\.[0-9]*\)\/32 .*/\1/p')
	[ -n "$LEFT_INNER" ]
	lab_tunnel_works
}

@test "lab xauth: ikev1-xauth-psk (main mode, XAuth, mode config)" {
	client ikev1-xauth-psk
}

@test "lab xauth: ikev1-xauth-psk --nat" {
	client --nat ikev1-xauth-psk
}

@test "lab xauth: ikev1-xauth-psk-aggressive (group name, XAuth, mode config)" {
	client ikev1-xauth-psk-aggressive
}

@test "lab xauth: ikev1-xauth-psk-aggressive --nat" {
	client --nat ikev1-xauth-psk-aggressive
}

@test "lab xauth: ikev1-xauth-rsa (certificates of both ends, XAuth)" {
	client ikev1-xauth-rsa
}

@test "lab xauth: ikev1-xauth-rsa --nat" {
	client --nat ikev1-xauth-rsa
}

@test "lab xauth: ikev1-hybrid (a certificate of the gateway, XAuth)" {
	client ikev1-hybrid
}

@test "lab xauth: ikev1-hybrid --nat" {
	client --nat ikev1-hybrid
}

@test "lab xauth: ikev1-hybrid-aggressive" {
	client ikev1-hybrid-aggressive
}

@test "lab xauth: ikev1-hybrid-aggressive --nat" {
	client --nat ikev1-hybrid-aggressive
}
