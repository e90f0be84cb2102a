#!/usr/bin/env bats
# ike-trace on negotiations of strongSwan with itself, of kinds that need certificates, XAuth or mode config: told as
# tshark sees them without keys; with the keys that strongSwan logs, every message is opened and every hash right.
# shards: 2
# shellcheck disable=SC2016,SC2030,SC2031 # jq expands; run sets lines
bats_require_minimum_version 1.5.0
load lib/common
load lib/lab
load lib/wire

setup_file() {
	lab_setup_file
}

setup() {
	need ike-trace sa-show
	command -v tshark >/dev/null || skip "no tshark"
	T=$BATS_TEST_TMPDIR
}

teardown() {
	[ -z "${LAB_STATE:-}" ] || LAB_SIDE=left "$LAB/strongswan.sh" stop
	lab_teardown
}

# theirs CONFIG: strongSwan at both ends connects and deletes; $T/x.pcap is all of it, $T/x.sa has left's keys, and
# ${told[@]} is what ike-trace says of each message, opened: "main mode 1 initiator SA VID VID", ...
theirs() {
	LAB_LOGLEVEL=1 lab_up "$1"
	LAB_SIDE=left LAB_LOGLEVEL=4 "$LAB/strongswan.sh" start "$1" 3>&- 4>&-
	record x
	LAB_SIDE=left lab_ctl --initiate --child net >"$T/initiate" 2>&1 || { tail "$T/initiate"; return 1; }
	LAB_SIDE=left lab_ctl --terminate --ike lab >"$T/terminate" 2>&1
	recorded x 8
	umask 077
	"$SAPIPE_TOP/tests/lib/sa_from_log.py" --local "$PEER_IP" --remote "$RIGHT_IP" "$LAB_STATE/left/log" "$T/x.sa"
	"$SAPIPE_TOP/tests/lib/cddl_check.py" "$T/x.sa"
	like_tshark "$T/x.pcap"
	like_tshark "$T/x.pcap" "$T/x.sa"
	run -0 --separate-stderr ike-trace --json --sa "$T/x.sa" "$T/x.pcap"
	json=$output
	jq -es 'last | .unopened == 0 and .malformed == 0 and .sas == 1' <<<"$json"
	jq -es 'all(.hash == null or .hash == "right")' <<<"$json"
	jq -es 'map(select(."ports-changed")) | length == 1' <<<"$json"
	mapfile -t told < <(jq -r 'select(.type == "message" and ."again-of" == null) |
		"\(.exchange) \(.message // "fragment") \(.sender): \(.payloads | map(.type) | join(" "))"' <<<"$json")
	printf '%s\n' "${told[@]}"
	run -0 ike-trace --sa "$T/x.sa" "$T/x.pcap"
	[[ $output != *unreadable* && $output != *WRONG* ]]
}

# tells LINE...: the output has these lines, in this order.
tells() {
	local i=0 line
	for line; do
		until [ "${told[i]-}" = "$line" ]; do
			i=$((i + 1))
			[ $i -lt ${#told[@]} ] || { echo "not told: $line"; return 1; }
		done
	done
}

MODE_CONFIG=("transaction 1 responder: HASH ATTR" "transaction 2 initiator: HASH ATTR" "transaction 1 responder: HASH ATTR"
	"transaction 2 initiator: HASH ATTR" "transaction 1 initiator: HASH ATTR" "transaction 2 responder: HASH ATTR"
	"quick mode 1 initiator: HASH SA NONCE ID ID" "quick mode 3 initiator: HASH" "informational 1 initiator: HASH D")

# What XAuth and mode config said, in words.
told_config() {
	output_has "XAUTH_USER_NAME labuser"
	output_has "XAUTH_USER_PASSWORD (hidden)"
	output_has "XAUTH_STATUS ok"
	output_has "INTERNAL_IP4_ADDRESS 10.3.0."
	output_has "UNITY_SPLIT_INCLUDE 10.2.0.0/255.255.255.0"
	output_has "UNITY_BANNER Welcome to the lab"
	[[ $output != *labpass* ]]
	run -0 ike-trace --reveal-keys --sa "$T/x.sa" "$T/x.pcap"
	output_has "XAUTH_USER_PASSWORD labpass"
}

@test "ike-trace: XAuth and mode config after main mode" {
	theirs ikev1-xauth-psk
	tells "main mode 5 initiator: ID HASH N" "main mode 6 responder: ID HASH" "${MODE_CONFIG[@]}"
	output_has "XAUTH-INIT-PSK"
	told_config
}

@test "ike-trace: XAuth and mode config after aggressive mode" {
	theirs ikev1-xauth-psk-aggressive
	tells "${MODE_CONFIG[@]}"
	[[ ${told[0]} == "aggressive mode 1 initiator: SA KE NONCE ID VID"* ]]
	output_has "KEY_ID"
	told_config
}

@test "ike-trace: hybrid: the gateway's certificate and signature" {
	theirs ikev1-hybrid
	tells "main mode 6 responder: ID CERT SIG" "${MODE_CONFIG[@]}"
	output_has "HYBRID-INIT-RSA"
	output_has '(signed by the key of the certificate in message 6, of "O=IPsec Lab, CN=right.lab.example"; the certificate was not checked)'
	told_config
}

@test "ike-trace: certificates in fragments of IKE" {
	theirs ikev1-rsa
	tells "main mode fragment initiator: FRAG" "main mode 5 initiator: ID CERT SIG CR N" \
		"main mode 6 responder: ID CERT SIG" "quick mode 2 responder: HASH SA NONCE ID ID"
	output_has "(reassembled from 2 IKE fragments)"
	output_has "CN=IPsec Lab rsa CA"
	jq -es 'map(select(.fragments == 2)) | length == 1' <<<"$json"
	output_has '(signed by the key of the certificate in message 5, of "O=IPsec Lab, CN=left.lab.example"; the certificate was not checked)'
	output_has '(signed by the key of the certificate in message 6, of "O=IPsec Lab, CN=right.lab.example"; the certificate was not checked)'
	run -0 ike-trace --json --ca "$LAB_STATE/pki/rsa-ca.crt" --sa "$T/x.sa" "$T/x.pcap"
	[ "$(jq -r '.signature // empty, .certificate // empty' <<<"$output" | xargs)" = "right trusted right trusted" ]
}

@test "ike-trace: aggressive mode: messages in clear, and the third one decrypted" {
	theirs ikev1-psk-aggressive
	tells "aggressive mode 3 initiator: HASH NAT-D NAT-D" "quick mode 2 responder: HASH SA NONCE ID ID" \
		"informational 1 initiator: HASH D"
	output_has "ID_FQDN right.lab.example"
	run -0 ike-trace "$T/x.pcap"
	output_has "ID_FQDN left.lab.example"
	output_has "6 not opened"
}
