#!/usr/bin/env bats
# Our own two ends, pipelines in two namespaces with a wire between them.
# shards: 3
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { two_setup; }
teardown() { two_teardown; }

@test "two ends: without NAT it is ESP, protocol 50, ping and TCP both ways, state in order" {
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
	on_wire "ip proto 50"
	run ! on_wire "udp port 4500"
	tcp_across 10.2.0.1 1000000
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" left.sa right.sa
	[ "$output" = "3 child-sa, 2 ike-sa" ]
	# told to stop, the negotiator tells the peer and the data path, which has nothing left to do
	kill -TERM "$(pid_of left ike-initiate)"
	eventually 3 group_gone "${GROUP[left]}"
	eventually 5 grep -q "deleted by the peer" right.ike
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" left.sa
	[ "$output" = "1 child-sa, 1 ike-sa, 2 sa-delete" ]
	[ -z "$(left ip route show 10.2.0.0/24)" ]
}

@test "two ends: NAT traversal off at only one end gives ESP too, 3 MB each way, nothing in UDP" {
	right nft -f - <<-'NFT'
		table inet count {
			counter natt { }
			chain in {
				type filter hook input priority -300;
				udp dport 4500 counter name natt
			}
		}
	NFT
	answer "${STEN4[@]}"
	begin --natt off "${NETS4[@]}"
	crosses
	tcp_across 10.2.0.1 3000000
	tcp_across 10.1.0.1 3000000 back
	[ "$(right nft -j list counter inet count natt | jq '.nftables[] | select(.counter).counter.packets')" -eq 0 ]
}

@test "two ends: aggressive mode with PFS and an AEAD" {
	FAST=(--ike aes256-sha1-curve25519 --esp aes256gcm16-ecp256)
	answer --exchange aggressive "${STEN4[@]}"
	begin --exchange aggressive "${NETS4[@]}"
	crosses
	tcp_across 10.2.0.1
}

@test "two ends: several networks, each a child SA of its own" {
	right ip addr add 10.3.0.1/32 dev lo
	right ip addr add 10.4.0.1/32 dev lo
	answer --local-ts 10.2.0.0/24 --local-ts 10.3.0.0/24 --local-ts 10.4.0.0/16 --remote-ts 10.1.0.0/24
	begin --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 --remote-ts 10.3.0.0/24 --remote-ts 10.4.0.0/16
	crosses
	crosses 10.3.0.1
	crosses 10.4.0.1
	[ "$(records left.sa child-sa)" = 3 ]
}

@test "two ends: packets outside the networks are dropped" {
	right ip addr add 10.9.0.1/32 dev lo
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
	left ip route add 10.9.0.0/24 dev vpn0
	run ! one_ping 10.9.0.1
	crosses
}

@test "two ends: UDP where it is forced, and keepalives from nowhere" {
	answer --natt force "${STEN4[@]}"
	begin --natt force --natt-keepalive 0.2 "${NETS4[@]}"
	crosses
	on_wire "udp port 4500 and udp[8:4] != 0"
	run ! on_wire "ip proto 50"
	tcp_across 10.2.0.1
}

@test "two ends: left's negotiator is killed with SIGKILL: the tunnel stays up, and a new one takes over" {
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
	kill -KILL "$(pid_of left ike-initiate)"
	the_ping
	sleep 0.5
	the_ping
	two_stop left
	begin "${NETS4[@]}"
	crosses
}

@test "two ends: the data path is killed: its negotiator deletes the SAs and ends, the peer gets the deletes" {
	answer "${STEN4[@]}"
	TEE='' begin "${NETS4[@]}"
	crosses
	kill -KILL "$(pid_of left esp-tun)"
	eventually 5 group_gone "${GROUP[left]}"
	eventually 5 grep -q "deleted by the peer" right.ike
	unset 'GROUP[left]'
	begin "${NETS4[@]}"
	crosses
}

@test "two ends: the right is stopped, then started again: the left reconnects by itself" {
	answer "${STEN4[@]}"
	begin "${NETS4[@]}"
	crosses
	two_stop right
	run ! one_ping
	answer "${STEN4[@]}"
	WITHIN=20 crosses
}

@test "two ends: the right is killed hard and restarted: DPD notices, the left comes back" {
	answer "${STEN4[@]}"
	begin --dpd-interval 1 --dpd-tries 2 --timeout 3 "${NETS4[@]}"
	crosses
	kill -KILL -- "-${GROUP[right]}"
	unset 'GROUP[right]'
	eventually 15 grep -q "the peer is dead" left.ike
	answer "${STEN4[@]}"
	WITHIN=20 crosses
}

@test "two ends: one step at a time from files, each a process of its own" {
	need sa-show
	answer "${STEN4[@]}"
	left ike-initiate --phase1 --psk-file gw.psk --local-id left.example --remote-id right.example \
		--linger 0 "${FAST[@]}" -o p1.sa "$PEER"
	left ike-initiate --phase2 p1.sa "${FAST[@]}" --linger 0 "${NETS4[@]}" -o p2.sa
	sa-show p1.sa p2.sa >/dev/null
	two_start left left "esp-tun -v --tun vpn0 --state-dir left.state p1.sa p2.sa"
	touch left.ike
	crosses
	left bash -c 'cat p1.sa p2.sa | ike-initiate --delete - >gone.sa'
	eventually 5 grep -q "an IKE SA ends: deleted by the peer" right.ike
	run ! one_ping
}
