# House rules that a compiler does not check: which room may include which, and what library
# code may call.

bats_require_minimum_version 1.5.0

load lib/common

# The rooms of libcommon and the rooms that each may include, besides itself and base/.
# A room that is not named beside another is a sibling, which it does not know.
ROOMS='
base:
crypto:
wire:
monitor:
sa:		crypto wire
esp:		crypto wire sa
esp/backends:	crypto esp
ike:		crypto wire sa
ike/renew:	crypto wire sa ike
ike/v1base:	crypto wire sa ike
ike/v1run:	crypto wire sa ike ike/v1base
ike/v1:		crypto wire sa ike ike/v1base ike/v1run
probe:		crypto wire sa ike ike/v1base ike/v1run ike/v1
nhrp:		crypto wire sa
trace:		crypto wire sa ike ike/v1base ike/v1run ike/v1
explain:	crypto wire sa ike ike/v1base ike/v1run ike/v1 trace
page:		crypto wire sa ike ike/v1base ike/v1run ike/v1 trace explain
net:
os:		sa
port:		wire os
capture:	wire os
claim:		crypto wire sa os
nhtb:		wire sa esp net
datapath:	crypto wire monitor sa esp net os port capture claim nhtb
gre:		sa esp net os datapath
host:		sa ike probe os port capture
cli:		os
tool/nhrp:	crypto wire sa nhrp os gre port cli
tool:		crypto wire sa esp ike ike/v1base ike/v1run ike/v1 probe trace monitor net os port capture host cli
tool/reload:	ike ike/renew os host cli tool
'
# Rooms whose objects want no socket, clock, stdio or exit.
PURE=(base crypto wire sa esp ike nhrp probe trace explain page monitor)
# Modules (a .c file, its header or both) that one room may hold.
MODULES_MAX=24

setup() {
	cd "$SAPIPE_TOP" || return
}

# rooms: their names, one a line.
rooms() {
	awk -F: 'NF { print $1 }' <<<"$ROOMS"
}

# seen_by ROOM: the rooms that it may include, with blanks around each.
seen_by() {
	awk -F: -v room="$1" '$1 == room { gsub(/[ \t]+/, " ", $2); print " base " room $2 " " }' <<<"$ROOMS"
}

# sources ROOM: its C files and headers, one a line; ike/v1 is a room of its own.
sources() {
	find "libcommon/$1" -maxdepth 1 -name '*.[ch]'
}

# includes FILE...: what they include with quotes, "file header" a line.
includes() {
	awk 'match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
		split(substr($0, RSTART, RLENGTH), part, "\"")
		print FILENAME, part[2]
	}' "$@"
}

@test "layers: a room includes only the rooms that the table names beside it" {
	local room seen files file inc bad=0
	while read -r room; do
		seen=$(seen_by "$room")
		mapfile -t files < <(sources "$room")
		[ ${#files[@]} -gt 0 ] || { echo "$room is empty"; return 1; }
		while read -r file inc; do
			case $inc in
			*/*) inc=${inc%/*} ;;
			*) inc=$room ;;
			esac
			[[ $seen == *" $inc "* ]] || { echo "$file includes a header of $inc/"; bad=1; }
		done < <(includes "${files[@]}")
	done < <(rooms)
	[ $bad -eq 0 ]
}

@test "layers: the table knows every room, and each edge leads to one above it in the table" {
	local room inc known=' '
	while read -r room; do
		for inc in $(seen_by "$room"); do
			[[ $inc = "$room" || $inc = base || $known == *" $inc "* ]] ||
				{ echo "$room sees $inc, which comes after it"; return 1; }
		done
		known+="$room "
	done < <(rooms)
	while read -r room; do
		room=${room#libcommon/}
		[[ $known == *" $room "* ]] || { echo "$room is not in the table"; return 1; }
	done < <(find libcommon -name '*.[ch]' -printf '%h\n' | sort -u)
}

@test "layers: the table of rooms in HACKING.md is this one" {
	local ours theirs
	ours=$(awk -F: 'NF { gsub(/[ \t]+/, " ", $2); sub(/^ /, "", $2); print $1 ": " $2 }' <<<"$ROOMS")
	theirs=$(sed -nE 's/^\| `([a-z0-9/]+)\/`( \*)? \|.*\| ?([^|]*) ?\|$/\1: \3/p' HACKING.md)
	diff <(sed 's/ *$//' <<<"$ours") <(sed 's/ *$//' <<<"$theirs")
}

@test "layers: no room holds more modules than a reader can keep in mind" {
	local room n
	while read -r room; do
		n=$(sources "$room" | sed 's/\.[ch]$//' | sort -u | wc -l)
		[ "$n" -le $MODULES_MAX ] || { echo "$room: $n modules"; return 1; }
	done < <(rooms)
}

@test "layers: each C file begins with a comment that says what it is for" {
	find libcommon cmd -name '*.c' -exec awk 'FNR == 1 && !/^\/\*/ { print FILENAME }' {} + | none
}

@test "layers: a tool includes headers of libcommon or its own, never another tool's" {
	local file inc bad=0
	while read -r file inc; do
		[ -e "libcommon/$inc" ] || [ -e "${file%/*}/$inc" ] || {
			echo "$file includes $inc"
			bad=1
		}
		[[ $inc != *..* ]] || { echo "$file includes $inc"; bad=1; }
	done < <(includes cmd/*/*.[ch])
	[ $bad -eq 0 ]
}

@test "layers: no code decides by the text of a fault, an event or a reason" {
	# Causes, kinds and reasons are enums: base/fault.h, sa/record.h.
	! grep -rnE --include='*.[ch]' \
		'(str(n?(case)?cmp|(case)?str|pbrk)|fnmatch|regexec|span_eq)\(.*(->|\.)(what(_other)?|where|why|reason(_other)?)\b' \
		libcommon cmd || return 1
}

# wanted ROOM...: undefined symbols of the rooms' objects, "file: symbol" a line.
wanted() {
	local room files=() obj
	for room; do
		mapfile -t -O ${#files[@]} files < <(cd libcommon && find "$room" -name '*.c')
	done
	for obj in "${files[@]/%.c/.o}"; do
		[ -e "$SAPIPE_BUILD/libcommon/$obj" ] || { echo "no $obj" >&2; return 1; }
	done
	(cd "$SAPIPE_BUILD/libcommon" && nm -A -u --format=posix "${files[@]/%.c/.o}") |
		sed 's|^\(.*\)\.o: \([^ ]*\).*|libcommon/\1.c: \2|'
}

@test "layers: whether an exchange is phase 1 is asked by name outside the engine" {
	run ! grep -rnE '\<mid == 0' --include=*.c --include=*.h cmd libcommon/tool libcommon/host libcommon/ike/v1 \
		libcommon/ike/v1base libcommon/ike/v1run libcommon/trace libcommon/explain libcommon/probe
}

@test "layers: the pure rooms want no socket, clock, stdio or exit" {
	local io='socket|socketpair|bind|connect|listen|accept4?|send(to|msg|mmsg)?|recv(from|msg|mmsg)?|setsockopt|getsockopt'
	io+='|open(at)?(64)?|read|write|readv|writev|ioctl|poll|ppoll|select|epoll_.*|ev_.*'
	local clock='time|gettimeofday|clock_gettime|ftime|nanosleep|usleep|sleep|alarm|timer_.*'
	local stdio='f?printf|vf?printf|puts|fputs|putchar|fputc|putc|fopen(64)?|fdopen|fread|fwrite|fflush|stdout|stderr|stdin|perror|syslog|getline'
	local ends='exit|_exit|_Exit|quick_exit|abort|err|errx|warn|warnx'
	local fortified='__(f|vf|v)?printf_chk|__(read|recv|recvfrom)_chk'
	wanted "${PURE[@]}" >"$BATS_TEST_TMPDIR/wanted"
	[ -s "$BATS_TEST_TMPDIR/wanted" ]
	grep -E ": ($io|$clock|$stdio|$ends|$fortified)\$" "$BATS_TEST_TMPDIR/wanted" | none
}

# folders: libcommon's rooms and the tools, one a line.
folders() {
	find libcommon cmd -name '*.[ch]' -printf '%h\n' | sort -u
}

# calls FOLDER: "caller callee" a line, for each pair of its objects of which one needs a symbol of the other.
calls() {
	local src objs=()
	for src in "$1"/*.c; do
		[ ! -e "$SAPIPE_BUILD/${src%.c}.o" ] || objs+=("$SAPIPE_BUILD/${src%.c}.o")
	done
	[ ${#objs[@]} -gt 0 ] || return 0
	nm -A --format=posix "${objs[@]}" | sed 's|^[^ ]*/\([^/ ]*\)\.o: |\1 |' | awk '
		$3 == "U" { needs[$1, $2] }
		$3 ~ /^[A-TV-Z]$/ { home[$2] = $1 }
		END {
			for (pair in needs) {
				split(pair, part, SUBSEP)
				if (part[2] in home && home[part[2]] != part[1])
					print part[1], home[part[2]]
			}
		}'
}

# included FOLDER: "module module" a line; a module is a .c file with its header. NAME_priv.h is below NAME.
included() {
	includes "$1"/*.[ch] | sed 's|^[^ ]*/\([^/ ]*\)\.[ch] |\1 |' | while read -r from to; do
		[[ $to = "${1#libcommon/}/${to##*/}" || ($to != */* && $1 = cmd/*) ]] || continue
		to=${to##*/}
		to=${to%.h}
		[ "$from" = "$to" ] || [ "$from" = "${to}_priv" ] || echo "$from" "$to"
	done
}

# no_circle WHAT: fails if the edges on standard input have a circle, and shows it.
no_circle() {
	tsort >/dev/null 2>"$BATS_TEST_TMPDIR/circle" || {
		echo "$1:"
		sed 's/^tsort: //' "$BATS_TEST_TMPDIR/circle"
		return 1
	}
}

@test "layers: the files of a folder call each other in one direction" {
	local folder bad=0 n=0
	while read -r folder; do
		calls "$folder" >"$BATS_TEST_TMPDIR/calls"
		n=$((n + $(wc -l <"$BATS_TEST_TMPDIR/calls")))
		no_circle "$folder" <"$BATS_TEST_TMPDIR/calls" || bad=1
	done < <(folders)
	[ "$n" -gt 100 ]
	[ $bad -eq 0 ]
}

@test "layers: the files of a folder include each other in one direction" {
	local folder bad=0 n=0
	while read -r folder; do
		included "$folder" >"$BATS_TEST_TMPDIR/included"
		n=$((n + $(wc -l <"$BATS_TEST_TMPDIR/included")))
		no_circle "$folder" <"$BATS_TEST_TMPDIR/included" || bad=1
	done < <(folders)
	[ "$n" -gt 100 ]
	[ $bad -eq 0 ]
}

@test "layers: a circle between files is found" {
	printf '%s\n' "a b" "b c" >"$BATS_TEST_TMPDIR/edges"
	no_circle line <"$BATS_TEST_TMPDIR/edges"
	echo "c a" >>"$BATS_TEST_TMPDIR/edges"
	run -1 no_circle round <"$BATS_TEST_TMPDIR/edges"
	[[ $output = *a*b*c* || $output = *b*c*a* || $output = *c*a*b* ]]
}

# none: fails if there is a line on standard input, and shows them.
none() {
	! grep .
}

# code FILE...: the files without comments and string literals, "file: line" a line.
code() {
	python3 - "$@" <<-'PY'
		import re, sys
		keep = lambda m: "\n" * m.group().count("\n") or " "
		for name in sys.argv[1:]:
		    text = open(name, encoding="utf-8").read()
		    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', keep, text, flags=re.S)
		    for n, line in enumerate(text.split("\n"), 1):
		        print(f"{name}:{n}: {line}")
	PY
}

@test "layers: crypto and esp compare nothing with memcmp; ct_eq is there for that" {
	local files
	mapfile -t files < <(sources crypto; sources esp; sources esp/backends)
	[ ${#files[@]} -gt 0 ]
	code "${files[@]}" | grep -E '\<(memcmp|bcmp|CRYPTO_memcmp)[ \t]*\(' | none
}

@test "layers: the order of receiving, with the move of the replay window, is in one file" {
	local files
	mapfile -t files < <(grep -lE '\<replay_move[ \t]*\(' -r libcommon cmd --include='*.c' | grep -v '/esp/replay\.c$')
	[ "${files[*]}" = libcommon/esp/open.c ]
}

# _exit() is how a forked child ends; exit() and abort() end the caller.
@test "layers: library code outside cli and tool neither prints nor exits" {
	local files
	mapfile -t files < <(find libcommon -name '*.[ch]' -not -path 'libcommon/cli/*' -not -path 'libcommon/tool/*')
	[ ${#files[@]} -gt 0 ]
	code "${files[@]}" |
		grep -E '\<(v?f?printf|f?puts|putchar|perror|errx?|warnx?|v?syslog|exit|abort)[ \t]*\(' | none
}

# Comments may name a product. Code that treats one differently asks ike/v1base/quirks, whose table has the names.
@test "layers: no product is named in the code of ike outside the table of quirks" {
	local files names
	names='strong_?swan|libreswan|racoon|windows|microsoft|screenos|netscreen|juniper|"check point|forti|vpnc|safenet|soft_?remote'
	names+='|sonicwall|zyxel|altiga|nortel|"cisco'
	mapfile -t files < <(find libcommon/ike -name '*.[ch]' -not -name 'quirks.*')
	[ ${#files[@]} -gt 0 ]
	python3 - "$names" "${files[@]}" <<-'PY' | none
		import re, sys
		for name in sys.argv[2:]:
		    text = re.sub(r'//[^\n]*|/\*.*?\*/', lambda m: "\n" * m.group().count("\n"), open(name, encoding="utf-8").read(), flags=re.S)
		    for n, line in enumerate(text.split("\n"), 1):
		        if re.search(sys.argv[1], line, re.I):
		            print(f"{name}:{n}: {line}")
	PY
}

# An exchange among many SAs costs what it costs among few: the engine finds the SAs of one peer by a hash table. A walk over all is for
# calls of the tool, and for a connection that this end makes.
@test "layers: no message makes ike walk over all SAs or child SAs" {
	local files
	mapfile -t files < <(find libcommon/ike -name '*.c')
	[ ${#files[@]} -gt 0 ]
	code "${files[@]}" | grep -E 'for \(.*->(sas|children|conns);' |
		grep -vE 'libcommon/ike/(engine|engine_look|status|conn|conn_life|renew/renew)\.c:' >"$BATS_TEST_TMPDIR/walks" || :
	# ike_sa_has_others(), for the INITIAL-CONTACT of a tool that starts
	[ "$(cut -d: -f1 "$BATS_TEST_TMPDIR/walks")" = "libcommon/ike/sa_life.c
libcommon/ike/sa_life.c" ] || { cat "$BATS_TEST_TMPDIR/walks"; return 1; }
}
