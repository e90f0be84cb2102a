# Interop: what strongSwan as gateway negotiates of transport mode and AH. Signalling alone: the kernels of the tests have neither
# ESP nor AH, and its libipsec has tunnel mode only, so it answers message 1 of quick mode and then cannot install the SAs.

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

# gateway [--nat] LINE...: strongSwan with these lines in its child.
gateway() {
	local nat=() conf
	if [ "$1" = --nat ]; then
		nat=(--nat)
		shift
	fi
	lab_up "${nat[@]}" ikev1-host
	conf=$LAB_STATE/right/swanctl/swanctl.conf
	sed "s/esp_proposals = .*/$1\n$2/" "$LAB/swanctl/ikev1-host.conf" >"$BATS_TEST_TMPDIR/host.conf"
	sed -i "s|^include .*ikev1-host.conf.*|include \"$BATS_TEST_TMPDIR/host.conf\"|" "$conf"
	lab_ctl --load-conns >/dev/null
}

# agreed OPTION...: quick mode ends with a child SA; its record in child.sa.
agreed() {
	in_left ike-initiate --look --psk-file "$PSK" --local-id left.lab.example --remote-id right.lab.example \
		--ike aes128-sha1-modp2048 "$@" -o "$BATS_TEST_TMPDIR/child.sa" "$RIGHT_IP" || { lab_log | tail -n 30; return 1; }
	sa-show "$BATS_TEST_TMPDIR/child.sa"
}

@test "lab modes: strongSwan agrees to transport mode, with NAT-OA behind a NAT" {
	gateway --nat "esp_proposals = aes128-sha1" "mode = transport"
	run -0 agreed --esp aes128-sha1 --mode transport
	[[ $output == *"mode         transport, ESP in UDP"* ]]
	[[ $output == *"nat-oa       local 203.0.113.1, remote 203.0.113.2"* ]]
}

@test "lab modes: strongSwan agrees to AH, in tunnel mode" {
	gateway "ah_proposals = sha1" "mode = tunnel"
	run -0 agreed --ah sha1 --natt off
	[[ $output == *"child-sa AH"* ]]
}
