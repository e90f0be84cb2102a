# Each example of README.md, sapipe-examples(7) and sapipe-troubles(7), run as it stands there: on two machines, left and
# right, whose addresses are those of the examples.
# shards: 3

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

@test "README: every example has a name, and a test here" {
	local name names
	# A block without a name, or a name without a block, would never run.
	[ "$(grep -c '^```[a-z]' "$SAPIPE_TOP/README.md")" -eq "$(grep -c '^<!-- example: ' "$SAPIPE_TOP/README.md")" ]
	names=$(sed -nE 's/^(<!-- |\.\\" )example: ([^ ]*)( -->)?$/\2/p' "${DOCS[@]}")
	[ "$(wc -w <<<"$names")" -gt 25 ]
	for name in $names; do
		[ -n "$(example "$name")" ]
		grep -qE "(example|resident|example_in|types) .*\<$name\>" "$BATS_TEST_DIRNAME"/{readme.bats,troubles.bats,vpnmon-group.bats,lib/readme.bash,deb/package.bats} ||
			grep -qF "example: $name" "$SAPIPE_TOP/man/sapipe-tutorial.7" || {
			echo "no test runs the example $name"
			return 1
		}
	done
}

@test "README: every tool has a line" {
	local tool
	for tool in "$SAPIPE_TOP"/cmd/*/; do
		tool=$(basename "$tool")
		grep -q "^| \`$tool\` |" "$SAPIPE_TOP/README.md" || {
			echo "no line about $tool"
			return 1
		}
	done
}

@test "README: its two commands are targets that install what they need" {
	local line
	cd "$SAPIPE_TOP"
	while read -r line; do
		run -0 bash -c "MAKEFLAGS= ${line%%#*} -n"
		[[ $output == *dpkg-query* && $output == *tests/* ]]
	done < <(example commands)
}

@test "README: install" {
	cd "$SAPIPE_TOP"
	# shellcheck disable=SC2016 # as it stands there
	example install | grep -qx 'make install PREFIX=$HOME/.local'
	HOME=$BATS_TEST_TMPDIR run -0 make -s install PREFIX="$BATS_TEST_TMPDIR/.local"
	"$BATS_TEST_TMPDIR/.local/bin/sa-show" --version
}

@test "README: the first tunnel, and the values behind it" {
	machines
	resident right first-right
	answers
	resident left first-left
	eventually 10 lab_answers left "$RIGHT_INNER"
	lab_ping right "$LEFT_INNER"
	lab_stop first-left 2
	lab_tun_gone
	lab_stop first-right 2
}

@test "README: the first tunnel by files, a file of eight lines on each end" {
	machines
	export SAPIPE_RUN_DIR=$LAB_STATE/run
	example file-left >"$LAB_STATE/left/berne.conf"
	example file-right >"$LAB_STATE/right/zurich.conf"
	[ "$(wc -l <"$LAB_STATE/left/berne.conf")" -eq 8 ]
	[ "$(wc -l <"$LAB_STATE/right/zurich.conf")" -eq 8 ]
	export SAPIPE_CONF_DIR=$LAB_STATE/right
	run -0 example_in right file-up
	output_has 'zurich is up'
	output_has 'zurich vpn0 203.0.113.1 listening'
	export SAPIPE_CONF_DIR=$LAB_STATE/left
	run -0 example_in left file-up
	output_has 'berne is up'
	output_has 'berne vpn0 203.0.113.2 UP '
	lab_ping left "$RIGHT_INNER"
	run -0 in_left sapipe print
	output_has " | esp-tun --tun vpn0 "
	run -0 in_left sapipe down
	SAPIPE_CONF_DIR=$LAB_STATE/right run -0 in_right sapipe down
}

@test "README: check what a gateway accepts" {
	machines
	resident right first-right
	answers
	run -0 example_in left look
	output_has "ike-sa"
	output_has "10.2.0.0/24"
	lab_stop first-right
	# Nobody there: the answer is no.
	run ! example_in left look
}

@test "README: a copy of the stream, and the wire decrypted with it" {
	machines
	resident right first-right
	answers
	background dump ip netns exec "$NS_LEFT" tcpdump --immediate-mode -Z root -U -w "$LAB_STATE/left/vpn.pcap" \
		-i eth0 'udp port 500 or udp port 4500 or esp'
	eventually 5 grep -q listening "$BATS_TEST_TMPDIR/dump.err"
	resident left copy
	eventually 10 lab_answers left "$RIGHT_INNER"
	run -0 example_in left alive
	output_has "3 sent, 3 answered, 0% loss"
	lab_stop copy
	sleep 0.3
	stop_background
	run -0 example_in left wire
	# Phase 1 and 2 were read, and the ping inside ESP.
	output_has "Quick Mode"
	output_has "Echo (ping) request"
	run -0 example_in left ladder
	output_has "203.0.113.2"
	[[ ${output,,} == *"quick mode"* ]]
	run -0 example_in left page
	grep -q '<svg' "$LAB_STATE/left/vpn.html"
	run -0 example_in left explain
	output_has "SKEYID [32] = prf(pre-shared-key, Ni_b | Nr_b) (RFC 2409, 5)"
	output_has "0 comparisons different"
}

@test "README: what a stranger finds out" {
	machines
	resident right first-right
	answers
	run -0 example_in left stranger
	output_has "NAT             none"
	[[ $output == *$'\naes256-sha'* ]]
	output_has "3 sent, 3 answered, 0% loss"
}

@test "README: step by step through files, and the values from them" {
	machines
	resident right first-right
	answers
	run -0 example_in left steps
	output_has "10.2.0.0/24"
	resident left steps-tunnel
	eventually 10 lab_answers left "$RIGHT_INNER"
	run -0 example_in left values
	[[ ${lines[0]} =~ ^[^[:xdigit:]]*.*[[:xdigit:]]{40,}$ ]]
	run -0 example_in left steps-delete
}

@test "README: a hub and a spoke by GRE and NHRP" {
	need gre-tun nhrp-serve nhrp-register nhrp-resolve
	machines
	resident right dmvpn-hub
	resident left dmvpn-spoke
	eventually 10 in_left ping -c 1 -W 1 10.255.255.254
	eventually 5 in_right ping -c 1 -W 1 10.255.255.1
	run -0 in_left nhrp-resolve --tun gre1 --address 10.255.255.1 --nhs 203.0.113.2 10.255.255.254
	output_has "10.255.255.254 is behind 10.255.255.254 at 203.0.113.2"
}

@test "README: one responder for many peers" {
	machines
	example peers-file >"$LAB_STATE/right/peers.ini"
	resident right peers
	answers
	resident left first-left
	eventually 10 lab_answers left "$RIGHT_INNER"
}
