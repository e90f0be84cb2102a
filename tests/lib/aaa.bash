# shellcheck shell=bash
# shellcheck disable=SC2154 # $T is of lib/tun.bash
# Debian's freeradius and slapd for the tests, in the namespace $R on high ports, with their own directories; as groups of
# lib/two.bash, which ends them. No system service is started or needed.
#
# Users of both: alice (group staff), locked; password sesame. RADIUS also: token, asked for 424242; slow, answered when there is slow.go;
# plain, without group and address; bob, with two Classes, another name for accounting, and an interval of 60 s.
#
# RADIUS accounts on the port behind, in rad/detail.

RADIUS_PORT=18120 ACCOUNT_PORT=18121 LDAP_PORT=3890

# radius_start
radius_start() {
	command -v freeradius >/dev/null || skip "no freeradius (make deps)"
	mkdir -p "$T/rad"
	printf 'between-us\n' >"$T/radius.secret"
	cat >"$T/rad/radiusd.conf" <<-END
		name = freeradius
		prefix = /usr
		raddbdir = $T/rad
		confdir = $T/rad
		logdir = $T/rad
		run_dir = $T/rad
		db_dir = $T/rad
		libdir = /usr/lib/freeradius
		pidfile = $T/rad/pid
		hostname_lookups = no
		proxy_requests = no
		max_request_time = 60
		log { destination = stdout }
		security { reject_delay = 0 }
		thread pool { start_servers = 3
			max_servers = 4
			min_spare_servers = 1
			max_spare_servers = 3 }
		client test { ipaddr = 127.0.0.1
			secret = between-us }
		modules {
			pap { }
			chap { }
			always reject { rcode = reject }
			always handled { rcode = handled }
			detail { filename = $T/rad/detail }
			files { usersfile = $T/rad/users }
			exec { wait = yes
				input_pairs = request
				shell_escape = yes
				timeout = 30 }
		}
		server default {
			listen { type = auth
				ipaddr = 127.0.0.1
				port = $RADIUS_PORT }
			listen { type = acct
				ipaddr = 127.0.0.1
				port = $ACCOUNT_PORT }
			accounting {
				detail
			}
			authorize {
				if (&User-Name == "slow") {
					update request { Tmp-String-0 := \`$T/rad/slow\` }
				}
				if (&User-Name == "token" && !&State) {
					update control { Auth-Type := Ask }
				}
				elsif (&User-Name == "token" && &State == 0xc0ffee00) {
					update control { Cleartext-Password := "424242" }
				}
				chap
				files
				pap
			}
			authenticate {
				Auth-Type Ask {
					if (&User-Password != "sesame") {
						reject
					}
					update reply {
						Reply-Message := "the code of your token"
						State := 0xc0ffee00
					}
					update control { Response-Packet-Type := Access-Challenge }
					handled
				}
				Auth-Type PAP {
					pap
				}
				Auth-Type CHAP {
					chap
				}
			}
		}
	END
	cat >"$T/rad/users" <<-'END'
		alice Cleartext-Password := "sesame"
		  Class := "OU=staff;", Framed-IP-Address := 10.3.0.5, Reply-Message := "welcome"

		locked Auth-Type := Reject
		  Reply-Message := "account locked"

		slow Cleartext-Password := "sesame"

		plain Cleartext-Password := "sesame"

		bob Cleartext-Password := "sesame"
		  Class := "staff", Class += 0x00ff, User-Name := "robert", Acct-Interim-Interval := 60

		odd Cleartext-Password := "sesame"
		  Class := "$(reboot)", Framed-IP-Address := 255.255.255.254

	END
	cat >"$T/rad/slow" <<-END
		#!/bin/sh
		: >$T/slow.began
		for i in 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9; do
			[ ! -e $T/slow.go ] || exit 0
			sleep 0.5
		done
	END
	chmod 755 "$T/rad/slow"
	two_start radius right "freeradius -f -d $T/rad"
	eventually 60 radius_listens || { cat "$T/radius.out" "$T/radius.log"; return 1; }
}
radius_listens() { [ -n "$(right ss -Hlun "sport = :$RADIUS_PORT")" ] && [ -n "$(right ss -Hlun "sport = :$ACCOUNT_PORT")" ]; }

# ldap_start: with TLS; the CA's certificate is ldap.ca.
ldap_start() {
	command -v slapd >/dev/null || skip "no slapd (make deps)"
	mkdir -p "$T/ldap"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/ldap.key" -out "$T/ldap.ca" -days 30 -subj /CN=localhost \
		-addext subjectAltName=IP:127.0.0.1 2>/dev/null
	cat >"$T/slapd.conf" <<-END
		include /etc/ldap/schema/core.schema
		include /etc/ldap/schema/cosine.schema
		include /etc/ldap/schema/inetorgperson.schema
		modulepath /usr/lib/ldap
		moduleload back_mdb
		moduleload ppolicy
		pidfile $T/ldap/pid
		TLSCertificateFile $T/ldap.ca
		TLSCertificateKeyFile $T/ldap.key
		database mdb
		maxsize 10485760
		suffix dc=example
		rootdn cn=root,dc=example
		rootpw rootpw
		directory $T/ldap
		overlay ppolicy
		ppolicy_default cn=default,dc=example
	END
	cat >"$T/data.ldif" <<-'END'
		dn: dc=example
		objectClass: dcObject
		objectClass: organization
		dc: example
		o: example

		dn: cn=default,dc=example
		objectClass: device
		objectClass: pwdPolicy
		cn: default
		pwdAttribute: userPassword
		pwdLockout: TRUE

		dn: uid=alice,dc=example
		objectClass: inetOrgPerson
		uid: alice
		cn: Alice
		sn: A
		userPassword: sesame

		dn: uid=bob,dc=example
		objectClass: inetOrgPerson
		uid: bob
		cn: Bob
		sn: B
		userPassword: sesame

		dn: uid=locked,dc=example
		objectClass: inetOrgPerson
		uid: locked
		cn: Locked
		sn: L
		userPassword: sesame
		pwdAccountLockedTime: 000001010000Z

		dn: cn=staff,dc=example
		objectClass: groupOfNames
		cn: staff
		member: uid=alice,dc=example
	END
	slapadd -f "$T/slapd.conf" -l "$T/data.ldif" >"$T/slapadd.log" 2>&1 || { cat "$T/slapadd.log"; return 1; }
	two_start ldap right "slapd -d 0 -h ldap://127.0.0.1:$LDAP_PORT -f $T/slapd.conf"
	eventually 60 ldap_listens || { cat "$T/ldap.log"; return 1; }
}
ldap_listens() { [ -n "$(right ss -Hltn "sport = :$LDAP_PORT")" ]; }

# login USER PASSWORD [KEY=VALUE]... -- COMMAND...: runs COMMAND in $R as ike-respond --xauth-exec does.
login() {
	local given=("$1" "$2" 0)
	shift 2
	while [ "$1" != -- ]; do given+=("$1") && shift; done
	shift
	printf '%s\0' "${given[@]}" >"$T/given"
	right "$@" 3<"$T/given"
}

# accounts: the requests of rad/detail, one a line: "Acct-Status-Type=Start User-Name=alice ...", in the order of arrival.
accounts() {
	awk '/^[A-Z]/ { if (line != "") print line; line = "" }
		/^\t/ { sub(/^\t/, ""); sub(/ = /, "="); gsub(/"/, ""); line = line " " $0 }
		END { if (line != "") print line }' "$T/rad/detail" 2>/dev/null
}
# accounted STATUS [ATTRIBUTE=VALUE]...: a request of that status with these attributes has come.
accounted() {
	local status=$1 line a
	shift
	while read -r line; do
		[[ " $line " == *" Acct-Status-Type=$status "* ]] || continue
		for a; do [[ " $line " == *" $a "* ]] || continue 2; done
		return 0
	done < <(accounts)
	return 1
}
