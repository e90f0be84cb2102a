# Interop with the sides of the lab swapped, as in lab-swap.bats: what happens to a tunnel of strongSwan as the client of our
# gateway after it came up: rekeying by either end, dead peer detection, a chain of certificates in fragments.
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

# spis KEY: those of strongSwan's SAs; one that was rekeyed may still be among them.
spis() { lab_sas | sed -n "s/^$1=//p" | sort; }
has_other() { spis "$1" | grep -qvxF "$2"; }

# client_rekeys [--nat] CONFIG: the client renews its child SA and then its IKE SA, and no ping is lost meanwhile.
client_rekeys() {
	local child ike had
	lab_swap "$@"
	had=$(lab_replies left)
	background pings ip netns exec "$NS_LEFT" ping -q -i 0.1 -c 60 -W 2 "$RIGHT_INNER"
	child=$(spis spi-in) ike=$(spis initiator-spi)
	lab_ctl --rekey --child net
	eventually 5 has_other spi-in "$child"
	lab_ctl --rekey --ike lab
	eventually 5 has_other initiator-spi "$ike"
	ended pings 20
	cat "$BATS_TEST_TMPDIR/pings.out"
	eventually 3 lab_replied left $((had + 60))
	lab_ping right "$LEFT_INNER"
	lab_transfer left right "$RIGHT_INNER"
	lab_transfer right left "$LEFT_INNER"
}

@test "lab swap: the client rekeys child and IKE SA, no ping is lost" {
	client_rekeys ikev1-psk
}

@test "lab swap: the client rekeys through NAT, and XAuth and mode config give it the same address" {
	client_rekeys --nat ikev1-xauth-psk
	[ "$(in_left ip -o -4 addr | grep -c "inet 10\.3\.0\.")" -eq 1 ]
	in_left ip -o -4 addr | grep -F "inet $LEFT_INNER/"
}

@test "lab swap: our gateway rekeys child and IKE SA, no ping is lost" {
	lab_swap ikev1-psk --esp-lifetime 10 --ike-lifetime 20
	lab_rekeys
}

asked() { [ "$(lab_log | grep -c 'parsed INFORMATIONAL_V1 .*N(DPD) ')" -ge "$1" ]; }

@test "lab swap: our gateway probes an idle client, and drops a frozen one" {
	local pid
	lab_swap ikev1-psk --dpd-interval 1 --dpd-tries 5
	eventually 20 asked 3
	lab_has_sa
	lab_ping left "$RIGHT_INNER" 2
	pid=$("$LAB/strongswan.sh" pid)
	kill -STOP "$pid"
	eventually 20 grep -q 'the peer is dead: 5 R-U-THERE unanswered' "$BATS_TEST_TMPDIR/tunnel.err"
	kill -CONT "$pid"
}

@test "lab swap: an idle client probes our gateway, and drops a frozen one" {
	local group
	lab_swap ikev1-dpd
	eventually 30 lab_probed 2
	lab_has_sa
	lab_ping left "$RIGHT_INNER" 2
	group=${LAB_GROUP[tunnel]}
	kill -STOP -- "-$group"
	eventually 20 lab_no_sa
	kill -CONT -- "-$group"
}
