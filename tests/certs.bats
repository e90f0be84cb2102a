#!/usr/bin/env bats
# Certificates of our own two ends on loopback: the forms of files, and what each refusal says.
# shards: 3
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/ike.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/ike
load lib/pki

setup_file() {
	mkdir "$BATS_FILE_TMPDIR/pki"
	cd "$BATS_FILE_TMPDIR/pki" || return
	umask 077
	issue root self basicConstraints=critical,CA:TRUE
	issue other self basicConstraints=critical,CA:TRUE
	issue middle root basicConstraints=critical,CA:TRUE
	issue left root subjectAltName=DNS:left.example keyUsage=digitalSignature
	issue right root subjectAltName=DNS:right.example,IP:192.0.2.7
	issue below middle subjectAltName=DNS:right.example
	issue crypt root subjectAltName=DNS:right.example,DNS:left.example keyUsage=keyEncipherment
	issue noname root
	issue alone self subjectAltName=DNS:right.example
	# Dates: only "openssl ca" sets both.
	cat >ca.conf <<-'CONF'
		[ca]
		default_ca = c
		[c]
		database = index
		crlnumber = number
		new_certs_dir = .
		rand_serial = yes
		default_md = sha256
		default_crl_days = 9
		policy = p
		[p]
		organizationName = supplied
		commonName = supplied
	CONF
	echo 01 >number
	dated old 20200101000000Z 20210101000000Z
	dated young 20900101000000Z 20910101000000Z
}

# dated NAME FROM TO: the same of root, with these dates.
dated() {
	issue "$1" root subjectAltName=DNS:right.example
	: >index
	openssl ca -batch -notext -config ca.conf -keyfile root.key -cert root.crt -in "$1.csr" -startdate "$2" -enddate "$3" \
		-extfile "$1.ext" -out "$1.crt" 2>/dev/null
}

setup() {
	need ike-initiate ike-respond
	ike_setup
	ln -s "$BATS_FILE_TMPDIR/pki/"*.{crt,key} "$BATS_FILE_TMPDIR/pki/ca.conf" .
	AUTH=(--auth ecdsa)
	CERT=left.crt KEY=left.key CA=root.crt
	RIGHT=("${AUTH[@]}" --cert right.crt --key right.key --ca root.crt --local-id right.example --remote-id left.example)
}
teardown() { stop_background; }

# shows CERTIFICATE [OPTION]...: the responder has that certificate, then initiates, with options of the initiator.
shows() {
	local cert=$1
	shift
	responder "${AUTH[@]}" --cert "$cert.crt" --key "$cert.key" --ca root.crt --local-id right.example "${STEN[@]}"
	initiates "$@"
}

# initiates [OPTION]...: ike-initiate with the usual certificate; exit status and standard error of run.
initiates() {
	run --separate-stderr timeout 20 ike-initiate --local "$I" --linger 0.1 "${FAST[@]}" "${AUTH[@]}" \
		${CERT:+--cert "$CERT"} ${KEY:+--key "$KEY"} ${CA:+--ca "$CA"} --local-id left.example \
		--remote-id right.example "${NETS[@]}" --timeout 3 -o left.sa "$@" "$R"
}

# refused CAUSE HINT: the initiator's last two lines, after what names the message.
refused() { refused_at 6 "$@"; }
refused_at() {
	[ "$status" -eq 1 ]
	diff <(printf 'ike-initiate: phase 1 (main mode), message %s (authenticates): %s\nhint: %s\n' "$@") \
		<(tail -n 2 <<<"$stderr")
}

@test "certs: two ends, each with a certificate of one CA" {
	shows right
	[ "$status" -eq 0 ]
	[ "$(sa-show --format json left.sa | jq -r 'select(.type == "ike-sa").auth')" = ecdsa ]
	/usr/bin/python3 "$CHECK" left.sa
}

@test "certs: DER, PKCS#7 and PKCS#12 do as well as PEM, in any order" {
	openssl x509 -in left.crt -outform DER -out left.der
	openssl pkcs8 -topk8 -nocrypt -in left.key -outform DER -out key.der
	openssl crl2pkcs7 -nocrl -certfile middle.crt -certfile left.crt -certfile root.crt -out all.p7
	openssl pkcs12 -export -in left.crt -inkey left.key -certfile root.crt -passout pass:open -out left.p12
	printf 'open\n' >pass
	responder "${RIGHT[@]}" "${STEN[@]}"
	CERT=left.der KEY=key.der initiates
	[ "$status" -eq 0 ]
	CERT=all.p7 initiates
	[ "$status" -eq 0 ]
	CERT=left.p12 KEY='' initiates --key-passphrase pass
	[ "$status" -eq 0 ]
}

@test "certs: an encrypted key opens with a passphrase from a file, a variable or a descriptor" {
	openssl pkcs8 -topk8 -in left.key -passout pass:open -out locked.key
	printf 'open\n' >pass
	responder "${RIGHT[@]}" "${STEN[@]}"
	KEY=locked.key
	initiates --key-passphrase pass
	[ "$status" -eq 0 ]
	PASS=open initiates --key-passphrase env:PASS
	[ "$status" -eq 0 ]
	initiates --key-passphrase fd:9 9<pass
	[ "$status" -eq 0 ]
}

# misuse FACT HINT: exit 2, and these two lines.
misuse() {
	[ "$status" -eq 2 ]
	diff <(printf 'ike-initiate: %s\n%s' "$1" "${2:+hint: $2
}") <(printf '%s\n' "$stderr")
}

@test "certs: what is wrong with the files is said before anything is sent" {
	local option
	openssl pkcs8 -topk8 -in left.key -passout pass:open -out locked.key
	printf 'shut\n' >pass
	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out rsa.key 2>/dev/null
	head -c 100 left.crt >cut.crt
	KEY=right.key initiates
	misuse "right.key: none of the 1 certificates belongs to the private key"
	KEY=locked.key initiates --key-passphrase pass
	misuse "locked.key: the passphrase does not open the private key"
	run --separate-stderr setsid -w ike-initiate --auth ecdsa --cert left.crt --key locked.key "$R" </dev/null
	misuse "locked.key: the private key is encrypted, and there is no terminal to ask for its passphrase on" \
		"--key-passphrase names a file with the passphrase; also fd:N, env:NAME or tty"
	KEY=left.crt initiates
	misuse "left.crt: no private key in it, neither PEM nor DER"
	CERT=cut.crt initiates
	misuse "cut.crt: no certificate in it, neither PEM nor DER"
	CA=left.crt initiates
	misuse "left.crt: a certificate in it is not an authority's: it has no basicConstraints with CA" \
		"--ca names the authority that issued the peer's certificate; a self-signed certificate of the peer is --peer-cert, or its hash --peer-cert-hash"
	initiates --peer-cert-hash 1234
	misuse "--peer-cert-hash: the SHA-256 of a certificate has 64 hexadecimal digits"
	AUTH=(--auth rsa)
	initiates
	misuse "--auth: it is for RSA, and our private key is ECDSA P-256"
	AUTH=(--auth ecdsa)
	initiates --crl left.crt
	misuse "left.crt: no CRL in it, neither PEM nor DER"
	CA='' initiates
	misuse "--ca: there is none, and neither --peer-cert nor --peer-cert-hash: no certificate of the peer can be trusted" \
		"--ca names the authority that issued the peer's certificate; a self-signed certificate of the peer is --peer-cert, or its hash --peer-cert-hash"
	CERT=none initiates
	misuse "none: cannot open: No such file or directory" \
		"--cert names the file with our certificate: PEM, DER, PKCS#7 or PKCS#12; also '-', fd:N or env:NAME"
	KEY=none initiates
	misuse "none: cannot open: No such file or directory" \
		"--key names the file with our private key: PEM or DER; also '-', fd:N or env:NAME; a PKCS#12 of --cert has its own"
	for option in --ca --crl --peer-cert; do
		initiates $option none
		misuse "none: cannot open: No such file or directory" \
			"--ca, --crl and --peer-cert each name a file of certificates or lists; a path in a peers file counts from the directory of that file"
	done
	KEY=locked.key initiates --key-passphrase none
	misuse "none: cannot open: No such file or directory" \
		"--key-passphrase names a file with the passphrase; also '-', fd:N, env:NAME or tty"
	CERT='' initiates
	misuse "--cert: there is none, and signatures need our certificate"
	KEY='' initiates
	misuse "--key: there is none, and signatures need our private key"
}

# dates TEXT: the refusal of shows, with the time of day put in place of "now".
dates() {
	stderr=$(sed -E 's/(here it is )[0-9-]{10}T[0-9:]{8}Z/\1now/' <<<"$stderr")
	refused "$1" "the certificate must be renewed, or a clock is wrong: date -u"
}

@test "certs: refused: expired" {
	shows old
	dates 'CERT payload: "O=Test, CN=old" expired at 2021-01-01T00:00:00Z, and here it is now'
}

@test "certs: refused: not yet valid" {
	shows young
	dates 'CERT payload: "O=Test, CN=young" is valid from 2090-01-01T00:00:00Z, and here it is now'
}

@test "certs: refused: revoked; and no CRL of the issuer" {
	: >index
	echo 01 >number
	openssl ca -config ca.conf -keyfile root.key -cert root.crt -revoke right.crt 2>/dev/null
	openssl ca -config ca.conf -keyfile root.key -cert root.crt -gencrl -out root.crl 2>/dev/null
	: >index
	openssl ca -config ca.conf -keyfile other.key -cert other.crt -gencrl -out other.crl 2>/dev/null
	shows right --crl root.crl
	[ "$status" -eq 1 ]
	[[ $stderr == *'message 6 (authenticates): CERT payload: "O=Test, CN=right", serial number '*', was revoked at 2'*'Z by "O=Test, CN=root"'* ]]
	initiates --crl other.crl
	refused 'CERT payload: no CRL here is of "O=Test, CN=root", the issuer of "O=Test, CN=right"' \
		"--crl needs a current list of each issuer: openssl crl -noout -issuer -nextupdate -in FILE"
}

@test "certs: refused: of another CA, and the chain is incomplete" {
	local hint="either the certificate is of another CA than --ca names, or the chain is incomplete: let the peer send its intermediate certificates, or add them to --ca"
	shows right --ca other.crt
	[ "$status" -eq 0 ] # --ca adds up
	CA=other.crt initiates
	refused 'CERT payload: "O=Test, CN=right" was issued by "O=Test, CN=root", whose certificate was not sent, and the CA here is "O=Test, CN=other"' "$hint"
	stop_background
	shows below
	refused 'CERT payload: "O=Test, CN=below" was issued by "O=Test, CN=middle", whose certificate was not sent, and the CA here is "O=Test, CN=root"' "$hint"
	initiates --ca middle.crt
	[ "$status" -eq 0 ]
}

@test "certs: refused: of another name" {
	shows noname
	refused 'CERT payload: "O=Test, CN=noname" does not have the name right.example of the ID payload; subjectAltName has none' \
		"the ID must be the subject, or be in subjectAltName with its type: set --remote-id to a name of the certificate and let the peer send that, or issue another certificate"
}

@test "certs: refused: a key that is not for signatures" {
	shows crypt
	refused 'CERT payload: the keyUsage of "O=Test, CN=crypt" is keyEncipherment, without digitalSignature or nonRepudiation' \
		"the peer needs a certificate for signatures: keyUsage digitalSignature"
}

# gateway_refuses CERTIFICATE CAUSE HINT [OPTION]...: the initiator has that certificate. The responder prints both lines, and
# the initiator learns only that its certificate was rejected. OPTION is the responder's.
gateway_refuses() {
	local cert=$1 cause=$2 hint=$3 notify="(INVALID-CERTIFICATE)"
	shift 3
	[[ $hint != *" of another CA "* ]] || notify="'s CA (INVALID-CERT-AUTHORITY)"
	responder "${RIGHT[@]}" "${STEN[@]}" "$@"
	CERT=$cert.crt KEY=$cert.key initiates
	refused_at 5 "the peer rejects our certificate${notify/#(/ (}" \
		"the peer's log says why: it does not know our CA, our certificate is expired or revoked, or does not have the name of our --local-id"
	sed -nE 's/(here it is |number |revoked at )[0-9a-fA-FT:Z-]+/\1.../g
		s/^ike-respond: [^ ]*, (phase 1 \(main mode\), message 5)/\1/p; /^hint: /p' r.err >said
	diff <(printf 'phase 1 (main mode), message 5 (authenticates): %s\nhint: %s\n' "$cause" "$hint") said
	stop_background
}

@test "certs: the gateway refuses for the same reasons, and the client learns that its certificate is the reason" {
	local issuer="either the certificate is of another CA than --ca names, or the chain is incomplete: let the peer send its intermediate certificates, or add them to --ca"
	gateway_refuses noname 'CERT payload: "O=Test, CN=noname" does not have the name left.example of the ID payload; subjectAltName has none' \
		"the ID must be the subject, or be in subjectAltName with its type: set --remote-id to a name of the certificate and let the peer send that, or issue another certificate"
	gateway_refuses old 'CERT payload: "O=Test, CN=old" expired at 2021-01-01T00:00:00Z, and here it is ...' \
		"the certificate must be renewed, or a clock is wrong: date -u"
	gateway_refuses crypt 'CERT payload: the keyUsage of "O=Test, CN=crypt" is keyEncipherment, without digitalSignature or nonRepudiation' \
		"the peer needs a certificate for signatures: keyUsage digitalSignature"
	gateway_refuses below 'CERT payload: "O=Test, CN=below" was issued by "O=Test, CN=middle", whose certificate was not sent, and the CA here is "O=Test, CN=root"' \
		"$issuer"
	gateway_refuses alone 'CERT payload: the chain ends at "O=Test, CN=alone", and the CA here is "O=Test, CN=root"' "$issuer"
	: >index
	echo 01 >number
	openssl ca -config ca.conf -keyfile root.key -cert root.crt -revoke left.crt 2>/dev/null
	openssl ca -config ca.conf -keyfile root.key -cert root.crt -gencrl -out root.crl 2>/dev/null
	gateway_refuses left 'CERT payload: "O=Test, CN=left", serial number ..., was revoked at ... by "O=Test, CN=root"' \
		"the CA has withdrawn the certificate: the peer needs a new one" --crl root.crl
}

@test "certs: a chain with its intermediate, of both ends" {
	responder "${AUTH[@]}" --cert below.crt --cert middle.crt --key below.key --ca root.crt --local-id right.example \
		"${STEN[@]}"
	initiates
	[ "$status" -eq 0 ]
}

@test "certs: a pinned certificate needs no CA, and its hash does as well" {
	local hash
	hash=$(openssl x509 -noout -fingerprint -sha256 -in alone.crt | cut -d= -f2)
	responder "${AUTH[@]}" --cert alone.crt --key alone.key --ca root.crt --local-id right.example "${STEN[@]}"
	CA=''
	initiates --peer-cert alone.crt
	[ "$status" -eq 0 ]
	initiates --peer-cert-hash "$hash"
	[ "$status" -eq 0 ]
	initiates --peer-cert right.crt
	[ "$status" -eq 1 ]
	[[ $stderr == *'CERT payload: "O=Test, CN=alone" is not the configured certificate: its SHA-256 is '* ]]
}

@test "certs: a peers file has the same keys, and sections of both methods" {
	cat >peers.ini <<-'INI'
		[defaults]
		ike = aes128-sha1-modp1024
		esp = aes128-sha1
		local-ts = 10.2.0.0/24
		remote-ts = 10.1.0.0/24
		local-id = right.example
		[road]
		psk-file = gw.psk
		[left]
		auth = ecdsa
		cert = right.crt
		key = right.key
		ca = root.crt
		remote-id = left.example
	INI
	background r ike-respond -v --listen "$R" --peers peers.ini -o right.sa
	eventually 10 bound "$R"
	initiates
	[ "$status" -eq 0 ]
	[ "$(sa-show --format json right.sa | jq -r 'select(.type == "ike-sa").name')" = left ]
	initiate --local-id road.example "${NETS[@]}" "$R" >road.sa
	[ "$(sa-show --format json right.sa | jq -r 'select(.type == "ike-sa").name' | tail -n 1)" = road ]
}

@test "certs: --explain names the certificates" {
	responder "${RIGHT[@]}" "${STEN[@]}"
	initiates --explain
	[ "$status" -eq 0 ]
	grep -F 'X.509 signature: "O=Test, CN=left", issued by "O=Test, CN=root", DNS:left.example, valid from ' <<<"$stderr"
	grep -F 'X.509 signature: "O=Test, CN=right", issued by "O=Test, CN=root", DNS:right.example, IP:192.0.2.7, ' <<<"$stderr"
	grep -F 'X.509 signature of "O=Test, CN=root"' <<<"$stderr"
}
