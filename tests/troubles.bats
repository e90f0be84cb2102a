# sapipe-troubles(7): each test causes the trouble, runs the example, and compares the output
# with that of the page.
# shards: 4

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab
load lib/readme

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

# gateway CONFIG: strongSwan as the peer, with the secret of the lab in the files of the examples.
gateway() {
	machines
	cp "$PSK" "$LAB_STATE/left/gw.psk"
	"$LAB/strongswan.sh" start "$1" 3>&- 4>&-
}

# tunnel: the first tunnel, standing; its left end keeps left.sa.
tunnel() {
	machines
	resident right first-right
	answers
	resident left copy
	eventually 10 lab_answers left "$RIGHT_INNER"
}

# drops RULE...: packets that right loses without a word, as they come from the wire; what esp-tun writes to vpn0 is
# not meant: it may write many TCP segments as one packet.
drops() {
	local rule
	in_right nft "add table ip loss; add chain ip loss in { type filter hook prerouting priority -450; }"
	for rule; do in_right nft "add rule ip loss in iifname eth0 $rule drop"; done
}

@test "sapipe-troubles(7): no answer" {
	gateway ikev1-psk
	drops "udp dport 500"
	types no-answer
	shows no-answer "$typed"
	# the way around it that is named there
	run -0 in_left ike-initiate --psk-file "$PSK" --local-id left.lab.example \
		--remote-id right.lab.example --ike aes128-sha1-modp2048 --esp aes128-sha1 \
		--local-ts "$LEFT_NET" --remote-ts "$RIGHT_NET" -o "$LAB_STATE/x.sa" "$RIGHT_IP:4500"
}

@test "sapipe-troubles(7): NO-PROPOSAL-CHOSEN" {
	gateway ikev1-psk
	types no-proposal
	shows no-proposal "$typed"
}

@test "sapipe-troubles(7): fails at message 5" {
	gateway ikev1-psk-aggressive
	cp "$PSK" "$LAB_STATE/left/old.psk"
	(umask 077 && echo "not that one" >"$LAB_STATE/left/gw.psk")
	types message-5
	shows message-5 "$typed"
}

@test "sapipe-troubles(7): phase 2 fails" {
	gateway ikev1-psk
	types phase-2
	shows phase-2 "$typed"
}

@test "sapipe-troubles(7): up, but no traffic" {
	tunnel
	lab_stop copy
	drops "meta l4proto esp" "udp dport 4500 udp length > 130"
	resident left copy
	eventually 10 grep -q "vpn0 is up" "$BATS_TEST_TMPDIR/copy.err"
	in_left ping -q -c 5 -i 0.1 -W 1 "$RIGHT_INNER" || :
	# of all data paths of this machine it means that of left
	eval "pkill() { command pkill -g ${LAB_GROUP[copy]} \"\$@\"; sleep 0.5; }"
	types no-traffic
	eventually 5 grep -q '^esp-tun: sa ' "$BATS_TEST_TMPDIR/copy.err"
	shows no-traffic "$(cat "$BATS_TEST_TMPDIR/copy.err")
$typed"
}

@test "sapipe-troubles(7): it flaps" {
	need vpnmon
	tunnel
	background flaps ip netns exec "$NS_LEFT" bash -c "$(example flaps)"
	eventually 10 grep -q UP "$BATS_TEST_TMPDIR/flaps.out"
	drops "meta l4proto esp"
	eventually 20 grep -q DOWN "$BATS_TEST_TMPDIR/flaps.out"
	in_right nft flush ruleset
	resumed() { [ "$(grep -c UP "$BATS_TEST_TMPDIR/flaps.out")" -eq 2 ]; }
	eventually 20 resumed
	shows flaps "$(cat "$BATS_TEST_TMPDIR/flaps.out")"
}

@test "sapipe-troubles(7): large packets stall" {
	tunnel
	drops "meta length > 1320" "ip frag-off & 0x3fff != 0"
	types large
	shows large "$typed"
	# and the cure
	lab_stop copy
	lab_start copy left "cd '$LAB_STATE/left'; esp-tun() { command esp-tun --state-dir claims --mtu 1228 \"\$@\"; }
		$(example copy)"
	eventually 10 lab_answers left "$RIGHT_INNER"
	lab_transfer left right "$RIGHT_INNER"
}

@test "sapipe-troubles(7): works until the rekey" {
	gateway ikev1-psk
	lab_start tunnel left "cd '$LAB_STATE/left' && umask 077; ike-initiate --keep $(lab_policy ikev1-psk) $RIGHT_IP |
		tee left.sa | $(ESP_TUN)"
	eventually 10 lab_answers left "$RIGHT_INNER"
	"$LAB/strongswan.sh" load ikev1-pfs
	types rekey
	shows rekey "$typed"
}
