#!/usr/bin/env bats
# A private key on a token: PKCS#11 by SoftHSM2 and OpenSSL's engine, for both of our ends, and against strongSwan.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/ike.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/ike
load lib/pki
load lib/lab

MODULE=/usr/lib/softhsm/libsofthsm2.so

setup_file() {
	[ -e "$MODULE" ] || return 0
	lab_setup_file
	export SOFTHSM2_CONF=$BATS_FILE_TMPDIR/softhsm2.conf PKCS11_MODULE_PATH=$MODULE
	cd "$BATS_FILE_TMPDIR" || return
	umask 077
	mkdir tokens
	printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$PWD" >softhsm2.conf
	softhsm2-util --init-token --free --label test --pin 1234 --so-pin 5678
	issue root self basicConstraints=critical,CA:TRUE
	issue left root subjectAltName=DNS:left.example
	issue -k RSA:rsa_keygen_bits:2048 right root subjectAltName=DNS:right.example
	imported left.key left 01
	imported right.key right 02
	imported "$SAPIPE_BUILD/lab-pki/rsa-left.key" lab 03
	echo 1234 >pin
	echo 4321 >wrong
}

# imported FILE LABEL ID: a private key moves to the token.
imported() { softhsm2-util --import "$1" --token test --label "$2" --id "$3" --pin 1234; }

setup() {
	[ -e "$MODULE" ] || skip "no SoftHSM2 (make deps)"
	need ike-initiate ike-respond
	export SOFTHSM2_CONF=$BATS_FILE_TMPDIR/softhsm2.conf PKCS11_MODULE_PATH=$MODULE
	D=$BATS_FILE_TMPDIR
}
teardown() {
	lab_teardown
	stop_background
}

@test "token: a signature by the key on it is one of the certificate, ECDSA and RSA" {
	local end hash
	cd "$D" || return
	for end in left right; do
		hash=$(head -c 32 /dev/urandom | xxd -p -c 99)
		run -0 skeyid-calc sig --key "pkcs11:token=test;object=$end;type=private" --key-passphrase pin --cert $end.crt \
			--digest "$hash"
		[ "${lines[1]}" = "check = yes" ]
	done
}

@test "token: what is wrong is said before anything is sent: the PIN, the object, a PIN in the URI" {
	ike_setup
	run -2 --separate-stderr ike-initiate --auth ecdsa --cert "$D/left.crt" --ca "$D/root.crt" \
		--key "pkcs11:token=test;object=none" --key-passphrase "$D/pin" 192.0.2.1
	stderr_has "--key: the token does not give the private key"
	run -2 --separate-stderr ike-initiate --auth ecdsa --cert "$D/left.crt" --ca "$D/root.crt" \
		--key "pkcs11:token=test;object=left" --key-passphrase "$D/wrong" 192.0.2.1
	stderr_has "--key: the token does not give the private key"
	run -2 --separate-stderr ike-initiate --auth ecdsa --cert "$D/left.crt" --ca "$D/root.crt" \
		--key "pkcs11:token=test;object=left?pin-value=1234" --key-passphrase "$D/pin" 192.0.2.1
	stderr_has "--key: a PIN in the URI is visible to others"
	run -2 --separate-stderr ike-initiate --auth ecdsa --cert "$D/right.crt" --ca "$D/root.crt" \
		--key "pkcs11:token=test;object=left" --key-passphrase "$D/pin" 192.0.2.1
	stderr_has "none of the 1 certificates belongs to the private key"
}

@test "token: two ends whose keys are on it, inside the sandbox" {
	ike_setup
	# The responder has RSA, and the method of both is the same: so both have the same kind.
	responder --auth rsa --cert "$D/right.crt" --ca "$D/root.crt" --key "pkcs11:token=test;object=right;type=private" \
		--key-passphrase "$D/pin" --local-id right.example "${STEN[@]}"
	PIN=1234 timeout 60 ike-initiate --local "$I" --linger 0.1 "${FAST[@]}" --auth rsa --cert "$D/right.crt" --ca "$D/root.crt" \
		--key "pkcs11:token=test;object=right;type=private" --key-passphrase env:PIN --local-id right.example \
		--remote-id right.example "${NETS[@]}" -o left.sa "$R"
	[ "$(sa-show --format json left.sa | jq -r 'select(.type == "ike-sa").auth')" = rsa ]
	ike-initiate --delete left.sa >/dev/null
	# The process that holds the token ends with the tool.
	kill "${BG[r]}"
	ended r 10
	eventually 10 eval '! pgrep -f "object=right;type=private" >/dev/null'
}

@test "token: strongSwan accepts the signature of a key on it" {
	lab_up ikev1-rsa
	in_left ike-initiate --auth rsa --cert "$LAB_STATE/pki/rsa-left.crt" --ca "$LAB_STATE/pki/rsa-ca.crt" \
		--key "pkcs11:token=test;object=lab;type=private" --key-passphrase "$D/pin" --ike aes128-sha1-modp2048 \
		--esp aes128-sha1 --local-id left.lab.example --remote-id right.lab.example --local-ts 10.1.0.0/24 \
		--remote-ts 10.2.0.0/24 -o "$BATS_TEST_TMPDIR/l.sa" "$RIGHT_IP"
	lab_has_sa
}
