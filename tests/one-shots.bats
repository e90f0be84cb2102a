#!/usr/bin/env bats
# A second process of a host beside a running tunnel: what a one-shot says and leaves behind must not end the tunnel.
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() { two_teardown; }

# one_shot OPTION...: ike-initiate in left with the tunnel's identities.
one_shot() {
	left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example "${FAST[@]}" "$@"
}

# beside COMMAND...: runs it while pings cross the tunnel, 20 a second; prints how many are lost until 3 s later. The
# kernel counts the answers that come after ping has left.
beside() {
	local sent had
	had=$(replies)
	background pings ip netns exec "$L" ping -i 0.05 -W 1 10.2.0.1
	eventually 5 grep -q "icmp_seq=5 " "$T/pings.out"
	"$@" || return
	sleep 3
	kill -INT "${BG[pings]}"
	ended pings 3 || :
	sent=$(sed -n 's/ packets transmitted.*//p' "$T/pings.out")
	eventually 1 replied $((had + sent)) || :
	lost=$((sent + had - $(replies)))
	echo "lost $lost of $sent"
}

goes_on() {
	[ "$lost" -le 2 ] || { logs; return 1; }	# the few on their way while the peer had the newer SA
	run ! grep -E "INITIAL-CONTACT|reconnecting|is dead" left.ike right.ike
}

@test "one-shots: a look beside a running tunnel (--look) does not end it" {
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
	look() { one_shot --look "${NETS4[@]}" "$PEER" | left sa-show >shown; }
	beside look
	grep -q "child" shown
	goes_on
	# of the look nothing is left at the peer, nor did the resident end take its messages for its own
	eventually 5 grep -q "an IKE SA ends: deleted" right.ike
	[ "$(grep -c "child SA .* ends: deleted" right.ike)" = 1 ]
	[ "$(grep -c "an IKE SA ends: deleted" right.ike)" = 1 ]
}

@test "one-shots: --phase2 --look under the IKE SA of a running tunnel does not end it" {
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
	look() { left ike-initiate --look --phase2 left.sa --esp aes128-sha256 "${NETS4[@]}" 2>look.err | left sa-show >shown; }
	beside look
	grep -q "child" shown
	goes_on
	run ! grep "HASH payload" left.ike
	run ! grep "another tool" look.err
}

@test "one-shots: --phase2 beside a resident tool reports what happens to the new child SA" {
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
	left ike-initiate --phase2 left.sa --esp aes128-sha256 --linger 0 "${NETS4[@]}" -o p2.sa 2>p2.err
	grep -q "another tool of this machine has SAs with this peer" p2.err
}

@test "one-shots: SAs whose records go to /dev/null are deleted at the peer" {
	answer "${STEN4[@]}"
	one_shot --linger 0.2 "${NETS4[@]}" "$PEER" >/dev/null
	eventually 5 grep -q "child SA .* ends: deleted" right.ike
	eventually 5 grep -q "an IKE SA ends: deleted" right.ike
}

@test "one-shots: a child SA whose record is kept is not deleted, and no one-shot says INITIAL-CONTACT" {
	answer "${STEN4[@]}"
	one_shot --linger 0 "${NETS4[@]}" -o one.sa "$PEER"
	one_shot --linger 0 "${NETS4[@]}" -o two.sa "$PEER"
	[ "$(records two.sa child-sa)" = 1 ]
	eventually 5 grep -q "child SA .* established" right.ike
	run ! grep " ends: " right.ike
}

@test "one-shots: two --keep to one peer with different networks do not end each other" {
	answer --local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24 --remote-ts 10.7.0.0/24 --dpd-interval 1 --dpd-tries 4
	begin --dpd-interval 1 --dpd-tries 4 "${NETS4[@]}"
	crosses
	left ip addr add 10.7.0.1/32 dev lo
	two_start second left "ike-initiate -v --keep --psk-file gw.psk --local-id left.example --remote-id right.example \
		$(words "${FAST[@]}") --dpd-interval 1 --dpd-tries 4 --local-ts 10.7.0.0/24 --remote-ts 10.2.0.0/24 $PEER \
		2>second.ike | tee second.sa | esp-tun --tun vpn1 --no-route --state-dir second.state"
	eventually 10 grep -q "child SA .* established" second.ike
	lossless 6
	run ! grep -E "INITIAL-CONTACT|reconnecting|is dead|SA .* ends" left.ike second.ike right.ike
	# and the end of one does not affect the other
	two_stop second
	lossless 6
	run ! grep -E "reconnecting|is dead" left.ike right.ike
}
