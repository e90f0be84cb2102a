#!/usr/bin/env bats
# sapipe: the tunnels of /etc/sapipe, by two ends of ours with a file each.
# shards: 4
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two
load lib/sapipe

setup() { sapipe_setup; }
teardown() { sapipe_teardown; }

# process left|right ID.ike|ID.tun: its number.
process() { cut -d ' ' -f 1 "$T"/run/tunnels.*/"$1/$2"; }

# refused: left's up fails in time, with one line, a hint, and nothing left behind.
refused() {
	local begun=$SECONDS
	run --separate-stderr at_left up berne
	echo "$stderr"
	[ "$status" -eq 1 ]
	[ $((SECONDS - begun)) -le 45 ]	# 10 s, and what a busy machine needs
	# as the tool printed it, without the time that the log has
	grep -q '^ike-initiate: ' <<<"$stderr"
	grep -q '^hint: ' <<<"$stderr"
	stderr_has 'sapipe: berne is not up'
	[ -z "$(left ip -o link show vpn0 2>/dev/null)" ]
	run -1 at_left status berne
	output_has 'berne vpn0 203.0.113.2 down'
}

@test "sapipe: check, up, status, restart and down of two ends, a file each" {
	run -0 at_left check berne
	output_has 'no mistakes'
	run -0 at_right up branches
	output_has 'branches is up'
	# a responder is up when it listens
	listens
	run -0 at_right status
	[ "$output" = 'zurich vpn0 - listening' ]
	run -1 at_left status berne
	[ "$output" = 'berne vpn0 203.0.113.2 down' ]
	run -0 at_left up berne
	[ "$output" = 'berne is up' ]
	# the first packet passes: nothing to wait for
	the_ping
	run -0 at_left status
	[[ $output =~ ^'berne vpn0 203.0.113.2 UP '[0-9]+'s, in 84 B out 84 B, rekey in '[0-9]+' min, DPD '[0-9]+' s ago'$ ]] || { echo "$output"; return 1; }
	run -0 at_right status branches
	output_has 'zurich vpn0 - UP '
	at_left status --json | jq -e '.tunnel == "berne" and .address == "203.0.113.2" and .state == "up" and .since > 0 and
		(.stat.sas | length) == 1 and .rekey > .since and .expires > .rekey and .heard >= .since and ."child-sas" == 1 and
		."bytes-in" == 84 and ."bytes-out" == 84'
	at_right status --json | jq -e '.address == null and .state == "up"'
	# beside the tunnel, which goes on
	run -0 at_left check --peer
	output_has 'berne: 203.0.113.2 accepts it'
	the_ping
	run -0 at_left up berne
	[ "$output" = 'berne is up already' ]
	# the responder reads its file again; a file with mistakes changes nothing
	run -0 at_right reload branches
	[ "$output" = 'branches is reloaded' ]
	eventually 5 logged_reload 1
	the_ping
	echo 'remote-ts = nonsense' >>right.d/branches.conf
	run -2 at_right reload branches
	sed -i '$d' right.d/branches.conf
	the_ping
	run -0 at_left reload berne
	eventually 5 left_is_unchanged
	the_ping
	run -0 at_left restart berne
	the_ping
	run -0 at_left log berne
	# each line begins with its time
	grep -qE '^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z esp-tun: vpn0 is up' <<<"$output"
	run ! grep -vE '^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z (esp-tun|ike-initiate|hint): ' <<<"$output"
	run -0 at_left down berne
	[ "$output" = 'berne is down' ]
	# the peer got deletes
	eventually 5 says_listening
	run -1 at_left status
	[ -z "$(left ip -o link show vpn0 2>/dev/null)" ]
	run -0 at_left down berne
	run -0 at_right down
	[ -z "$(right ss -Hlun 'sport = :500')" ]
	eventually 5 none_left "$T/(left|right).d/"
}
none_left() { [ -z "$(pgrep -r D,R,S,T -f "$1")" ]; }
left_is_unchanged() { at_left log berne | grep -q 'ike-initiate: \[berne\] is unchanged'; }
logged_reload() { [ "$(at_right log branches | grep -c 'peers reloaded: 0 added, 0 changed, 0 removed, 1 unchanged')" = "$1" ]; }
says_listening() { [ "$(at_right status)" = 'zurich vpn0 - listening' ]; }

at_dir() { echo "$T/run/tunnels.$(ip netns exec "$L" readlink /proc/self/ns/net | tr -dc 0-9)/berne"; }

@test "sapipe reload: another network at both ends, and a section with another name, without up or down" {
	at_right up
	at_left up
	right ip addr add 10.2.9.1/32 dev lo
	put right.d/branches.conf local-ts 10.2.0.0/16
	run -0 at_right reload
	put left.d/berne.conf remote-ts 10.2.0.0/16
	run -0 at_left reload
	eventually 10 one_ping 10.2.9.1
	at_left log | grep -q 'ike-initiate: \[berne\] changed (remote-ts): its SAs stay'
	# narrower: the SA of the wider one ends
	put right.d/branches.conf local-ts 10.2.9.0/24
	run -0 at_right reload
	put left.d/berne.conf remote-ts 10.2.9.0/24
	run -0 at_left reload
	eventually 10 one_ping 10.2.9.1
	at_left status --json | jq -e '[.stat.sas[]."remote-ts"[0]] == ["10.2.9.0/24"]'
	# a responder's section is known by its name: its SAs end, and the initiator connects again
	sed -i 's/^\[zurich/[zuerich/' right.d/branches.conf
	run -0 at_right reload
	at_right log | grep -q '\[zurich\] is removed: 1 IKE SA and 1 child SA deleted'
	eventually 15 one_ping 10.2.9.1
	[[ $(at_right status) == 'zuerich '*' UP '* ]]
	# an initiator's is one process for each section
	sed -i 's/^\[berne/[bern/' left.d/berne.conf
	run -1 --separate-stderr at_left reload
	stderr_has 'berne: its sections have other names than what runs'
	stderr_has 'hint: sapipe up berne'
	run -0 at_left up
	the_ping 10.2.9.1
}

@test "sapipe: print is the pipeline that runs" {
	run -0 at_left print berne
	[ "$output" = "ike-initiate --keep --timeout 10 --peers $T/left.d/berne.conf --control $(at_dir)/berne.ike.ctl berne |\
 esp-tun --tun vpn0 --control $(at_dir)/berne.ctl" ]
	at_right up
	mkdir -p "$(at_dir)"
	two_start left left "$output"
	crosses
}

@test "sapipe: up with a wrong secret, no answer, a wrong proposal, a wrong network" {
	refused
	stderr_has 'nothing listens there'
	right nft add table ip mute
	right nft add chain ip mute input '{ type filter hook input priority 0; }'
	right nft add rule ip mute input udp dport 500 drop
	refused
	stderr_has 'no answer'
	right nft delete table ip mute
	at_right up
	printf 'thorns\n' >left.d/gw.psk
	refused
	stderr_has 'secret'
	cp gw.psk left.d/gw.psk
	put left.d/berne.conf ike aes256-sha512-modp1024
	refused
	stderr_has proposal
	run -1 --separate-stderr at_left check --peer
	stderr_has proposal
	put left.d/berne.conf ike "${FAST[1]}"
	put left.d/berne.conf remote-ts 10.9.0.0/24
	refused
	put left.d/berne.conf remote-ts 10.2.0.0/24
	at_left up
}

@test "sapipe: check finds every mistake, each with its line" {
	cat >left.d/berne.conf <<-END
		[berne]
		role = initiator
		adress = 203.0.113.2
		psk-file = missing.psk
		ike = aes256-sha257-modp2048
		mtu = 12
		tun = vpn0

		[basle]
		role = initiator
		address = 203.0.113.3
		psk-file = gw.psk
		tun = vpn1
		script = true

		[lucerne]
		address = 203.0.113.4
		psk-file = gw.psk
		tun = vpn1
	END
	run -2 --separate-stderr at_left check berne
	[ -z "$output" ]
	stderr_has "sapipe: berne.conf:3: unknown key 'adress': did you mean 'address'?"
	stderr_has 'berne.conf:6: mtu'
	stderr_has 'berne.conf:5: ike'
	stderr_has 'berne.conf:4: missing.psk: cannot open'
	stderr_has 'berne.conf:16: section [lucerne] has no role'
	[ "$(grep -c '^sapipe: ' <<<"$stderr")" -eq 5 ] || { echo "$stderr"; return 1; }
	run -2 at_left up berne
	run -2 at_left status berne
	# values that only esp-tun reads, and a number that the resolver would complete to an address
	for line in 'tun = vpn0/x' 'tun = name-of-17-letters' 'tun-address = 10.1' 'dscp-map = 1-2' 'nhtb = 10.255.0.2' 'address = 203.0.113' \
		'address = 203.0.113.256'; do
		printf '%s\n' '[berne]' 'role = initiator' "address = $PEER" 'psk-file = gw.psk' >left.d/berne.conf
		sed -i "/^${line%% =*} = /d" left.d/berne.conf
		echo "$line" >>left.d/berne.conf
		run -2 --separate-stderr at_left check berne
		stderr_has "sapipe: berne.conf:$(grep -nF "$line" left.d/berne.conf | cut -d : -f 1): ${line%% =*}: "
	done
	run -2 --separate-stderr at_left check geneva
	stderr_has 'there are: berne'
}

@test "sapipe: a device that is taken: exit status 3 and the cause alone, at once" {
	at_right up
	left ip link add vpn0 type veth peer name other
	run -3 --separate-stderr at_left up berne
	stderr_has 'esp-tun: interface vpn0 exists and is of another kind'
	# not that one tool ended since the other one did
	[ "$(wc -l <<<"$stderr")" -eq 3 ] || { echo "$stderr"; return 1; }
	left ip link del vpn0
	cp left.d/berne.conf left.d/basle.conf
	sed -i 's/^\[berne/[basle/' left.d/basle.conf
	at_left up basle
	run -3 --separate-stderr at_left up berne
	stderr_has 'esp-tun: interface vpn0 is in use by another program'
	[ "$(wc -l <<<"$stderr")" -eq 3 ] || { echo "$stderr"; return 1; }
	at_left down basle
}

@test "sapipe: files of processes that are gone, or of other processes with their numbers, do no harm" {
	local at
	at_right up
	at_left up
	at=$(echo "$T"/run/tunnels.*/berne)
	kill -KILL "$(process berne berne.ike)" "$(process berne berne.tun)"
	eventually 5 test -s "$at/berne.tun.exit"
	run -1 at_left status
	output_has 'vpn0 203.0.113.2 down'
	run -0 at_left up
	the_ping
	at_left down
	# the number of a process of ours, which began at another time
	background other sleep 60
	echo "${BG[other]} 1" >"$at/berne.ike"
	echo "${BG[other]}" >"$at/berne.tun"
	run -1 at_left status
	run -0 at_left down
	kill -0 "${BG[other]}"
	stop_background
	run -0 at_left up
	the_ping
}

@test "sapipe: SIGTERM during up leaves nothing behind" {
	local rc=0
	SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/left.d background up ip netns exec "$L" setsid sapipe up berne
	eventually 5 running
	kill -TERM "${BG[up]}"
	ended up 15 || rc=$?
	[ "$rc" -eq 1 ]
	eventually 5 none_left "$T/left.d/"
}
running() { [ -s "$(echo "$T"/run/tunnels.*/berne/berne.tun)" ]; }

@test "sapipe: list, unknown commands and names" {
	cp left.d/berne.conf left.d/basle.conf
	run -0 at_left list
	[ "$output" = $'basle\nberne' ]
	run -2 --separate-stderr at_left frobnicate
	stderr_has 'unknown command frobnicate'
	run -2 at_left
	run -2 at_left up ../berne
	run -2 at_left up --frob
	SAPIPE_CONF_DIR=$T/none run -2 --separate-stderr sapipe list
	run -1 at_left log berne
	run -2 at_left up --json
	run -1 at_left status --json
	jq -e '.state == "down" and .stat == null' <<<"${lines[0]}"
}
