# Interop: what ike-initiate says when the gateway refuses, and its exit status.
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

# refused OPTION...: one negotiation that must end with exit status 1 in good time, its words
# in $stderr. Later options must not repeat earlier ones, so the policy is spelled out.
refused() {
	run -1 --separate-stderr in_left timeout 60 ike-initiate --timeout "${PATIENCE:-15}" \
		--local-id left.lab.example --local-ts "$LEFT_NET" -o "$LAB_STATE/out.sa" \
		"$@" "$RIGHT_IP" </dev/null
	printf '%s\n' "$stderr"
}

@test "lab errors: a wrong PSK is called a wrong PSK" {
	need ike-initiate
	lab_up ikev1-psk
	printf 'not-the-lab-psk\n' >"$LAB_STATE/bad.psk"
	chmod 600 "$LAB_STATE/bad.psk"
	refused --psk-file "$LAB_STATE/bad.psk" --remote-id right.lab.example \
		--ike aes128-sha1-modp2048 --esp aes128-sha1 --remote-ts "$RIGHT_NET"
	stderr_has "phase 1"
	# shellcheck disable=SC2154 # run sets it
	[[ ${stderr,,} == *"pre-shared key"* || ${stderr^^} == *PSK* ]]
	stderr_has "hint:"
	[ -z "$(lab_sas | grep "^state=ESTABLISHED")" ]
}

@test "lab errors: a phase 1 proposal that the gateway refuses is named" {
	need ike-initiate
	lab_up ikev1-psk
	refused --psk-file "$PSK" --remote-id right.lab.example \
		--ike aes256-sha512-modp3072 --esp aes128-sha1 --remote-ts "$RIGHT_NET"
	stderr_has "phase 1"
	stderr_has "aes256-sha512-modp3072"
	stderr_has "hint:"
}

@test "lab errors: a phase 2 proposal that the gateway refuses is named" {
	need ike-initiate
	lab_up ikev1-psk
	refused --psk-file "$PSK" --remote-id right.lab.example \
		--ike aes128-sha1-modp2048 --esp aes256-sha512 --remote-ts "$RIGHT_NET"
	stderr_has "phase 2"
	stderr_has "aes256-sha512"
	stderr_has "hint:"
}

@test "lab errors: selectors that the gateway refuses are shown" {
	need ike-initiate
	lab_up ikev1-psk
	refused --psk-file "$PSK" --remote-id right.lab.example \
		--ike aes128-sha1-modp2048 --esp aes128-sha1 --remote-ts 10.9.0.0/24
	stderr_has "phase 2"
	stderr_has "10.9.0.0/24"
	stderr_has "hint:"
}

@test "lab errors: a gateway with another name is not trusted" {
	need ike-initiate
	lab_up ikev1-psk
	refused --psk-file "$PSK" --remote-id wrong.lab.example \
		--ike aes128-sha1-modp2048 --esp aes128-sha1 --remote-ts "$RIGHT_NET"
	stderr_has "wrong.lab.example"
	stderr_has "right.lab.example"
}

@test "lab errors: a timeout reports the attempts and their duration" {
	need ike-initiate
	lab_topology
	in_right nft 'add table ip mute; add chain ip mute in { type filter hook input priority 0; policy drop; }'
	PATIENCE=4 refused --psk-file "$PSK" --remote-id right.lab.example \
		--ike aes128-sha1-modp2048 --esp aes128-sha1 --remote-ts "$RIGHT_NET"
	stderr_has "$RIGHT_IP"
	[[ $stderr =~ " times in "[4-9]" s" ]]
	stderr_has "hint:"
}

@test "lab errors: --failed-sa and --pcap of a refused identity are opened by ike-trace, and by --explain at once" {
	need ike-initiate sa-show
	lab_up ikev1-psk
	run -1 --separate-stderr in_left timeout 60 ike-initiate --timeout 15 --psk-file "$PSK" \
		--local-id other.lab.example --remote-id right.lab.example --ike aes128-sha1-modp2048 \
		--esp aes128-sha1 --local-ts "$LEFT_NET" --remote-ts "$RIGHT_NET" --explain \
		--failed-sa "$LAB_STATE/f.sa" --pcap "$LAB_STATE/f.pcapng" -o "$LAB_STATE/out.sa" "$RIGHT_IP"
	stderr_has "main mode 5*: ID, HASH"
	stderr_has "ID_FQDN other.lab.example"
	[ ! -e "$LAB_STATE/out.sa" ]
	[ "$(stat -c %a "$LAB_STATE/f.sa")" = 600 ]
	run -0 --separate-stderr ike-trace --sa "$LAB_STATE/f.sa" "$LAB_STATE/f.pcapng"
	output_has "main mode 5*: ID, HASH"
	output_has "ID_FQDN other.lab.example"
	output_has "AUTHENTICATION-FAILED"
	run -0 --separate-stderr sa-show "$LAB_STATE/f.sa"
	output_has "before it was established"
	# nothing can be negotiated under it
	run -1 --separate-stderr ike-initiate --phase2 "$LAB_STATE/f.sa"
	stderr_has "no live IKE SA"
}
