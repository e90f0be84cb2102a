# ike-trace --html and --svg: the page of real negotiations, in a browser where there is one; hostile captures; limits.

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells and jq expand; run sets lines
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab
load lib/wire

setup_file() {
	lab_setup_file
}

setup() {
	need ike-trace
	T=$BATS_TEST_TMPDIR
}

teardown() {
	lab_teardown
}

# hostile FILE: a capture whose texts are all that a page could fall over: in names of IDs, notifies, XAuth and mode config, in clear.
hostile() {
	/usr/bin/python3 - "$1" <<-'PY'
		import sys
		from packets import *
		EVIL = b"<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>]]>-->\x1b[31m\xff\xfe\xe2\x80\xae</title></style>"
		COOKIES = bytes(range(1, 9)) + bytes(range(9, 17))

		def chain(parts):
		    out = b""
		    for i, (kind, body) in enumerate(parts):
		        following = parts[i + 1][0] if i + 1 < len(parts) else 0
		        out += bytes([following, 0]) + (len(body) + 4).to_bytes(2, "big") + body
		    return out

		def message(exchange, parts, mid=0, cookies=COOKIES):
		    body = chain(parts)
		    return cookies + bytes([parts[0][0], 0x10, exchange, 0]) + mid.to_bytes(4, "big") + \
		        (28 + len(body)).to_bytes(4, "big") + body

		def attr(kind, value):
		    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value

		def config(kind, *attrs):
		    return bytes([kind, 0, 0, 7]) + b"".join(attrs)

		DOI = (1).to_bytes(4, "big")
		first = bytes(range(1, 9)) + bytes(8)
		messages = [
		    message(4, [(13, EVIL), (5, b"\x02\0\0\0" + EVIL), (13, b"x" * 300)], cookies=first),
		    message(4, [(5, b"\x03\0\0\0" + EVIL), (7, b"\x04" + EVIL), (6, b"\x04" + EVIL), (9, EVIL), (8, EVIL)]),
		    message(5, [(11, DOI + b"\x01\x00" + (14).to_bytes(2, "big") + b"<b>proposal & \"all\"</b>")], 77),
		    message(5, [(11, DOI + b"\x01\x00" + (40000).to_bytes(2, "big") + EVIL)], 78),
		    message(5, [(5, b"\x0b\0\0\0" + EVIL), (99, EVIL), (132, b"\0\1\1\1" + EVIL)], 79),
		    message(6, [(14, config(1, attr(16521, EVIL), attr(16524, EVIL), attr(16525, EVIL), attr(7, EVIL)))], 80),
		    message(6, [(14, config(2, attr(28672, EVIL), attr(28674, EVIL), attr(28675, EVIL), attr(28681, EVIL),
		                            attr(28683, EVIL), attr(12345, EVIL), attr(16522, b"top-secret-password")))], 81),
		    message(6, [(14, config(2, attr(16522, b"top-secret-password")) + b"\0")], 82),
		    b"\x11" * 60,
		]
		out = []
		for i, m in enumerate(messages):
		    ends = ("192.0.2.1", "192.0.2.2") if i % 2 == 0 else ("192.0.2.2", "192.0.2.1")
		    p = Ether() / IP(src=ends[0], dst=ends[1]) / UDP(sport=500, dport=500) / m
		    p.time = 1700000000 + i / 1000
		    out.append(p)
		wrpcap(sys.argv[1], out)
	PY
}

# Elements and attributes that the page and the drawing may have: none of them loads or runs anything.
ELEMENTS='["a","b","body","code","desc","details","div","footer","g","h1","h2","h3","h4","head","header","html","li","line","main","meta","ol","p","path","pre","rect","section","span","style","summary","svg","table","tbody","td","text","th","title","tr","ul"]'
ATTRIBUTES='["aria-labelledby","charset","class","content","d","height","href","http-equiv","id","lang","name","overflow","role","scope","stroke","stroke-width","text-anchor","viewBox","width","x","x1","x2","xmlns","y","y1","y2"]'

# well_formed FILE: it is XML, which forgives nothing (the elements that have no end in HTML are closed before), and has only
# these elements and attributes; links lead to a place in it.
well_formed() {
	sed -e 's/^<!DOCTYPE html>//' -e 's/\(<meta [^>]*\)>/\1\/>/g' "$1" >"$T/xml"
	python3 - "$T/xml" "$ELEMENTS" "$ATTRIBUTES" <<-'PY'
		import json, sys, xml.dom.minidom as m
		all = m.parse(sys.argv[1]).getElementsByTagName("*")
		attrs = [a for e in all for a in e.attributes.items()]
		assert {e.tagName for e in all} <= set(json.loads(sys.argv[2])), {e.tagName for e in all}
		assert {a[0] for a in attrs} <= set(json.loads(sys.argv[3])), {a[0] for a in attrs}
		ids = [a[1] for a in attrs if a[0] == "id"]
		assert len(ids) == len(set(ids))
		assert {a[1] for a in attrs if a[0] == "href"} <= {"#" + i for i in ids}
	PY
}

# browse PAGE FRAME [INPUT]: what lib/browser.py finds, in $T/seen.
browse() {
	{ [ -x /usr/bin/chromium ] && [ -x /usr/bin/chromedriver ] && /usr/bin/python3 -c 'import selenium' 2>/dev/null; } ||
		skip "no chromium, chromium-driver or python3-selenium"
	HOME=$T timeout -k 10 600 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/browser.py" "$1" "$2" "${3:--}" >"$T/seen" 3>&- 4>&- ||
		{ cat "$T/seen"; return 1; }
	jq -e --argjson all "$ELEMENTS" '.elements - $all == []' "$T/seen" || { jq .elements "$T/seen"; return 1; }
	jq -e --argjson all "$ATTRIBUTES" '.attributes - $all == []' "$T/seen" || { jq .attributes "$T/seen"; return 1; }
	# It asks for itself, nothing else, and the browser has nothing to complain of.
	jq -e --arg page "file://$1" '.requests - [$page] == [] and .console == []' "$T/seen" ||
		{ jq '.requests, .console' "$T/seen"; return 1; }
}

# frame N: that of message N of main mode; a busy machine may have sent an earlier one again.
frame() {
	ike-trace --json --sa "$T/l.sa" "$T/x.pcapng" |
		jq -s "map(select(.exchange == \"main mode\" and .message == $1)) | .[0].frame"
}

# hides FILE SA...: none of the keys of the states is in it, however it is spelled.
hides() {
	local page=$1 key n=0
	tr -d ' \n' <"$page" >"$T/squeezed"
	while read -r key; do
		n=$((n + 1))
		! grep -qi "$key" "$T/squeezed" || { echo "$key"; return 1; }
	done < <(sa-show --format json --reveal-keys "${@:2}" | jq -r '.. | objects | to_entries[] |
		select(.key | test("^(skeyid|cipher|enc-|auth-|keymat)")) | .value | strings | select(test("^[0-9a-f]{16,}$"))')
	[ $n -gt 5 ]
}

@test "html: a session of ours: every message, its payloads and its values are in the page, no key is" {
	captured --natt force
	run -0 --separate-stderr ike-trace --sa "$T/l.sa" --html "$T/p.html" "$T/x.pcapng"
	[ -z "$output$stderr" ]
	[ "$(stat -c %a "$T/p.html")" = 600 ]
	well_formed "$T/p.html"
	hides "$T/p.html" "$T/l.sa"
	ike-trace --sa "$T/l.sa" --json "$T/x.pcapng" >"$T/json"
	[ "$(jq -s 'map(select(.type == "message")) | length' "$T/json")" -eq "$(grep -c '<li class="row [ir]\( again\)\?"' "$T/p.html")" ]
	[ "$(jq -s '[.[].payloads[]?] | length' "$T/json")" -eq "$(grep -c '<section class="pl' "$T/p.html")" ]
	[ "$(skeyid-calc walk --json --sa "$T/l.sa" "$T/x.pcapng" | jq '[.messages[].values[] | select(.name != "payload")] | length')" -eq \
		"$(grep -c '<details class="val"' "$T/p.html")" ]
	grep -q 'Both ends change ports for NAT traversal' "$T/p.html"
	grep -q '<code>prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)</code> <b class="ok">' "$T/p.html"
	run ! grep -E 'DIFFERS|WRONG' "$T/p.html"
	# The same bytes again, and on standard output.
	ike-trace --sa "$T/l.sa" --html - "$T/x.pcapng" | cmp - "$T/p.html"
	# With --reveal-keys the keys are there, and the page warns.
	ike-trace --sa "$T/l.sa" --reveal-keys --html "$T/q.html" "$T/x.pcapng"
	run -1 hides "$T/q.html" "$T/l.sa"
	grep -q 'contains keys and passwords in clear' "$T/q.html"
}

@test "html: in a browser: mouse, keyboard, screen reader, telephone, dark, paper" {
	captured --natt force
	ike-trace --sa "$T/l.sa" --html "$T/p.html" "$T/x.pcapng"
	browse "$T/p.html" "$(frame 5)" SKEYID
	jq -e '.closed and .click and .link' "$T/seen"
	jq -e '.shown | contains("names itself and proves that it has the key") and contains("left.example") and contains("HASH_I")' "$T/seen"
	jq -e '.focus and .enter and ."enter-again"' "$T/seen"
	jq -e '.roles | contains(["DisclosureTriangle", "heading", "list", "main", "banner"])' "$T/seen"
	jq -e '.names | any(test("main mode 1: SA.*from left to right.*frame #[0-9]+")) and any(test("main mode 2: SA.*from right to left"))' "$T/seen"
	jq -e '.narrow <= 390 and .dark and ."screen-closed" and .print and .pdf' "$T/seen" || { jq -c "del(.text, .shown)" "$T/seen"; return 1; }
}

@test "html: XAuth, mode config and certificates with the lab's gateway, behind a NAT: below 1 MB, all right, no password" {
	gateway_session --nat ikev1-xauth-rsa
	ike-trace --sa "$T/gw.sa" --ca "$LAB_STATE/pki/rsa-ca.crt" --html "$T/p.html" --svg "$T/p.svg" "$T/gw.pcap"
	[ "$(stat -c %s "$T/p.html")" -lt 1000000 ]
	well_formed "$T/p.html"
	hides "$T/p.html" "$T/gw.sa"
	grep -q 'XAUTH-USER-NAME labuser\|XAUTH_USER_NAME labuser' "$T/p.html"
	grep -q 'PASSWORD (hidden)' "$T/p.html"
	# The password in text and in hex; and with --reveal-keys, so that the search finds it.
	run ! grep -E 'labpass|6c616270617373' "$T/p.html" "$T/squeezed"
	ike-trace --sa "$T/gw.sa" --reveal-keys --html "$T/q.html" "$T/gw.pcap"
	tr -d ' \n' <"$T/q.html" >"$T/squeezed"
	grep -q labpass "$T/squeezed"
	grep -q 6c616270617373 "$T/squeezed"
	run ! grep -E 'DIFFERS|WRONG|not opened' "$T/p.html"
	[ "$(grep -c 'class="ok">&#10003; the same on the wire' "$T/p.html")" -ge 15 ]
	grep -q '<h4><code>CERT</code> Certificate' "$T/p.html"
	grep -q 'Both ends change ports' "$T/p.html"
	grep -q 'the certificate is trusted' "$T/p.html"
}

@test "html: hostile texts stay text, in every kind of field and in the name of the file" {
	hostile "$T/<img src=x onerror=alert(3)>&\"'.pcap"
	run -0 --separate-stderr ike-trace --html "$T/p.html" --svg "$T/p.svg" "$T/<img src=x onerror=alert(3)>&\"'.pcap"
	well_formed "$T/p.html"
	well_formed "$T/p.svg"
	# printable ASCII and line ends only
	run ! env LC_ALL=C grep -nP '[^\x20-\x7e]' "$T/p.html" "$T/p.svg"
	[ "$(grep -o '&lt;script&gt;' "$T/p.html" | wc -l)" -ge 10 ]
	# A password, also one in a payload that cannot be parsed.
	run ! grep -E 'top-secret|746f702d|746f 702d' "$T/p.html"
	tr -d ' ' <"$T/p.html" >"$T/squeezed"
	run ! grep 746f702d736563726574 "$T/squeezed"
	ike-trace --reveal-keys --html "$T/q.html" "$T/<img src=x onerror=alert(3)>&\"'.pcap"
	grep -q top-secret-password "$T/q.html"
	browse "$T/p.html" 1
	jq -e '.title | contains("<img src=x")' "$T/seen"
	jq -e '.text | contains("<script>alert(1)</script>")' "$T/seen"
}

@test "html: the Content-Security-Policy allows nothing except the style that is there" {
	hostile "$T/x.pcap"
	ike-trace --html "$T/p.html" "$T/x.pcap"
	local is
	is=$(python3 - "$T/p.html" <<-'PY'
		import base64, hashlib, sys
		text = open(sys.argv[1]).read()
		style = text.split("<style>")[1].split("</style>")[0]
		print(base64.b64encode(hashlib.sha256(style.encode()).digest()).decode())
	PY
	)
	grep -qF "content=\"default-src 'none'; style-src 'sha256-$is'; base-uri 'none'; form-action 'none'\"" "$T/p.html"
	run ! grep -E ' style=|url\(|@import|http[s]?://' "$T/p.html"
}

@test "html: too many messages: the page says what is left out, and ends as it should" {
	/usr/bin/python3 - "$T/x.pcap" <<-'PY'
		import struct, sys
		out = open(sys.argv[1], "wb")
		out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
		for i in range(2500):
		    ike = struct.pack(">Q8xBBBBII", i + 1, 13, 0x10, 2, 0, 0, 28 + 40) + struct.pack(">BBH", 0, 0, 40) + bytes([60]) * 36
		    udp = struct.pack(">HHHH", 500, 500, 8 + len(ike), 0) + ike
		    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), i, 0, 64, 17, 0, b"\xc0\0\2\1", b"\xc0\0\2\2") + udp
		    out.write(struct.pack("<IIII", 1700000000, i, len(ip), len(ip)) + ip)
	PY
	run -0 --separate-stderr ike-trace --html "$T/p.html" --svg "$T/p.svg" "$T/x.pcap"
	well_formed "$T/p.html"
	well_formed "$T/p.svg"
	[ "$(grep -c '<li class="row' "$T/p.html")" -eq 2000 ]
	grep -q '500 more packets are left out' "$T/p.html"
	grep -q '500 more packets are left out' "$T/p.svg"
}

@test "html: wrong use: one report at a time, a directory, a place that cannot be written" {
	hostile "$T/x.pcap"
	run -2 --separate-stderr ike-trace --html "$T/p.html" --json "$T/x.pcap"
	one_error
	run -2 --separate-stderr ike-trace --html "$T/p" --svg "$T/p" "$T/x.pcap"
	one_error
	run -2 --separate-stderr ike-trace --html "$T" "$T/x.pcap"
	one_error
	run -3 --separate-stderr ike-trace --html "$T/none/p.html" "$T/x.pcap"
	one_error
	run -3 --separate-stderr bash -c 'ike-trace --html - "$1" >/dev/full' - "$T/x.pcap"
	one_error
	# A page that was there stays if the capture is no capture.
	echo before >"$T/old.html"
	echo 'not a capture at all, but long enough' >"$T/text"
	run -4 --separate-stderr ike-trace --html "$T/old.html" "$T/text"
	[ "$(cat "$T/old.html")" = before ]
	[ -z "$(find "$T" -name '.*' -type f)" ]
}

@test "svg: the drawing has an arrow for each message, a title and a description" {
	captured --natt force
	ike-trace --sa "$T/l.sa" --svg "$T/p.svg" "$T/x.pcapng"
	well_formed "$T/p.svg"
	[ "$(ike-trace --sa "$T/l.sa" --json "$T/x.pcapng" | jq -s 'map(select(.type == "message")) | length')" -eq "$(grep -c '<path' "$T/p.svg")" ]
	grep -q '<title id="t">IKE exchanges of x.pcapng</title>' "$T/p.svg"
	grep -q '<desc id="d">A ladder of' "$T/p.svg"
	run ! grep -E 'script|href|url\(' "$T/p.svg"
	hides "$T/p.svg" "$T/l.sa"
}
