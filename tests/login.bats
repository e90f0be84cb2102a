#!/usr/bin/env bats
# The commands that judge users of XAuth: login-file, login-radius, login-ldap.
# shards: 2
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two
load lib/aaa

setup() {
	two_setup
	need login-file login-radius login-ldap
}
teardown() { two_teardown; }

radius=(login-radius --server "127.0.0.1:$RADIUS_PORT" --secret-file radius.secret --timeout 15)
ldap=(login-ldap --url "ldap://127.0.0.1:$LDAP_PORT" --base dc=example --ca ldap.ca --group-base dc=example)

@test "login-file: good, bad, locked and unknown users; group and address" {
	local hash
	hash=$(openssl passwd -6 sesame)
	cat >users <<-END
		# comment
		alice:$hash:staff:10.3.0.9
		six:$hash::2001:db8::9
		locked:!$hash
		empty:
		plain:$hash
		plain:$(openssl passwd -6 other)
		bad:$hash:a b
	END
	run -0 login alice sesame -- login-file users
	[ "$output" = $'group=staff\naddress=10.3.0.9' ]
	run -0 login six sesame -- login-file users
	[ "$output" = address=2001:db8::9 ]
	run -0 login plain sesame -- login-file users
	[ -z "$output" ]
	run -1 login plain other -- login-file users
	run -1 login alice Sesame -- login-file users
	run -1 login alice "" -- login-file users
	run -1 login locked sesame -- login-file users
	run -1 login empty "" -- login-file users
	run -1 login nobody sesame -- login-file users
	run -1 login "# comment" "" -- login-file users
	run -2 login bad sesame -- login-file users
	run -2 login alice sesame -- login-file absent
	run -2 login "" sesame -- login-file users
	run -2 login alice sesame state=xx -- login-file users
	run -2 login-file users 3</dev/null
}

@test "login-file: passwords in clear: as they are and by CHAP; a hash cannot judge CHAP, and says so" {
	local chap=(challenge=30313233343536373839616263646566 chap=0101dfa58b9f6f3f731e22139e78c2d50f)
	umask 077
	cat >users <<-END
		alice:{clear}sesame:staff:10.3.0.9
		hash:$(openssl passwd -6 sesame)
		locked:!{clear}sesame
		none:{clear}
	END
	run -0 login alice sesame -- login-file users
	[ "$output" = $'group=staff\naddress=10.3.0.9' ]
	run -1 login alice sesam -- login-file users
	run -1 login alice "{clear}sesame" -- login-file users
	run -1 login none "" -- login-file users
	run -0 login alice "" "${chap[@]}" -- login-file users
	[ "$output" = $'group=staff\naddress=10.3.0.9' ]
	# another identifier, another challenge
	run -1 login alice "" "${chap[0]}" chap=0201dfa58b9f6f3f731e22139e78c2d50f -- login-file users
	run -1 login alice "" challenge=30313233343536373839616263646567 "${chap[1]}" -- login-file users
	for user in locked none nobody; do run -1 login "$user" "" "${chap[@]}" -- login-file users; done
	run -2 login hash "" "${chap[@]}" -- login-file users
	[ "$output" = "login-file: users has no password in clear for hash, which --xauth-type chap needs" ]
	chmod 644 users
	run -0 --separate-stderr login alice sesame -- login-file users
	[[ $stderr == *"users"*"644"* ]]
	# a directory has no password to judge it with
	run -2 login alice "" "${chap[@]}" -- "${ldap[@]}"
	[[ $output == *"which --xauth-type chap needs" ]]
}

@test "login-file: without memory for a hash the answer is neither yes nor no" {
	[[ $SAPIPE_BUILD != */san ]] || skip "the sanitizers need much memory"
	# yescrypt with 256 MiB
	cat >users <<-'END'
		alice:$y$jDT$saltsaltsalt$x
	END
	run -1 login alice sesame -- login-file users
	run -111 login alice sesame -- bash -c 'ulimit -v 150000; exec login-file users'
	[[ $output == *"the hash of alice cannot be computed: it is malformed, or needs more memory than there is"* ]]
}

@test "login-radius: good, bad, locked, odd values; PAP and CHAP" {
	radius_start
	run -0 login alice sesame remote=203.0.113.1 -- "${radius[@]}"
	[ "$output" = $'group=staff\naddress=10.3.0.5\nmessage=welcome\naccount=190b4f553d73746166663b' ]
	run -0 login alice sesame -- "${radius[@]}" --chap
	run -1 login alice wrong -- "${radius[@]}"
	run -1 login alice wrong -- "${radius[@]}" --chap
	run -1 login nobody sesame -- "${radius[@]}"
	run -1 login locked sesame -- "${radius[@]}"
	[ "$output" = "message=account locked" ]
	run -0 --separate-stderr login odd sesame -- "${radius[@]}"
	[ "$output" = account=190b24287265626f6f7429 ]
	[[ $stderr == *"the Class of the server is no name of a group"* ]]
	# the answer of a client to a challenge of the gateway: 1, MD5("\1sesame0123456789abcdef")
	run -0 login alice "" challenge=30313233343536373839616263646566 chap=0101dfa58b9f6f3f731e22139e78c2d50f -- "${radius[@]}"
	run -1 login alice "" challenge=30313233343536373839616263646566 chap=0201dfa58b9f6f3f731e22139e78c2d50f -- "${radius[@]}"
}

@test "login-radius: a challenge with its state; the answer, right and wrong" {
	radius_start
	run -10 login token sesame -- "${radius[@]}" --ask passcode
	[ "$output" = $'message=the code of your token\nask=passcode\nstate=c0ffee00' ]
	run -1 login token wrong -- "${radius[@]}"
	run -0 login token 424242 state=c0ffee00 round=2 -- "${radius[@]}" --chap
	run -1 login token 424243 state=c0ffee00 round=2 -- "${radius[@]}"
}

@test "login-radius: the second server answers when the first is dead; none, or another secret, is no answer" {
	radius_start
	run -0 login alice sesame -- login-radius --server 127.0.0.1:18199 --server "127.0.0.1:$RADIUS_PORT" --secret-file radius.secret --timeout 5 --tries 1
	run -111 login alice sesame -- login-radius --server 127.0.0.1:18199 --secret-file radius.secret --timeout 1 --tries 1
	[[ $output == *"no server answers (1 asked, 1 times, 1000 ms each)"* ]]
	echo another >other.secret
	run -111 login alice sesame -- login-radius --server "127.0.0.1:$RADIUS_PORT" --secret-file other.secret --timeout 1 --tries 1
	[[ $output != *message=* ]]
	run -2 login alice sesame -- login-radius --server 127.0.0.1:0 --secret-file radius.secret
	run -2 login alice sesame -- login-radius --server 127.0.0.1
}

# forge REPLY: a server that answers the first request with these bytes of Python; RAW is the request, MD5 and HMAC at hand.
forge() {
	cat >forge.py <<-'PY'
		import hashlib, hmac, socket, struct, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("127.0.0.1", 18129))
		s.settimeout(60)
		open("forge.ready", "w")
		raw, at = s.recvfrom(4096)
		key = b"between-us"
		def reply(code, attrs=b"", key=key, ident=raw[1], extra=b""):
		    head = struct.pack("!BBH", code, ident, 20 + len(attrs))
		    return head + hashlib.md5(head + raw[4:20] + attrs + key).digest() + attrs + extra
		# ours: the Message-Authenticator is first, and right
		assert raw[20:22] == b"\x50\x12"
		assert raw[22:38] == hmac.new(key, raw[:22] + bytes(16) + raw[38:], "md5").digest()
		s.sendto(eval(sys.argv[1]), at)
	PY
	rm -f forge.ready
	right /usr/bin/python3 forge.py "$1" 3>&- 4>&- 2>forge.log &
	eventually 60 [ -e forge.ready ]
}

@test "login-radius: a reply that is forged, malformed or of another request is none" {
	local r one=(login-radius --server 127.0.0.1:18129 --secret-file radius.secret --timeout 0.5 --tries 1) patient
	patient=("${one[@]/0.5/15}")
	printf 'between-us\n' >radius.secret
	forge 'reply(2)'
	run -0 login alice sesame -- "${patient[@]}"
	for r in 'reply(2, key=b"x")' 'struct.pack("!BBH16s", 2, raw[1], 20, bytes(16))' 'reply(2, ident=raw[1] ^ 1)' \
		'reply(2, b"\x19\x01")' 'reply(2, b"\x19\x00")' 'reply(2, b"\x19\x09a")' 'reply(2, b"\x19")' 'reply(2)[:19]' \
		'reply(2, b"\x50\x12" + bytes(16))' 'reply(2, b"\x50\x02")' 'reply(5)' 'b""'; do
		forge "$r"
		run -111 login alice sesame -- "${one[@]}"
		[[ $output != *group=* ]]
	done
	forge 'reply(2, b"\x19\x07staff", extra=b"padding")'
	run -0 login alice sesame -- "${patient[@]}"
	[ "$output" = $'group=staff\naccount=19077374616666' ]
	forge 'reply(2)'
	run -111 login alice sesame -- "${one[@]}" --require-message-authenticator
	# 'reply(2) with MAC'
	forge 'reply(2, b"\x50\x12" + hmac.new(key, struct.pack("!BBH", 2, raw[1], 38) + raw[4:20] + b"\x50\x12" + bytes(16), "md5").digest())'
	run -0 login alice sesame -- "${patient[@]}" --require-message-authenticator
}

@test "login-ldap: good, bad, locked; group; an empty password and a filter in the name" {
	ldap_start
	run -0 login alice sesame -- "${ldap[@]}"
	[ "$output" = group=staff ]
	run -0 login bob sesame -- "${ldap[@]}"
	[ -z "$output" ]
	run -1 login bob sesame -- "${ldap[@]}" --require-group
	run -1 login alice wrong -- "${ldap[@]}"
	run -1 login alice "" -- "${ldap[@]}"
	run -1 login locked sesame -- "${ldap[@]}"
	run -1 login nobody sesame -- "${ldap[@]}"
	run -1 login 'ali*' sesame -- "${ldap[@]}"
	run -1 login '*)(uid=alice' sesame -- "${ldap[@]}"
	printf 'rootpw\n' >root.pw
	run -0 login alice sesame -- "${ldap[@]}" --bind-dn cn=root,dc=example --bind-password-file root.pw
	printf 'no\n' >root.pw
	run -2 login alice sesame -- "${ldap[@]}" --bind-dn cn=root,dc=example --bind-password-file root.pw
}

@test "login-ldap: no password goes to a server whose certificate is not valid; none is no answer" {
	ldap_start
	openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.ca -days 30 -subj /CN=other 2>/dev/null
	run -111 login alice sesame -- "${ldap[@]/ldap.ca/other.ca}"
	[[ $output == *StartTLS* ]]
	run -111 login alice sesame -- login-ldap --url ldap://127.0.0.1:3899 --base dc=example
	run -0 login alice sesame -- login-ldap --clear --url "ldap://127.0.0.1:3899 ldap://127.0.0.1:$LDAP_PORT" --base dc=example
}

# gate COMMAND...: our gateway with the command. user NAME [OPTION]...: phase 1 as that user.
gate() { answer --auth xauth-psk --xauth-exec "$(words "$@")" --pool 10.3.0.0/29 --local-ts 10.2.0.0/24; }
user() {
	left ike-initiate --psk-file gw.psk --local-id left.example --remote-id right.example --phase1 "${FAST[@]}" \
		--auth xauth-psk --xauth-user "$1" --xauth-password-file pw -o "$1.sa" "${@:2}" "$PEER"
}

@test "login: RADIUS decides through ike-respond: good, locked, challenge; a slow one delays nobody" {
	local slow
	radius_start
	gate login-radius --server "127.0.0.1:$RADIUS_PORT" --secret-file radius.secret --ask passcode --timeout 20
	printf 'sesame\n' >pw
	user slow --local 203.0.113.1:5001 2>slow.log &
	slow=$!
	eventually 60 [ -e slow.began ] || { cat slow.log right.ike; return 1; }
	run -0 user alice --mode-config --local 203.0.113.1:5004
	[[ $output == *"the gateway says: welcome"* ]]
	[ ! -e slow.sa ]
	: >slow.go
	run -1 user locked --local 203.0.113.1:5002
	[[ $output == *"the gateway says: account locked"* ]]
	[[ $output == *"the gateway rejects user locked or the password"* ]]
	wait "$slow"
	run -0 user token --xauth-ask 'grep -qx "message=the code of your token" && echo 424242' --local 203.0.113.1:5003
	sa-show --format json right.sa | jq -se 'map(select(.xauth.user == "alice")) | last | .xauth.group == "staff"'
}

@test "login: LDAP decides through ike-respond" {
	ldap_start
	gate "${ldap[@]}"
	printf 'sesame\n' >pw
	run -0 user alice
	run -1 user locked --local 203.0.113.1:5002
	sa-show --format json right.sa | jq -se 'map(select(.xauth.user == "alice")) | last | .xauth.group == "staff"'
}
