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

# as_section NAME FLAG...: the options of a tool as a section of a peers file.
as_section() {
	printf '[%s]\n' "$1"
	shift
	while [ $# -gt 0 ]; do
		printf '%s = %s\n' "${1#--}" "$2"
		shift 2
	done
}

@test "lab respond: a reload keeps the SAs of strongSwan while another peer comes; its own change deletes them, and it comes again" {
	local ini=$BATS_TEST_TMPDIR/peers.ini policy
	need ike-respond esp-tun
	lab_up ikev1-psk
	read -ra policy <<<"$(lab_policy ikev1-psk)"
	as_section gateway "${policy[@]}" >"$ini"
	lab_start tunnel left "ike-respond --peers $ini | $(ESP_TUN)"
	eventually 5 lab_listens 500
	lab_ctl --initiate --child net
	eventually 5 lab_device_up
	eventually 5 lab_answers right "$LEFT_INNER"
	printf '[another]\naddress = 192.0.2.77\npsk-file = %s\nremote-id = another.example\n' "$PSK" >>"$ini"
	kill -HUP "$(lab_pid tunnel ike-respond)"
	eventually 10 grep -q 'peers reloaded: 1 added, 0 changed, 0 removed, 1 unchanged' "$BATS_TEST_TMPDIR/tunnel.err"
	lab_has_sa
	lab_tunnel_works
	# a network that it does not have: strongSwan gets the delete of its child SA, and keeps the IKE SA
	sed -i "s|^remote-ts = .*|remote-ts = 198.51.100.0/29|" "$ini"
	kill -HUP "$(lab_pid tunnel ike-respond)"
	eventually 10 grep -q '\[gateway\] changed (remote-ts): 0 IKE SAs and 1 child SA deleted' "$BATS_TEST_TMPDIR/tunnel.err"
	eventually 10 lab_no_child
	as_section gateway "${policy[@]}" >"$ini"
	kill -HUP "$(lab_pid tunnel ike-respond)"
	eventually 10 grep -q '\[another\] is removed' "$BATS_TEST_TMPDIR/tunnel.err"
	lab_ctl --initiate --child net
	lab_tunnel_works
}
lab_no_child() { ! lab_sas | grep -q '^state=INSTALLED'; }
