# What the Debian package is made from: dist/debian, dist/deb.sh and the variables of make install. tests/deb/ builds it.
bats_require_minimum_version 1.5.0

load lib/common

# value NAME: of a variable of the Makefile.
value() { make -s --no-print-directory -C "$SAPIPE_TOP" --eval="value: ; @echo \$($1)" value; }

version() { sed -n 's/^#define VERSION[[:space:]]*"\(.*\)"$/\1/p' "$SAPIPE_TOP/libcommon/cli/version.h"; }

@test "the version is in one place, and NEWS begins with it" {
	local v
	v=$(version)
	[[ $v =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
	cd "$SAPIPE_TOP"
	run -0 grep -rlwF -- "\"$v\"" libcommon cmd
	[ "$output" = libcommon/cli/version.h ]
	# neither pages, files of the package nor the Makefile name one
	run -1 grep -rnP -- "(?<![0-9.])${v//./\\.}(?![0-9.])" man dist completions Makefile cmd
	run -0 sed -n 1p NEWS
	[[ $output == "sapipe $v" || $output == "sapipe $v ("* ]]
	run -0 sa-show --version
	output_has "$v"
	run -0 sapipe --version
	output_has "$v"
}

@test "the package is built with the libraries that make deps installs" {
	local want have
	want=$(value 'DEPS_BUILD) $(DEPS_NM' | tr ' ' '\n' | grep -vx -e build-essential -e libipsec-mb-dev -e '' | sort)
	have=$(awk '/^Build-Depends:/ { on = 1 } on && /^[A-Z]/ && !/^Build-Depends:/ { on = 0 } on' "$SAPIPE_TOP/dist/debian/control" |
		tr ',' '\n' | sed 's/^Build-Depends://; s/^ *//; s/ .*//' |
		grep -vx -e debhelper-compat -e dh-sequence-installsysusers -e libcmocka-dev -e libipsec-mb-dev -e '' | sort)
	[ -n "$want" ]
	diff <(echo "$want") <(echo "$have")
}

@test "SBINDIR has the tools with a page of section 8, BINDIR the others, and the unit runs the one that is there" {
	local d=$BATS_TEST_TMPDIR/root t
	cd "$SAPIPE_TOP"
	local args=(DESTDIR="$d" PREFIX=/usr SBINDIR=/usr/sbin B="${SAPIPE_BUILD#"$SAPIPE_TOP"/}")
	run -0 make -s -o all CC=false install "${args[@]}"
	[ ! -e "$SAPIPE_BUILD/nm-sapipe-service" ] || run -0 make -s -o all CC=false install-nm "${args[@]}"
	for t in cmd/*/; do
		t=$(basename "$t")
		if [ "$t" = nm-sapipe-service ]; then
			# NetworkManager starts it
			[ ! -e "$SAPIPE_BUILD/$t" ] || cmp "$SAPIPE_BUILD/$t" "$d/usr/libexec/$t"
		elif [ -e "man/$t.8" ]; then
			[ -x "$d/usr/sbin/$t" ] && [ ! -e "$d/usr/bin/$t" ]
		else
			[ -x "$d/usr/bin/$t" ] && [ ! -e "$d/usr/sbin/$t" ] && [ -e "man/$t.1" ]
		fi
	done
	grep -qx 'ExecStart=/usr/sbin/sapipe run %i' "$d/usr/lib/systemd/system/sapipe@.service"
	grep -qx 'NotifyAccess=all' "$d/usr/lib/systemd/system/sapipe-many@.service"
	cmp libcommon/sa/sa-state.cddl "$d/usr/share/sapipe/sa-state.cddl"
	run -0 make -s uninstall uninstall-nm "${args[@]}"
	run -0 find "$d" ! -type d
	[ -z "$output" ]
}

@test "make install writes below PREFIX only: a user who is not root has no other place" {
	local d=$BATS_TEST_TMPDIR/root
	cd "$SAPIPE_TOP"
	run -0 make -s -o all CC=false install DESTDIR="$d" PREFIX=/opt/own B="${SAPIPE_BUILD#"$SAPIPE_TOP"/}"
	[ -x "$d/opt/own/bin/sa-show" ]
	run -0 find "$d" ! -type d ! -path "$d/opt/own/*"
	[ -z "$output" ]
}

@test "make install of root makes the user and /etc/sapipe, which is never in the way; below a home it makes no /etc/sapipe" {
	local d=$BATS_TEST_TMPDIR b=${SAPIPE_BUILD#"$SAPIPE_TOP"/}
	[ "$(id -u)" = 0 ] || skip 'no root'
	cd "$SAPIPE_TOP"
	cp -a /etc "$d/etc"
	rm -rf "$d/etc/sapipe"
	sed -i '/^sapipe:/d' "$d"/etc/{passwd,shadow,group,gshadow}
	# in_copy ARGUMENT...: with a copy of /etc in the place of /etc
	in_copy() { unshare -m sh -c 'mount --bind "$0" /etc && exec make -s -o all CC=false install B="$@"' "$d/etc" "$b" "$@"; }
	HOME=$d run -0 in_copy PREFIX="$d/.local"
	[ ! -e "$d/etc/sapipe" ]
	run -0 in_copy PREFIX="$d/usr/local" HOME=/nonexistent
	grep -q '^sapipe:' "$d/etc/passwd"
	[ "$(stat -c %a:%g "$d/etc/sapipe")" = "750:$(sed -n 's/^sapipe:[^:]*:\([0-9]*\):.*/\1/p' "$d/etc/group")" ]
	chmod 700 "$d/etc/sapipe"
	run -0 in_copy PREFIX="$d/usr/local" HOME=/nonexistent
	[ "$(stat -c %a "$d/etc/sapipe")" = 700 ]
}

@test "AppArmor: a profile for each resident tool, that the parser accepts; a command has a profile of its own" {
	local t f
	command -v apparmor_parser >/dev/null || skip "no apparmor (make deps)"
	cd "$SAPIPE_TOP"
	for t in esp-tun gre-tun ike-initiate ike-respond nhrp-register nhrp-serve vpnmon; do
		f=dist/apparmor/sapipe-$t
		run -0 --separate-stderr apparmor_parser -Q -K -T -I dist/apparmor "$f"
		[ -z "$(grep -v '^Cache read/write disabled' <<<"$stderr")" ]
		run -0 apparmor_parser -Q -K -T -I dist/apparmor --names "$f"
		grep -qx "sapipe-$t" <<<"$output"
		# One that runs commands, by its table of options, has their profile.
		if "$t" --list-options | cut -f 1 | grep -qxE -e '--(script|xauth-ask|xauth-exec|on-up)'; then
			grep -qx "sapipe-$t//script" <<<"$output"
		fi
	done
	# every file is one of those
	[ "$(find dist/apparmor -name 'sapipe-*' | wc -l)" -eq 7 ]
	sed 's/capability/capabillity/' dist/apparmor/sapipe-esp-tun >"$BATS_TEST_TMPDIR/wrong"
	run ! apparmor_parser -Q -K -T -I dist/apparmor "$BATS_TEST_TMPDIR/wrong"
}
