# Interop: mode config by push (SET and ACK) against strongSwan with "pull = no", as gateway and as client.
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

# pushes left|right: strongSwan there does not pull.
pushes() {
	printf 'connections {\n  lab {\n    pull = no\n  }\n}\n' >>"$LAB_STATE/$1/swanctl/swanctl.conf"
	LAB_SIDE=$1 lab_ctl --load-conns
}

# client [OPTION...]: our client of a gateway that pushes.
client() {
	need ike-initiate esp-tun
	lab_up ikev1-xauth-psk
	pushes right
	lab_initiate ikev1-xauth-psk -v "$@"
	eventually 20 lab_answers left "$RIGHT_INNER"
	LEFT_INNER=$(in_left ip -4 -o addr show dev vpn0 | sed -n 's/.* inet \(10\.3\.0\.[0-9]*\)\/32 .*/\1/p')
	[ -n "$LEFT_INNER" ]
	lab_log | grep -E 'generating TRANSACTION request [0-9]+ \[ HASH CPS\(.*ADDR'
	lab_log | grep -E 'parsed TRANSACTION response [0-9]+ \[ HASH CPA\(.*ADDR'
	lab_tunnel_works
}

@test "lab push: strongSwan pushes an address to our client, which waits for it" {
	client --mode-config-push
	run ! grep -q 'parsed TRANSACTION request .* CPRQ' <(lab_log)
}

@test "lab push: a client that would pull accepts what is pushed" {
	client
}

@test "lab push: our gateway pushes an address to strongSwan, which does not ask" {
	need ike-respond esp-tun
	export LAB_SIDE=left
	lab_up ikev1-xauth-psk
	pushes left
	lab_gateway ikev1-xauth-psk -v --mode-config-push
	lab_ctl --initiate --child net
	LEFT_INNER=$(in_left ip -o -4 addr | sed -n 's/.* inet \(10\.3\.0\.[0-9]*\)\/.*/\1/p')
	[ -n "$LEFT_INNER" ]
	eventually 20 lab_answers left "$RIGHT_INNER"
	lab_log | grep -E 'parsed TRANSACTION request [0-9]+ \[ HASH CPS\(.*ADDR'
	lab_tunnel_works
}
