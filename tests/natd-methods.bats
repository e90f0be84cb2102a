#!/usr/bin/env bats
# natd-probe --methods: the authentication methods of a gateway, its certificate and the CAs that it asks for, against
# strongSwan and our own responder; without credentials, and nothing is established.
# shellcheck disable=SC2030,SC2031,SC2154 # run sets lines
bats_require_minimum_version 1.5.0
load lib/common
load lib/lab

setup_file() { lab_setup_file; }
setup() { need natd-probe; T=$BATS_TEST_TMPDIR; }
teardown() { lab_teardown; }

# methods OPTION...: the report as JSON in $T/found.
methods() {
	in_left natd-probe --methods --rate 50 --json "$@" "$RIGHT_IP" >"$T/found"
	jq .authentication "$T/found"
}

# accepts MODE METHOD...: exactly these.
accepts() {
	local mode=$1
	shift
	diff <(jq -r --arg m "$mode" '.authentication.methods[] | select(.[$m].result == "accepted" and
		.[$m]."message-4" != false).auth' "$T/found" | sort) <([ $# -eq 0 ] || printf '%s\n' "$@" | sort)
}

# strongSwan in main mode looks at the method after message 5, and has a pre-shared key in each configuration of the lab.
ALL=(psk xauth-psk rsa xauth-rsa hybrid ecdsa ecdsa-384 ecdsa-521)

@test "natd-probe: methods: a gateway with RSA names its CA in message 4 of main mode" {
	lab_up ikev1-rsa
	methods
	accepts main "${ALL[@]}"
	accepts aggressive
	jq -e '.authentication."requested-cas" | any(. == "O=IPsec Lab, CN=IPsec Lab rsa CA")' "$T/found"
	jq -e '.authentication.certificates == []' "$T/found"
	lab_no_sa
	run -0 in_left natd-probe --methods --rate 50 "$RIGHT_IP"
	output_has 'asks for CA     "O=IPsec Lab, CN=IPsec Lab rsa CA"'
	output_has "none shown: without credentials only aggressive mode shows it"
	output_has "    rsa           main mode accepted up to message 4, aggressive mode rejected"
	output_has "    dss           main mode accepted, then no message 4, aggressive mode rejected"
}

@test "natd-probe: methods: aggressive mode shows the certificate, to an ID that the gateway knows" {
	local crt
	lab_up ikev1-rsa-aggressive
	methods --id left.lab.example
	accepts aggressive rsa
	crt=$LAB_STATE/pki/rsa-right.crt
	jq -e '.authentication.certificates | length == 1 and .[0].subject == "O=IPsec Lab, CN=right.lab.example" and
		.[0].issuer == "O=IPsec Lab, CN=IPsec Lab rsa CA" and .[0].names == "DNS:right.lab.example"' "$T/found"
	[ "$(date -u -d "$(openssl x509 -noout -enddate -in "$crt" | cut -d= -f2)" +%FT%TZ)" = \
		"$(jq -r '.authentication.certificates[0]."not-after"' "$T/found")" ]
	lab_no_sa
}

@test "natd-probe: methods: pre-shared key with XAuth, and none of certificates" {
	lab_up ikev1-xauth-psk
	methods
	jq -e '.authentication.methods[] | select(.auth == "xauth-psk").main."message-4"' "$T/found"
	jq -e '.authentication.certificates == []' "$T/found"
}

@test "natd-probe: methods: hybrid: the gateway's certificate in aggressive mode" {
	lab_up ikev1-hybrid-aggressive
	methods --id left.lab.example
	accepts aggressive hybrid
	jq -e '.authentication.certificates[0].subject == "O=IPsec Lab, CN=right.lab.example"' "$T/found"
}

@test "natd-probe: methods: our own responder accepts what its options say, and no other" {
	lab_topology
	background r ip netns exec "$NS_RIGHT" ike-respond --auth rsa --cert "$LAB_STATE/pki/rsa-right.crt" \
		--key "$LAB_STATE/pki/rsa-right.key" --ca "$LAB_STATE/pki/rsa-ca.crt" -o "$T/r.sa" \
		--local-id right.lab.example --remote-id left.lab.example
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	methods --id left.lab.example
	accepts main rsa
	accepts aggressive
	jq -e '.authentication.methods[] | select(.auth == "psk").main == { "result": "rejected", "notify": "NO-PROPOSAL-CHOSEN" }' \
		"$T/found"
	jq -e '.authentication."requested-cas" == ["O=IPsec Lab, CN=IPsec Lab rsa CA"]' "$T/found"
}
