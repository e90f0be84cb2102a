# shellcheck shell=bash
# shellcheck disable=SC2154 # lib/tun.bash and lib/two.bash set them
# Two ends of lib/two.bash, each with a directory of tunnels: left.d/berne.conf begins, right.d/branches.conf answers.

sapipe_setup() {
	need sapipe ike-respond ike-initiate esp-tun sa-stat
	two_setup
	mkdir left.d right.d
	cp gw.psk left.d
	cp gw.psk right.d
	cat >left.d/berne.conf <<-END
		[berne]
		role = initiator
		address = 203.0.113.2
		local-id = left.example
		remote-id = right.example
		psk-file = gw.psk
		local-ts = 10.1.0.0/24
		remote-ts = 10.2.0.0/24
		ike = ${FAST[1]}
		tun = vpn0
	END
	cat >right.d/branches.conf <<-END
		[zurich]
		role = responder
		local-id = right.example
		remote-id = left.example
		psk-file = gw.psk
		local-ts = 10.2.0.0/24
		remote-ts = 10.1.0.0/24
		ike = ${FAST[1]}
		tun = vpn0
	END
}

sapipe_teardown() {
	[ ! -d "${T-}/left.d" ] || quietly at_left down
	[ ! -d "${T-}/right.d" ] || quietly at_right down
	two_teardown
}

quietly() { "$@" >/dev/null 2>&1 || :; }
at_left() { SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/left.d ip netns exec "$L" timeout 250 sapipe "$@"; }
at_right() { SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/right.d ip netns exec "$R" timeout 250 sapipe "$@"; }

# put FILE KEY VALUE: the line of that key becomes this one.
put() { sed -i "s|^$2 = .*|$2 = $3|" "$1" && grep -q "^$2 = $3" "$1"; }
