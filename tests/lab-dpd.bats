# Interop: dead peers. The gateway probes after 2 s of silence and drops a mute peer 8 s later.
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

# dpd [--nat]: the tunnel works, stays up without traffic, and the peer is reported dead when it stops.
dpd() {
	local group
	lab_interop "$@" ikev1-dpd
	eventually 30 lab_probed 2
	lab_has_sa
	lab_ping left "$RIGHT_INNER" 2
	group=${LAB_GROUP[tunnel]}
	kill -STOP -- "-$group"
	eventually 20 lab_no_sa
	kill -CONT -- "-$group"
}

@test "lab dpd: probes are answered, and only a frozen peer is dropped" {
	dpd
}

@test "lab dpd: the same through a NAT router" {
	dpd --nat
}
