# skeyid-calc check: a candidate key against captures of real negotiations.

# shellcheck disable=SC2030,SC2031,SC2034 # run sets lines; lib/wire uses the options
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab
load lib/wire

setup_file() {
	lab_setup_file
}

setup() {
	need skeyid-calc ike-initiate ike-respond
	T=$BATS_TEST_TMPDIR
	SEED='check me'
}

teardown() {
	lab_teardown
}

# private: the initiator's private value, found among what its seed gives: the one that makes its g^x.
private() {
	local gx x
	gx=$(tshark -r "$T/x.pcapng" -T fields -e isakmp.key_exchange.data 2>/dev/null | grep . | head -n 1)
	for x in $(seeded "$SEED" 40); do
		[ "$(skeyid-calc dh --group modp2048 --private "$x" --json | jq -r '."g^x"')" != "$gx" ] || {
			echo "$x"
			return
		}
	done
	echo "no private value fits" >&2
	return 1
}

@test "check: aggressive mode: yes to the key, no to another, of text, hex and file" {
	captured --ike aes256-sha256-modp2048 --exchange aggressive
	run -0 --separate-stderr skeyid-calc check --psk-text secret "$T/x.pcapng"
	[ "${lines[-1]}" = "check = yes" ]
	run -0 skeyid-calc --check "$T/x.pcapng" --psk 736563726574
	run -0 skeyid-calc check --psk-file "$T/psk" "$T/x.pcapng"
	run -1 --separate-stderr skeyid-calc check --psk-text Secret "$T/x.pcapng"
	[ "${lines[-1]}" = "check = no" ]
	stderr_has "not the key of phase 1"
	stderr_has "hint: "
	run -0 skeyid-calc check --json --psk-text secret "$T/x.pcapng"
	[ "$(jq -r .check <<<"$output")" = yes ]
	run -0 skeyid-calc check --explain --psk-text secret "$T/x.pcapng"
	output_has "prf(pre-shared-key, Ni_b | Nr_b)"
	output_has "HASH_R"
}

@test "check: main mode with a private value: match, mismatch, and the names of missing inputs" {
	captured --ike aes256-sha256-modp2048
	local x
	x=$(private)
	run -0 --separate-stderr skeyid-calc check --psk-text secret --private "$x" "$T/x.pcapng"
	[ "${lines[-1]}" = "check = yes" ]
	# the keys that it computed are those of the state
	[ "$(skeyid-calc check --json --psk-text secret --private "$x" "$T/x.pcapng" | jq -r .SKEYID_d)" = \
		"$(sa-show --json --reveal-keys "$T/l.sa" | jq -r '.keys."skeyid-d" // empty' | head -n 1)" ]
	run -1 --separate-stderr skeyid-calc check --psk-text wrong --private "$x" "$T/x.pcapng"
	[ "${lines[-1]}" = "check = no" ]
	run -2 --separate-stderr skeyid-calc check --psk-text secret "$T/x.pcapng"
	one_error
	stderr_has "missing --private"
	run -2 --separate-stderr skeyid-calc check --psk-text secret --private 0badc0de "$T/x.pcapng"
	stderr_has "of neither end"
	run -2 --separate-stderr skeyid-calc check --private "$x" "$T/x.pcapng"
	stderr_has "missing --psk"
}

@test "check: after a failed negotiation only the key of the responder verifies its hash" {
	lab_topology
	(umask 077 && echo one >"$T/psk1" && echo two >"$T/psk2")
	background respond ip netns exec "$NS_RIGHT" ike-respond --psk-file "$T/psk2" --exchange aggressive
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	run -1 in_left ike-initiate --pcap "$T/x.pcapng" --exchange aggressive --timeout 20 --psk-file "$T/psk1" "$RIGHT_IP"
	run -1 skeyid-calc check --psk-file "$T/psk1" "$T/x.pcapng"
	run -0 skeyid-calc check --psk-file "$T/psk2" "$T/x.pcapng"
}

@test "check: without evidence there is no verdict: no capture, no phase 1, half of one" {
	captured --ike aes256-sha256-modp2048 --exchange aggressive
	run -2 --separate-stderr skeyid-calc check --psk-text x
	run -1 --separate-stderr skeyid-calc check --psk-text x - <"$T/x.pcapng"
	run -4 --separate-stderr skeyid-calc check --psk-text x "$T/l.sa"
	run -4 --separate-stderr skeyid-calc check --psk-text x --cky-i 0102030405060708 "$T/x.pcapng"
	stderr_has "no phase 1 with that cookie"
	tshark -r "$T/x.pcapng" -w "$T/half.pcapng" -c 1 2>/dev/null
	run -4 --separate-stderr skeyid-calc check --psk-text x "$T/half.pcapng"
	stderr_has "does not contain phase 1 up to message 2"
}
