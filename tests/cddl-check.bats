# The checker of SA state against its schema, and what the tests make records with:
# a checker that lets everything pass would make every other test with it empty.

bats_require_minimum_version 1.5.0

load lib/common

setup() {
	CHECK=$SAPIPE_TOP/tests/lib/cddl_check.py
	MAKE=$SAPIPE_TOP/tests/lib/sa_make.py
	cd "$BATS_TEST_TMPDIR" || return
}

# child ARGUMENT...: one child-sa record, the same each time, into x.sa.
child() {
	"$MAKE" child --seed 1 --established 1700000000 "$@" x.sa
}

# bytes TEXT: x.sa is TEXT with its \xNN taken as bytes.
bytes() {
	printf '%b' "$1" >x.sa
}

# broken PATTERN: x.sa is refused with a line that has PATTERN.
broken() {
	run -1 "$CHECK" x.sa
	output_has "$1"
}

@test "cddl-check: what sa_make makes is in order, whatever the kind" {
	"$MAKE" pair --seed 2 --esp aes256-sha256-modp2048-esn --encap udp --local-id gw.example \
		--remote-id a@b.example --name x --replaces 300 --replay 64 --kilobytes 9 \
		--local-ts 10.0.0.0-10.0.0.9,6,80-443 left.sa right.sa
	"$MAKE" child --ah sha256 --local 2001:db8::1 --remote '[2001:db8::2]:500' c.sa d.sa
	"$MAKE" delete --spi-in 0x1234 --protocol esp --reason why del.sa
	"$MAKE" event --what remap --spi-in 77 --remote 192.0.2.9:4501 --text why ev.sa
	run -0 "$CHECK" left.sa right.sa c.sa d.sa del.sa ev.sa
	[ "$output" = "4 child-sa, 1 event, 2 ike-sa, 1 sa-delete" ]
	cat left.sa del.sa c.sa >all.sa
	run -0 "$CHECK" - <all.sa
	[ "$output" = "2 child-sa, 1 ike-sa, 1 sa-delete" ]
}

@test "cddl-check: a missing key is named" {
	child --set encap
	broken "record 1 at 0: encap: is missing"
	child --set 'lifetime={"seconds": 5}'
	broken "lifetime.expires: is missing"
	child --set 'local-ts=[{"protocol": 6}]'
	broken "local-ts[0].net: is missing"
	child --set type
	broken "type"
}

@test "cddl-check: a value of another type is named" {
	child --set 'established="now"'
	broken "established: 'now' is no uint"
	child --set 'established=-1'
	broken "established: -1 is no uint"
	child --set 'initiator=1'
	broken "initiator: 1 is no bool"
	child --set 'encap=sctp'
	broken "encap: 'sctp' fits no alternative"
	child --set 'ike=#00'
	broken "is not of size 16"
	child --set 'spi-in=4294967296'
	broken "spi-in: 4294967296 is not of size 4"
	child --set 'remote-ts=[]'
	broken "remote-ts: the array is empty"
	child --set 'keys=[]'
	broken "keys: [] is no map"
	child --set 'format=2'
	broken "format: 2 is not 1"
	child --set 'type=child'
	broken "type"
}

@test "cddl-check: unknown keys pass where the schema lets them, and nowhere else" {
	child --set 'new=[1, {"a": null}]'
	run -0 "$CHECK" x.sa
	child --set 'nat-oa={"local": "10.0.0.1", "remote": "10.0.0.2", "new": 1}'
	broken "nat-oa.new: is no key of this map"
}

@test "cddl-check: the second record's fault is found, with its number and offset" {
	child
	cp x.sa y.sa
	child --set mode
	cat y.sa x.sa >z.sa
	mv z.sa x.sa
	broken "record 2 at $(stat -c %s y.sa): mode: is missing"
}

@test "cddl-check: bytes that are not deterministic encoding are refused" {
	local delete='\x64type\x69sa-delete' format='\x66format'
	bytes "\\xa2$delete$format\\x01"
	run -0 "$CHECK" x.sa
	bytes "\\xa2$format\\x01$delete"
	broken "key 'type' out of order"
	bytes "\\xa3$delete$delete$format\\x01"
	broken "key 'type' comes twice"
	bytes "\\xa2$delete$format\\x18\\x01"
	broken "not in its shortest form"
	bytes "\\xa2\\x78\\x04type\\x69sa-delete$format\\x01"
	broken "not in its shortest form"
	bytes "\\xbf$delete$format\\x01\\xff"
	broken "indefinite"
	bytes "\\xa2$delete$format"
	broken "truncated"
	bytes "\\xa3$delete$format\\x01\\x66reason\\x61\\xff"
	broken "not UTF-8"
	bytes "\\xa3$delete$format\\x01\\x66zzzzzz\\x81\\x81\\x81\\x81\\x81\\x81\\x81\\x80"
	broken "nested too deeply"
}

@test "cddl-check: too few records are a violation where a number is asked for" {
	: >x.sa
	run -0 "$CHECK" x.sa
	run -1 "$CHECK" --min 1 x.sa
}

@test "cddl-check: a schema that it cannot interpret is an error, not a pass" {
	child
	printf 'record = { "type": tstr .regexp "x" }\n' >odd.cddl
	run -1 "$CHECK" --schema odd.cddl x.sa
	output_has "is not known here"
}

@test "cddl-check: what libcommon encodes fits the schema, each kind full and minimal" {
	[ -x "$SAPIPE_BUILD/tests/test_sa_codec" ] || skip "unit tests are not built"
	"$SAPIPE_BUILD/tests/test_sa_codec" --samples >x.sa
	run -0 "$CHECK" --min 8 x.sa
	[ "$output" = "2 child-sa, 2 event, 2 ike-sa, 2 next-hop, 2 nhrp-binding, 2 nhrp-event, 2 sa-delete, 2 sa-stat, 2 tun-stat" ]
}

@test "sa-state(5) names every key and every word of the schema" {
	local word text
	text=$(mandoc -T ascii "$SAPIPE_TOP/man/sa-state.5" | col -b | tr -d '"')
	# Without the keys of IKEv2.
	while IFS= read -r word; do
		[[ $text == *"$word"* ]] || { echo "$word"; return 1; }
	done < <(sed -e 's/;.*//' -e '/^ikev2-sa/,/^}/d' "$SAPIPE_TOP/libcommon/sa/sa-state.cddl" |
		grep -o '"[^"]*"' | tr -d '"' | sort -u)
}
