# skeyid-calc: every known case through the tool, the other formulas beside the openssl
# command, and what it says when something is missing or wrong.
# shards: 3

bats_require_minimum_version 1.5.0

load lib/common

# Values of one negotiation, made up.
NI=b9a2d0e922dc66dd2130166863b5ddef
NR=2130166863b5ddef
GXI=1111111111111111aaaaaaaaaaaaaaaa
GXR=2222222222222222bbbbbbbbbbbbbbbb
GXY=739003ba2c11c982946c65e26acf661fbf8ebb78011a9fead79efa12fe3e71cc
CKY_I=83d374c30b3b5082
CKY_R=5afc0da06c728029
SAI=00000001000000010000002801010001
ID=01110000c0000201
KEY=62b04d112877e442fc3282fc37c076997718a0b9
MID=deadbeef
SPI=c0ffee01

setup() {
	need skeyid-calc
	cd "$BATS_TEST_TMPDIR" || return
}

# bytes HEX...: as bytes.
bytes() {
	local IFS=
	# shellcheck disable=SC2001 # "&" takes what ${//} cannot in bash 5.0
	printf '%b' "$(sed 's/../\\x&/g' <<<"$*")"
}

# prf HASH KEY HEX...: by the openssl command.
prf() {
	local hash=$1 key=$2
	shift 2
	bytes "$@" | openssl dgst "-$hash" -mac HMAC -macopt "hexkey:$key" -r | cut -d' ' -f1
}

# digest HASH HEX...
digest() {
	local hash=$1
	shift
	bytes "$@" | openssl dgst "-$hash" -r | cut -d' ' -f1
}

# value NAME: of the last run's output.
value() {
	# shellcheck disable=SC2154 # run sets it
	sed -n "s/^$1 = //p" <<<"$output"
}

# is NAME HEX: the last run printed this value.
is() {
	if [ -z "$2" ] || [ "$(value "$1")" != "$2" ]; then
		printf '%s is not %s in: %s\n' "$1" "$2" "$output"
		return 1
	fi
}

# cavp FILE METHOD: runs each case and compares all four values. Prints how many.
cavp() {
	local name value hash n=0 want
	local -A v
	while IFS='= ' read -r name value; do
		value=${value%$'\r'}
		case $name in
		'[SHA-'* | '[MD5]'*) hash=$(tr -d '[]\r-' <<<"$name" | tr '[:upper:]' '[:lower:]') ;;
		CKY_[IR] | N[ir] | g^xy | pre-shared-key | SKEYID*) v[$name]=$value ;;
		esac
		[ "$name" = SKEYID_e ] || continue
		args=(--hash "$hash" --ni "${v[Ni]}" --nr "${v[Nr]}" --gxy "${v[g^xy]}"
			--cky-i "${v[CKY_I]}" --cky-r "${v[CKY_R]}")
		[ "$2" != psk ] || args+=(--psk "${v[pre-shared-key]}")
		want="SKEYID = ${v[SKEYID]}
SKEYID_d = ${v[SKEYID_d]}
SKEYID_a = ${v[SKEYID_a]}
SKEYID_e = ${v[SKEYID_e]}"
		[ "$(skeyid-calc skeyid --auth "$2" "${args[@]}")" = "$want" ] || {
			echo "case $n differs: ${args[*]}"
			return 1
		}
		n=$((n + 1))
	done <"$1"
	echo "$n"
}

# known METHOD FILE...: the cases of tests/vectors and, where present, NIST's.
known() {
	local f n=0 least=40 method=$1
	shift
	for f; do
		[ -e "$f" ] || continue
		run -0 cavp "$f" "$method"
		n=$((n + output))
		echo "# $output cases of ${f##*/}" >&3
		[ "$n" -ge "$least" ]
		least=91
	done
}

@test "skeyid-calc: reads records and captures inside the seccomp filter" {
	local what
	[[ $SAPIPE_BUILD != *san* ]] || skip "the sanitizers allow no filter"
	mkfifo pipe
	for what in "check --psk-text x pipe" "--explain pipe" "keymat --sa pipe"; do
		# shellcheck disable=SC2086
		background calc skeyid-calc $what
		eventually 5 grep -q '^Seccomp:[[:space:]]2$' "/proc/${BG[calc]}/status"
		exec 9>pipe 9>&-
		ended calc || true
	done
}

@test "skeyid-calc: SKEYID, _d, _a, _e of every known case with a pre-shared key" {
	known psk "$SAPIPE_TOP/tests/vectors/ikev1_psk.rsp" "$VECTORS/nist-cavp-ike/ikev1_psk.first3.rsp"
}

@test "skeyid-calc: the same with signatures" {
	known sig "$SAPIPE_TOP/tests/vectors/ikev1_sig.rsp" "$VECTORS/nist-cavp-ike/ikev1_dsa.first3.rsp"
}

@test "skeyid-calc: SKEYID with public-key encryption is that of openssl" {
	run -0 skeyid-calc skeyid --auth pke --hash sha256 --ni $NI --nr $NR --gxy $GXY \
		--cky-i $CKY_I --cky-r $CKY_R
	is SKEYID "$(prf sha256 "$(digest sha256 $NI $NR)" $CKY_I $CKY_R)"
}

@test "skeyid-calc: revised public-key encryption: Ne, Ke and bodies are those of openssl" {
	local ne k1 k2 ke body=02110000aabbccddee first=0102030405060708090a0b0c0d0e0f10
	ne=$(prf sha1 $NI $CKY_I)
	run -0 skeyid-calc pke --hash sha1 --cipher aes128 --ni $NI --cky-i $CKY_I
	is Ne_i "$ne"
	is Ke_i "${ne:0:32}"
	[ "${#lines[@]}" -eq 2 ]
	k1=$(prf sha1 "$ne" 00)
	k2=$(prf sha1 "$ne" "$k1")
	ke=$k1$k2
	run -0 skeyid-calc pke --hash sha1 --cipher aes256 --ni $NI --cky-i $CKY_I --body $body
	is Ke_i "${ke:0:64}"
	want=$(bytes ${body}00000000000006 | openssl enc -aes-256-cbc -K "${ke:0:64}" -iv 00000000000000000000000000000000 \
		-nopad | od -An -v -tx1 | tr -d ' \n')
	is '<body>Ke_i' "$want"
	run -0 skeyid-calc pke --hash sha1 --cipher aes256 --ni $NI --cky-i $CKY_I --ciphertext "$want"
	is body $body
	# the next payload continues from the last block of the one before
	run -0 skeyid-calc pke --hash sha1 --cipher aes256 --ni $NI --cky-i $CKY_I --body $body --previous $first
	want=$(bytes ${body}00000000000006 | openssl enc -aes-256-cbc -K "${ke:0:64}" -iv $first -nopad |
		od -An -v -tx1 | tr -d ' \n')
	is '<body>Ke_i' "$want"
	ne=$(prf md5 $NR $CKY_R)
	run -0 skeyid-calc pke --hash md5 --cipher aes128 --nr $NR --cky-r $CKY_R --role responder --body $body \
		--cert 30820001
	is Ne_r "$ne"
	is Ke_r "${ne:0:32}"
	is 'HASH(1)' "$(digest md5 30820001)"
	run -2 --separate-stderr skeyid-calc pke
	for o in hash cipher ni cky-i; do stderr_has "--$o"; done
	run -2 --separate-stderr skeyid-calc pke --hash md5 --cipher aes128 --nr $NR --cky-r $CKY_R --body 00 --ciphertext 00
	one_error
	run -4 --separate-stderr skeyid-calc pke --hash md5 --cipher aes128 --ni $NI --cky-i $CKY_I --ciphertext ${NI}00
	one_error
}

@test "skeyid-calc: HASH_I and HASH_R are those of openssl, for every hash" {
	for h in md5 sha1 sha256 sha384 sha512; do
		run -0 skeyid-calc hash --hash $h --skeyid $KEY --gxi $GXI --gxr $GXR \
			--cky-i $CKY_I --cky-r $CKY_R --sai $SAI --idi $ID --idr 02110000aa
		is HASH_I "$(prf $h $KEY $GXI $GXR $CKY_I $CKY_R $SAI $ID)"
		is HASH_R "$(prf $h $KEY $GXR $GXI $CKY_R $CKY_I $SAI 02110000aa)"
	done
}

@test "skeyid-calc: HASH_I from the pre-shared key on" {
	run -0 skeyid-calc hash --hash sha1 --psk-text secret --ni $NI --nr $NR --gxi $GXI \
		--gxr $GXR --cky-i $CKY_I --cky-r $CKY_R --sai $SAI --idi $ID
	is HASH_I "$(prf sha1 "$(prf sha1 736563726574 $NI $NR)" $GXI $GXR $CKY_I $CKY_R $SAI $ID)"
	[ "${#lines[@]}" -eq 1 ]
}

@test "skeyid-calc: HASH(1), HASH(2) and HASH(3) are those of openssl" {
	run -0 skeyid-calc hash --hash sha256 --skeyid-a $KEY --mid $MID --message 0a000008aabbccdd
	is 'HASH(1)' "$(prf sha256 $KEY $MID 0a000008aabbccdd)"
	[ "${#lines[@]}" -eq 1 ]
	run -0 skeyid-calc hash --hash sha256 --skeyid-a $KEY --mid $MID --message 0a000008aabbccdd \
		--ni $NI --nr $NR
	is 'HASH(2)' "$(prf sha256 $KEY $MID $NI 0a000008aabbccdd)"
	is 'HASH(3)' "$(prf sha256 $KEY 00 $MID $NI $NR)"
}

@test "skeyid-calc: IVs are those of openssl, cut to the cipher's block" {
	local want
	for c in aes128:32 aes256:32 3des:16 des:16; do
		run -0 skeyid-calc iv --hash sha1 --cipher ${c%:*} --gxi $GXI --gxr $GXR
		want=$(digest sha1 $GXI $GXR)
		is IV "${want:0:${c#*:}}"
		last=${GXI:0:${c#*:}}
		run -0 skeyid-calc iv --hash sha1 --cipher ${c%:*} --last "$last" --mid $MID
		want=$(digest sha1 "$last" $MID)
		is IV "${want:0:${c#*:}}"
	done
}

@test "skeyid-calc: the IV of a message is the last block of the one before" {
	run -0 skeyid-calc iv --cipher aes128 --previous $GXI$GXR
	is IV $GXR
	run -0 skeyid-calc iv --cipher 3des --previous $GXI$GXR
	is IV ${GXR:16}
	run -2 --separate-stderr skeyid-calc iv --cipher aes128 --previous $GXI${GXR:2}
	one_error
}

@test "skeyid-calc: keymat of both directions at once" {
	run -0 skeyid-calc keymat --hash sha1 --skeyid-d $KEY --ni $NI --nr $NR --esp aes128-sha1 --spi-in 00000101 \
		--spi-out 00000102
	in=$(value KEYMAT-in) out=$(value KEYMAT-out)
	run -0 skeyid-calc keymat --hash sha1 --skeyid-d $KEY --ni $NI --nr $NR --esp aes128-sha1 --spi 00000101
	is KEYMAT "$in"
	run -0 skeyid-calc keymat --hash sha1 --skeyid-d $KEY --ni $NI --nr $NR --esp aes128-sha1 --spi 00000102
	is KEYMAT "$out"
	run -2 --separate-stderr skeyid-calc keymat --hash sha1 --skeyid-d $KEY --ni $NI --nr $NR --spi-in 00000101
	one_error
	run -2 --separate-stderr skeyid-calc dh --group 19 --private 01 --private 02
	one_error
}

@test "skeyid-calc: Ka is SKEYID_e, cut or stretched as openssl does" {
	local k1 k2
	k1=$(prf sha1 $KEY 00)
	k2=$(prf sha1 $KEY "$k1")
	given=(--hash sha1 --skeyid "$KEY" --skeyid-d "$KEY" --skeyid-a "$KEY" --skeyid-e "$KEY")
	run -0 skeyid-calc skeyid "${given[@]}" --cipher aes128
	is Ka ${KEY:0:32}
	run -0 skeyid-calc skeyid "${given[@]}" --cipher aes256
	want=$k1$k2
	is Ka "${want:0:64}"
	run -0 skeyid-calc skeyid "${given[@]}" --enc 3des
	is Ka "${want:0:48}"
	run -0 skeyid-calc skeyid "${given[@]}" --cipher des
	is Ka ${KEY:0:16}
}

@test "skeyid-calc: KEYMAT is that of openssl, with PFS and without, and cut into keys" {
	local k1 k2 k3 want
	k1=$(prf sha1 $KEY 03 $SPI $NI $NR)
	k2=$(prf sha1 $KEY "$k1" 03 $SPI $NI $NR)
	k3=$(prf sha1 $KEY "$k2" 03 $SPI $NI $NR)
	want=$k1$k2$k3
	run -0 skeyid-calc keymat --hash sha1 --skeyid-d $KEY --protocol 3 --spi $SPI --ni $NI --nr $NR
	is KEYMAT "$k1"
	run -0 skeyid-calc keymat --hash sha1 --skeyid-d $KEY --protocol esp --spi $SPI --ni $NI \
		--nr $NR --length 60
	is KEYMAT "$want"
	run -0 skeyid-calc keymat --hash sha1 --skeyid-d $KEY --spi $SPI --ni $NI --nr $NR \
		--esp aes128-sha1
	is KEYMAT "${want:0:72}"
	is encryption-key "${want:0:32}"
	is authentication-key "${want:32:40}"
	run -0 skeyid-calc keymat --hash sha1 --skeyid-d $KEY --spi $SPI --ni $NI --nr $NR \
		--esp aes256gcm16
	is encryption-key "${want:0:72}"
	k1=$(prf md5 $KEY $GXY 02 $SPI $NI $NR)
	k2=$(prf md5 $KEY "$k1" $GXY 02 $SPI $NI $NR)
	want=$k1$k2
	run -0 skeyid-calc keymat --hash md5 --skeyid-d $KEY --spi $SPI --ni $NI --nr $NR --gxy $GXY \
		--ah sha1
	is KEYMAT "${want:0:40}"
	is authentication-key "${want:0:40}"
}

@test "skeyid-calc: NAT-D is that of openssl, IPv4 and IPv6" {
	run -0 skeyid-calc natd --hash sha256 --cky-i $CKY_I --cky-r $CKY_R --ip 192.0.2.1 --port 500
	is NAT-D "$(digest sha256 $CKY_I $CKY_R c0000201 01f4)"
	run -0 skeyid-calc natd --hash md5 --cky-i $CKY_I --cky-r $CKY_R --ip 2001:db8::1 --port 4500
	is NAT-D "$(digest md5 $CKY_I $CKY_R 20010db8000000000000000000000001 1194)"
}

@test "skeyid-calc: vendor IDs are MD5 of their text, are named, and are listed" {
	run -0 skeyid-calc vid --text $'draft-ietf-ipsec-nat-t-ike-02\n'
	is VID 90cb80913ebb696e086381b5ec427b1f
	run -0 skeyid-calc vid --text some-text --hash sha1
	is VID "$(printf some-text | openssl sha1 -r | cut -d' ' -f1)"
	is name unknown
	run -0 skeyid-calc vid --vid afcad71368a1f1c96b8696fc77570100
	[[ $(value name) == *DPD* ]]
	run -0 skeyid-calc vid
	[ "${#lines[@]}" -gt 8 ]
	output_has 4a131c81070358455c5728f20e95452f
	run -0 bash -c 'skeyid-calc vid --json | jq -r ".[]" | grep -c "^[0-9a-f]*$"'
	[ "$output" -eq "${#lines[@]}" ] || [ "$output" -gt 8 ]
}

@test "skeyid-calc: two ends agree on g^xy in every group, which openssl's X25519 confirms" {
	for g in modp768 modp1024 modp1536 modp2048 modp3072 modp1024s160 modp2048s224 modp2048s256 \
		ecp256 ecp384 ecp521 curve25519; do
		run -0 skeyid-calc dh --group $g
		x=$(value x) gx=$(value g^x)
		run -0 skeyid-calc dh --group $g --gxi "$gx"
		gxr=$(value g^xr) shared=$(value g^xy)
		run -0 skeyid-calc dh --group $g --private "$x" --gxr "$gxr"
		is g^xi "$gx"
		is g^xy "$shared"
	done
	# PKCS #8 and SubjectPublicKeyInfo of X25519 are the bytes behind a fixed head.
	bytes 302e020100300506032b656e04220420 "$x" >x.der
	bytes 302a300506032b656e032100 "$gxr" >y.der
	openssl pkeyutl -derive -inkey x.der -keyform DER -peerkey y.der -peerform DER -out z
	is g^xy "$(od -An -v -tx1 z | tr -d ' \n')"
}

@test "skeyid-calc: dh --prime reckons with numbers as python's pow() does, in the base of the prime" {
	run -0 --separate-stderr skeyid-calc dh --prime 23 --generator 5 --private 6 --peer-private 15 --explain
	[ -z "$stderr" ]
	is g^x 8
	is g^y 19
	is g^xy 2
	output_has "g^x = g ^ x mod p"
	output_has "g^y = g ^ y mod p"
	output_has "g^xy = (g^y) ^ x mod p"
	output_has "the same at the peer: (g^x) ^ y"
	grep -qE '^#  +g \([0-9]+\) 5$' <<<"$output"
	grep -qE '^#  +x +6$' <<<"$output"
	grep -qE '^#  +p \([0-9]+\) +23$' <<<"$output"
	# The peer's end, with our public value.
	run -0 skeyid-calc dh --prime 23 --generator 5 --private 15 --public 8
	is g^x 19
	is g^xy 2
	run -0 skeyid-calc dh --prime 23 --generator 5 --private 15 --gxi 8 --json
	[ "$(jq -r '."g^xr", ."g^xy"' <<<"$output" | xargs)" = "19 2" ]
	# Longer ones; the results are in hex if the prime is.
	while read -r p g x y; do
		run -0 skeyid-calc dh --prime "$p" --generator "$g" --private "$x" --peer-private "$y"
		[ "$output" = "$(python3 - "$p" "$g" "$x" "$y" <<-'PY'
			import sys
			p, g, x, y = (int(n, 0) for n in sys.argv[1:])
			say = hex if sys.argv[1].startswith("0x") else str
			for name, v in ("g^x", pow(g, x, p)), ("g^y", pow(g, y, p)), ("g^xy", pow(g, x * y, p)):
			    print(name, "=", say(v))
			PY
		)" ]
	done <<-'END'
		0x17 0x5 0x6 0xf
		0x10001 3 0x1234 65000
		65537 3 0x1234 65000
		257 3 255 128
		170141183460469231731687303715884105727 43 123456789012345678901234567890 98765432109876543210
		0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed 2 0xdeadbeef 12345678901234567890
	END
	# 5 ^ 11 mod 23 is -1.
	run -0 skeyid-calc dh --prime 23 --generator 5 --private 11 --explain
	is g^x 22
	output_has "an exchange rejects"
}

@test "skeyid-calc: dh --prime rejects a number that is not prime or out of range, as misuse" {
	while read -r why args; do
		# shellcheck disable=SC2086 # several arguments
		run -2 --separate-stderr skeyid-calc dh $args
		one_error
		stderr_has "${why//_/ }"
		[ -z "$output" ]
	done <<-END
		too_small --prime 0 --generator 5 --private 6
		too_small --prime 1 --generator 5 --private 6
		too_small --prime 0x0000 --generator 5 --private 6
		too_small --prime 3 --generator 2 --private 1
		no_prime --prime 22 --generator 5 --private 6
		no_prime --prime 561 --generator 5 --private 6
		within_2_to_p-2 --prime 23 --generator 23 --private 6
		within_2_to_p-2 --prime 23 --generator 5000 --private 6
		within_2_to_p-2 --prime 257 --generator 256 --private 6
		within_2_to_p-2 --prime 23 --generator 0 --private 6
		within_2_to_p-2 --prime 23 --generator 1 --private 6
		within_1_to_p-2 --prime 23 --generator 5 --private 0
		within_1_to_p-2 --prime 23 --generator 5 --private 22
		within_1_to_p-2 --prime 257 --generator 3 --private 256
		within_1_to_p-2 --prime 23 --generator 5 --private 6 --peer-private 23
		within_1_to_p-1 --prime 23 --generator 5 --private 6 --public 0
		within_1_to_p-1 --prime 23 --generator 5 --private 6 --public 23
		--prime:_no_number --prime twenty --generator 5 --private 6
		--prime:_no_number --prime 0x --generator 5 --private 6
		--prime:_no_number --prime 1f --generator 5 --private 6
		--generator:_no_number --prime 23 --generator=-5 --private 6
		--private:_no_number --prime 23 --generator 5 --private 6.5
		2048_bits --prime 1$(printf '%0700d' 1) --generator 5 --private 6
		2048_bits --prime 0x1$(printf '%0512d' 1) --generator 5 --private 6
		missing_--private --prime 23 --generator 5
		missing_--generator --prime 23 --private 6
		requires_--prime --generator 5 --private 6
		--group --prime 23 --group modp1024 --private 6
		one_public_value --prime 23 --generator 5 --private 6 --peer-private 15 --public 19
	END
}

@test "skeyid-calc: dh --explain shows p and g of the group, and --peer-private compares both ends" {
	for g in modp768 modp1024 modp2048 modp8192 modp1024s160 modp2048s256 ecp256 ecp521; do
		run -0 skeyid-calc dh --group $g --private 1234567 --peer-private 7654321 --json --explain
		python3 - $g "$output" <<-'PY'
			import json, sys
			name, o = sys.argv[1], json.loads(sys.argv[2])
			step = {s["name"]: s for s in o["steps"]}
			p, g = (int(step[n]["value"], 16) for n in "pg")
			x, y = 0x1234567, 0x7654321
			if name.startswith("modp"):
			    for n, want in ("g^x", pow(g, x, p)), ("g^y", pow(g, y, p)), ("g^xy", pow(g, x * y, p)):
			        assert int(o[n], 16) == want, n
			    assert p.bit_length() == int(name[4:].split("s")[0])
			    assert {"p", "g", "x"} == set(step["g^x"]["inputs"]), step["g^x"]
			else:       # the base point is on the curve y^2 = x^3 - 3x + b of RFC 5903
			    b = {"ecp256": 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b,
			        "ecp521": 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00}[name]
			    half = len(step["g"]["value"]) // 2
			    gx, gy = (int(v, 16) for v in (step["g"]["value"][:half], step["g"]["value"][half:]))
			    assert (gy * gy - gx ** 3 + 3 * gx - b) % p == 0
			assert step["g^xy"]["at the peer: (g^x) ^ y"]["verdict"] == "same"
			assert "RFC" in step["p"]["section"] and step["p"]["of"] == name
			PY
	done
	run -0 skeyid-calc dh --group modp1024 --private 05 --explain
	output_has "p, modp1024 [128]: the prime of the group (RFC 2409, 6.2)"
	output_has "ffffffff ffffffff c90fdaa2"
	output_has "g, modp1024 [1]: the generator of the group"
	is g^x "$(printf '%0256x' 32)"
	run -0 skeyid-calc dh --group curve25519 --private "$(printf '%064d' 7)" --explain
	output_has "the prime of the curve's field"
	output_has "the base point of the curve, u"
}

@test "skeyid-calc: dh accepts the group's number, and rejects a bad public value" {
	run -0 --separate-stderr skeyid-calc dh --group 19 --seed one
	stderr_has seed
	[ "${#lines[@]}" -eq 2 ]
	first=$output
	run -0 --separate-stderr skeyid-calc dh --group ecp256 --seed one
	[ "$output" = "$first" ]
	x=$(value x)
	run -4 --separate-stderr skeyid-calc dh --group 19 --private "$x" \
		--public "$(printf '%0128d' 5)"
	one_error
	run -4 --separate-stderr skeyid-calc dh --group modp1024 --public "$(printf '%0256d' 1)"
	one_error
	run -4 --separate-stderr skeyid-calc dh --group modp1024 --public 02
	one_error
	run -2 --separate-stderr skeyid-calc dh --group 19 --private 00
	one_error
	run -2 --separate-stderr skeyid-calc dh --group 3
	one_error
	stderr_has modp2048
	run -2 --separate-stderr skeyid-calc dh --group 19 --gxi 00 --gxr 00
	one_error
}

@test "skeyid-calc: cookies are random, or the hash of given inputs" {
	run -0 skeyid-calc cookie
	[[ $output =~ ^CKY-I\ =\ [0-9a-f]{16}$ ]]
	one=$output
	run -0 skeyid-calc cookie
	[ "$output" != "$one" ]
	run -0 skeyid-calc cookie --role responder --hash sha1 --ip 192.0.2.1 --port 500 \
		--peer-ip 192.0.2.2 --peer-port 4500 --secret aabb --time 16
	want=$(digest sha1 c0000201 c0000202 01f4 1194 0000000000000010 aabb)
	is CKY-R "${want:0:16}"
}

@test "skeyid-calc: all that is missing is named at once, exit 2" {
	run -2 --separate-stderr skeyid-calc skeyid --hash sha1 --ni $NI --gxy $GXY --cky-i $CKY_I
	one_error
	for o in psk nr cky-r; do stderr_has "--$o"; done
	[[ $stderr != *--ni* && $stderr != *--gxy* && $stderr != *--hash* ]]
	run -2 --separate-stderr skeyid-calc hash
	one_error
	for o in hash psk ni nr gxi gxr cky-i cky-r sai idi; do stderr_has "--$o"; done
	run -2 --separate-stderr skeyid-calc hash --mid $MID
	one_error
	for o in hash skeyid-a message; do stderr_has "--$o"; done
	run -2 --separate-stderr skeyid-calc iv
	for o in hash cipher gxi gxr; do stderr_has "--$o"; done
	run -2 --separate-stderr skeyid-calc iv --mid $MID
	for o in hash cipher last; do stderr_has "--$o"; done
	run -2 --separate-stderr skeyid-calc keymat
	for o in hash skeyid-d protocol spi ni nr; do stderr_has "--$o"; done
	run -2 --separate-stderr skeyid-calc natd
	for o in hash cky-i cky-r ip port; do stderr_has "--$o"; done
	run -2 --separate-stderr skeyid-calc dh
	stderr_has --group
	run -2 --separate-stderr skeyid-calc cookie --ip 192.0.2.1
	for o in port peer-ip peer-port secret; do stderr_has "--$o"; done
	run -2 --separate-stderr skeyid-calc
	run -2 --separate-stderr skeyid-calc keys
}

@test "skeyid-calc: values that cannot be are refused, and never shown" {
	run -2 --separate-stderr skeyid-calc skeyid --psk 5ecre7
	one_error
	stderr_has --psk
	[[ $stderr != *5ecre7* ]]
	run -2 --separate-stderr skeyid-calc skeyid --cky-i 0011
	one_error
	run -2 --separate-stderr skeyid-calc hash --mid 1
	one_error
	run -2 --separate-stderr skeyid-calc natd --ip 192.0.2.256
	one_error
	run -2 --separate-stderr skeyid-calc natd --ip 192.0.2.1 --port 65536
	one_error
	run -2 --separate-stderr skeyid-calc iv --hash sha1 --cipher aes128 --last $CKY_I --mid $MID
	one_error
	run -2 --separate-stderr skeyid-calc keymat --length 257
	one_error
	run -2 --separate-stderr skeyid-calc keymat --esp aes128
	one_error
	run -2 --separate-stderr skeyid-calc keymat --esp aes128-sha1,aes256-sha1
	one_error
	run -2 --separate-stderr skeyid-calc skeyid --hash sha3
	one_error
	stderr_has sha256
	run -2 --separate-stderr skeyid-calc iv --cipher aes128gcm16
	one_error
	run -2 --separate-stderr skeyid-calc skeyid --psk 00 --psk-text x
	one_error
}

@test "skeyid-calc: g^xy and g^xi that lost leading zeros are padded to the group's length" {
	local short
	short=$(printf 'ab%.0s' $(seq 127))
	run -0 --separate-stderr skeyid-calc skeyid --group modp1024 --hash sha1 --psk-text x --ni $NI --nr $NR \
		--cky-i $CKY_I --cky-r $CKY_R --gxy "$short"
	stderr_has '127 bytes padded to the 128 of modp1024'
	is SKEYID_d "$(prf sha1 "$(value SKEYID)" 00 "$short" $CKY_I $CKY_R 00)"
	whole=$output
	run -0 --separate-stderr skeyid-calc skeyid --group modp1024 --hash sha1 --psk-text x --ni $NI --nr $NR \
		--cky-i $CKY_I --cky-r $CKY_R --gxy "00$short"
	[ -z "$stderr" ]
	[ "$output" = "$whole" ]
	# a point of ecp256 is two numbers, its x is one
	run -0 --separate-stderr skeyid-calc skeyid --group ecp256 --hash sha1 --psk-text x --ni $NI --nr $NR \
		--cky-i $CKY_I --cky-r $CKY_R --gxy "${short:0:62}"
	is SKEYID_d "$(prf sha1 "$(value SKEYID)" 00 "${short:0:62}" $CKY_I $CKY_R 00)"
	run -2 --separate-stderr skeyid-calc skeyid --group curve25519 --hash sha1 --psk-text x --ni $NI --nr $NR \
		--cky-i $CKY_I --cky-r $CKY_R --gxy "${short:0:62}"
	stderr_has 'g^xy has 32 bytes in curve25519, not 31'
	run -2 --separate-stderr skeyid-calc skeyid --group modp1024 --hash sha1 --psk-text x --ni $NI --nr $NR \
		--cky-i $CKY_I --cky-r $CKY_R --gxy "0000$short"
	stderr_has 'g^xy has 128 bytes in modp1024, not 129'
	run -0 --separate-stderr skeyid-calc hash --group modp1024 --hash sha1 --psk-text x --ni $NI --nr $NR \
		--gxi "$short" --gxr "00$short" --cky-i $CKY_I --cky-r $CKY_R --sai $SAI --idi $ID
	stderr_has '--gxi: 127 bytes padded'
	is HASH_I "$(prf sha1 "$(prf sha1 78 $NI $NR)" "00$short" "00$short" $CKY_I $CKY_R $SAI $ID)"
}

@test "skeyid-calc: without a group, a length that no group has brings a warning" {
	local short
	short=$(printf 'ab%.0s' $(seq 127))
	run -0 --separate-stderr skeyid-calc skeyid --hash sha1 --psk-text x --ni $NI --nr $NR \
		--cky-i $CKY_I --cky-r $CKY_R --gxy "$short"
	stderr_has '127 bytes are the length of no group, modp1024 has 128'
	run -0 --separate-stderr skeyid-calc skeyid --hash sha1 --psk-text x --ni $NI --nr $NR \
		--cky-i $CKY_I --cky-r $CKY_R --gxy "ab$short"
	[ -z "$stderr" ]
}

@test "skeyid-calc: dh rejects a public value that lost its leading zeros, and says what it lacks" {
	run -4 --separate-stderr skeyid-calc dh --group modp1024 --private 05 --public "$(printf 'ab%.0s' $(seq 127))"
	one_error
	stderr_has '127 bytes, modp1024 has 128'
	stderr_has 'leading zeros'
}

@test "skeyid-calc: a number may have an odd count of digits, a string of bytes may not" {
	run -0 skeyid-calc dh --group ecp256 --private 17b
	odd=$output
	run -0 skeyid-calc dh --group ecp256 --private 0x017b
	[ "$output" = "$odd" ]
	run -0 skeyid-calc dh --group ecp256 --private 0x17b
	[ "$output" = "$odd" ]
	run -0 skeyid-calc dh --group modp1024 --private 5
	run -2 --separate-stderr skeyid-calc natd --hash md5 --cky-i 122334455667788 --cky-r $CKY_R --ip 192.0.2.1 --port 500
	one_error
	stderr_has 'CKY-I has 16 hex digits, not 15'
	run -2 --separate-stderr skeyid-calc iv --hash sha1 --cipher aes128 --mid 8a1d47e --last $NI
	stderr_has 'M-ID has 8 hex digits, not 7'
	run -2 --separate-stderr skeyid-calc skeyid --psk 123
	stderr_has 'odd number of hex digits (3)'
	# Each error names the fault and the expected form.
	while read -r why args; do
		# shellcheck disable=SC2086 # several arguments
		run -2 --separate-stderr skeyid-calc $args
		one_error
		stderr_has "${why//_/ }"
	done <<-'END'
		--cky-i:_CKY-I_is_not_in_hex:_character_3_is_none_of_0-9_and_a-f skeyid --hash sha1 --cky-i 11g2334455667788
		--psk:_pre-shared-key_is_not_in_hex:_character_4_is_none_of_0-9_and_a-f skeyid --psk 5ecre7
		--hash:_"sha3"_is_not_one_of_sha1,_sha256 skeyid --hash sha3
		--ip:_"192.0.2"_is_no_IP_address natd --hash sha1 --ip 192.0.2 --port 500
		--spi-in:_an_SPI_has_8_hex_digits keymat --hash sha1 --spi-in 01 --spi-out 00000102
		needs_--spi,_or_both_--spi-in_and_--spi-out keymat --hash sha1 --spi-in 00000101
		--esp:_expected_one_proposal,_got_2 keymat --hash sha1 --esp aes128-sha1,aes256-sha1
		--private:_given_2_times;_only_walk dh --group modp1024 --private 5 --private 6
	END
}

@test "skeyid-calc: hex may come with blanks, colons and 0x" {
	run -0 skeyid-calc natd --hash md5 --cky-i 0x$CKY_I --cky-r '5A:FC:0D:A0 6C 72 80 29' \
		--ip 192.0.2.1 --port 500
	is NAT-D "$(digest md5 $CKY_I $CKY_R c0000201 01f4)"
}

@test "skeyid-calc: --json is one object with the RFC's names" {
	run -0 skeyid-calc skeyid --json --hash sha1 --psk 75 --ni $NI --nr $NR --gxy $GXY \
		--cky-i $CKY_I --cky-r $CKY_R --cipher aes128
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq -c keys_unsorted <<<"$output")" = '["SKEYID","SKEYID_d","SKEYID_a","SKEYID_e","Ka"]' ]
	[ "$(jq -r .SKEYID <<<"$output")" = "$(prf sha1 75 $NI $NR)" ]
	run -0 skeyid-calc dh --json --group 31 --private $GXY --gxr "$(printf '09%062d' 0)"
	[ "$(jq -c keys_unsorted <<<"$output")" = '["g^xi","g^xy"]' ]
	[ "$(jq -r '."g^xi" == ."g^xy"' <<<"$output")" = true ]
	run -0 skeyid-calc cookie --json
	[ "$(jq -r '."CKY-I" | length' <<<"$output")" = 16 ]
}

@test "skeyid-calc: --explain shows every step from the inputs on, and the result stays the same" {
	args=(skeyid --hash sha1 --psk 75 --ni "$NI" --nr "$NR" --gxy "$GXY" --cky-i "$CKY_I" --cky-r "$CKY_R"
		--cipher aes256)
	run -0 skeyid-calc "${args[@]}"
	plain=$output
	run -0 skeyid-calc "${args[@]}" --explain
	[ "$(grep -v '^#' <<<"$output")" = "$plain" ]
	output_has 'SKEYID [20] = prf(pre-shared-key, Ni_b | Nr_b) (RFC 2409, 5)'
	output_has 'SKEYID_d [20] = prf(SKEYID, g^xy | CKY-I | CKY-R | 0)'
	output_has 'prf is HMAC-SHA1'
	output_has '2 is the one octet 02'
	output_has 'K1 = prf(SKEYID_e, 0)'
	output_has 'K1 is its first 20 bytes, K2 the next 20'
	output_has 'next: SKEYID_d, SKEYID_a, SKEYID_e, HASH_I, HASH_R'
	[ "$(grep -c '^#  *[1-9][0-9]*\. ' <<<"$output")" -eq 5 ]
	[ -z "$(awk 'length > 80' <<<"$output")" ]
	# each value is there, in groups of four bytes
	output_has "= $(value SKEYID_d | sed 's/.\{8\}/& /g; s/ $//')"
	run -0 skeyid-calc "${args[@]}" --explain --json
	[ "$(jq -c '[.steps[].name]' <<<"$output")" = '["SKEYID","SKEYID_d","SKEYID_a","SKEYID_e","Ka"]' ]
	[ "$(jq -r '.steps[1].inputs.SKEYID == .SKEYID' <<<"$output")" = true ]
	[ "$(jq -r '.steps[1].inputs.SKEYID == .steps[0].value' <<<"$output")" = true ]
}

# state OPTION...: an IKE SA and a child SA of it in x.sa, mode 0600.
state() {
	"$SAPIPE_TOP/tests/lib/sa_make.py" pair --seed 1 --ike "$CKY_I$CKY_R" "$@" x.sa none ||
		skip "sa_make.py cannot run"
}

@test "skeyid-calc: --sa fills in what the options leave open" {
	state --esp aes128-sha1
	run -0 --separate-stderr skeyid-calc skeyid --sa x.sa
	[ -z "$stderr" ]
	d=$(value SKEYID_d) a=$(value SKEYID_a) skeyid=$(value SKEYID)
	run -0 skeyid-calc skeyid --sa x.sa --gxy $GXY
	is SKEYID "$skeyid"
	# the state names modp2048: its g^xy has 256 bytes
	is SKEYID_d "$(prf sha256 "$skeyid" "$(printf '%0448d' 0)$GXY" $CKY_I $CKY_R 00)"
	run -0 skeyid-calc hash --sa x.sa --mid $MID --message 0a00000800000000
	is 'HASH(1)' "$(prf sha256 "$a" $MID 0a00000800000000)"
	run -0 skeyid-calc natd --sa x.sa
	is NAT-D-local "$(digest sha256 $CKY_I $CKY_R c0000201 01f4)"
	is NAT-D-remote "$(digest sha256 $CKY_I $CKY_R c0000202 01f4)"
	run -0 skeyid-calc natd --sa - --ip 10.0.0.1 --port 1 --hash md5 <x.sa
	is NAT-D "$(digest md5 $CKY_I $CKY_R 0a000001 0001)"
	run -0 skeyid-calc keymat --sa x.sa --spi $SPI --ni $NI --nr $NR --length 32
	is KEYMAT "$(prf sha256 "$d" 03 $SPI $NI $NR)"
	run -0 skeyid-calc iv --sa x.sa --mid $MID
	[[ $(value IV) =~ ^[0-9a-f]{32}$ ]]
}

@test "skeyid-calc: keymat --sa compares both directions with the record's keys" {
	state --esp aes128-sha1 --spi-in 1 --spi-out 2
	run -0 skeyid-calc skeyid --sa x.sa
	d=$(value SKEYID_d)
	for spi in 00000001 00000002; do
		run -0 skeyid-calc keymat --hash sha256 --skeyid-d "$d" --spi $spi --ni $NI --nr $NR \
			--esp aes128-sha1
		e[10#$spi]=$(value encryption-key) a[10#$spi]=$(value authentication-key)
	done
	run -1 --separate-stderr skeyid-calc keymat --sa x.sa --ni $NI --nr $NR
	stderr_has 00000001
	is encryption-key-in "${e[1]}"
	state --esp aes128-sha1 --spi-in 1 --spi-out 2 --enc-in "${e[1]}" --auth-in "${a[1]}" \
		--enc-out "${e[2]}" --auth-out "${a[2]}"
	run -0 --separate-stderr skeyid-calc keymat --sa x.sa --ni $NI --nr $NR
	is encryption-key-in "${e[1]}"
	is authentication-key-out "${a[2]}"
	[ "${#lines[@]}" -eq 6 ]
}

@test "skeyid-calc: keymat --sa of a bundle: --protocol or a proposal names the SA" {
	state --esp aes128-sha1 --spi-in 1 --spi-out 2 --around sha256 --seed 7
	local ah
	ah=$(sa-show --json x.sa | jq -r 'select(.protocol == "ah")."spi-in"')
	run -1 --separate-stderr skeyid-calc keymat --sa x.sa --ni $NI --nr $NR
	stderr_has "KEYMAT of SPI 00000001 differs"
	[[ $(value encryption-key-in) =~ ^[0-9a-f]{32}$ ]]
	for which in "--protocol ah" "--ah sha256"; do
		# shellcheck disable=SC2086 # two words
		run -1 --separate-stderr skeyid-calc keymat --sa x.sa --ni $NI --nr $NR $which
		stderr_has "KEYMAT of SPI $ah differs"
		[[ $(value authentication-key-in) =~ ^[0-9a-f]{64}$ ]]
	done
}

@test "skeyid-calc: state that is missing, open to others, cut short or none at all" {
	run -2 --separate-stderr skeyid-calc skeyid --sa nowhere.sa
	one_error
	state
	chmod 644 x.sa
	run -0 --separate-stderr skeyid-calc skeyid --sa x.sa
	stderr_has warning
	chmod 600 x.sa
	head -c 300 x.sa >cut.sa
	chmod 600 cut.sa
	run -4 --separate-stderr skeyid-calc skeyid --sa cut.sa
	one_error
	cp x.sa tail.sa
	printf X >>tail.sa
	run -4 --separate-stderr skeyid-calc skeyid --sa tail.sa
	one_error
	stderr_has "byte $(stat -c %s x.sa)"
	run -4 --separate-stderr skeyid-calc skeyid --sa - <<<garbage
	one_error
	run -4 --separate-stderr skeyid-calc skeyid --sa - </dev/null
	one_error
	head -c 100000 /dev/zero >zero.sa
	chmod 600 zero.sa
	run -4 --separate-stderr skeyid-calc skeyid --sa zero.sa
	one_error
}

@test "skeyid-calc: the man page has every option and subcommand, and no other" {
	page=$SAPIPE_TOP/man/skeyid-calc.1
	mandoc -T lint -W warning "$page"
	skeyid-calc --list-options | cut -f1 | grep -v '^<' | sort -u >table
	mandoc -T ascii "$page" | col -b |
		sed -n '/^DESCRIPTION/,/^EXIT STATUS/p' >text
	while read -r o; do
		grep -qE -- "(^|[^a-z-])$o([^a-z-]|$)" text || {
			echo "not in the page: $o"
			return 1
		}
	done <table
	grep -oE -- '(^|[ (])--[a-z][a-z-]*' text | tr -d ' (' | sort -u >page
	# --check in place of the subcommand check is no option of the table
	run -0 comm -13 table <(grep -vx -e --check page)
	[ -z "$output" ]
}

@test "skeyid-calc: the man page's examples print what the page says" {
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=left -keyout left.key -out left.crt 2>/dev/null
	# "$ " starts a command, a trailing \ continues it, what follows is its output.
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$SAPIPE_TOP/man/skeyid-calc.1" |
		sed -n '/^\.Bd/,/^\.Ed/p' | sed 's/\\e/\\/g' >examples
	n=0
	while IFS= read -r line; do
		case $line in
		.Bd*) cmd='' want='' ;;
		'$ '*) cmd=${line#??} ;;
		.Ed)
			[ "$(bash -c "$cmd")"$'\n' = "$want" ]
			n=$((n + 1))
			;;
		*)
			if [[ $cmd == *\\ ]]; then
				cmd=${cmd%?}$line
			else
				want+=$line$'\n'
			fi
			;;
		esac
	done <examples
	[ "$n" -eq 5 ]
}
