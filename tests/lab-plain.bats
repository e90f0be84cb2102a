# Interop: ike-initiate | esp-tun against strongSwan, ping and 10 MB of TCP
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

@test "lab plain: ikev1-psk (main mode)" {
	lab_interop ikev1-psk
}

@test "lab plain: ikev1-psk-address (IDs of type address)" {
	lab_interop ikev1-psk-address
}

@test "lab plain: ikev1-psk-aggressive (aggressive mode)" {
	lab_interop ikev1-psk-aggressive
}

@test "lab plain: ikev1-3des-md5 (3DES, MD5, group 2)" {
	lab_interop ikev1-3des-md5
}

@test "lab plain: ikev1-aes128-sha1 (AES-128, SHA-1, group 5)" {
	lab_interop ikev1-aes128-sha1
}

@test "lab plain: ikev1-aes256-sha256 (AES-256, SHA-256)" {
	lab_interop ikev1-aes256-sha256
}

@test "lab plain: ikev1-gcm-ecp256 (AES-GCM, P-256)" {
	lab_interop ikev1-gcm-ecp256
}

@test "lab plain: ikev1-pfs (quick mode with PFS)" {
	lab_interop ikev1-pfs
}

@test "lab plain: ikev1-encap (a gateway that feigns a NAT)" {
	lab_interop ikev1-encap
}

@test "lab plain: ikev1-host (the gateways themselves)" {
	lab_interop ikev1-host
}

@test "lab plain: the defaults reach a gateway without a word on proposals" {
	need ike-initiate esp-tun
	lab_up ikev1-aes256-sha256
	lab_start tunnel left "ike-initiate --keep --psk-file $PSK --local-id left.lab.example \
		--remote-id right.lab.example --local-ts $LEFT_NET --remote-ts $RIGHT_NET $RIGHT_IP |
		$(ESP_TUN)"
	eventually 10 lab_answers left "$RIGHT_INNER"
	lab_tunnel_works
}

@test "lab plain: SIGTERM sends deletes, ends at once and leaves nothing behind" {
	need ike-initiate esp-tun
	lab_up ikev1-psk
	lab_initiate ikev1-psk
	eventually 10 lab_answers left "$RIGHT_INNER"
	lab_has_sa
	lab_stop tunnel 1
	eventually 5 lab_no_sa
	eventually 5 lab_tun_gone
	run ! grep -F "$RIGHT_NET" <(in_left ip route show table all)
}

@test "lab plain: step by step: phase 1 to a file, sa-show, phase 2 from it, esp-tun from files, delete" {
	need ike-initiate esp-tun sa-show
	local p1 p2
	lab_up ikev1-psk
	p1=$LAB_STATE/p1.sa p2=$LAB_STATE/p2.sa
	# shellcheck disable=SC2046 # flags, meant to be split
	in_left ike-initiate --phase1 $(lab_policy ikev1-psk) -o "$p1" "$RIGHT_IP"
	[ "$(stat -c %a "$p1")" = 600 ]
	sa-show --format json "$p1" | jq -e 'select(.type == "ike-sa") | .exchange == "main"'
	in_left ike-initiate --phase2 "$p1" --esp aes128-sha1 --local-ts "$LEFT_NET" \
		--remote-ts "$RIGHT_NET" -o "$p2"
	sa-show "$p2" | grep -F "$RIGHT_NET"
	lab_start tunnel left "$(ESP_TUN) $p1 $p2"
	eventually 10 lab_answers left "$RIGHT_INNER"
	lab_tunnel_works
	in_left ike-initiate --delete "$p1"
	eventually 5 lab_no_sa
}
