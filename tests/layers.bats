# The house rules that a compiler does not check: which layer may know which,
# and what library code may call.

bats_require_minimum_version 1.5.0

load lib/common

# From the top down; a layer includes itself and those after it.
LAYERS=(cli net ike esp sa crypto wire base)

setup() {
	cd "$SAPIPE_TOP" || return
}

# sources LAYER: its C files and headers, one a line.
sources() {
	[ ! -d "libcommon/$1" ] || find "libcommon/$1" -name '*.[ch]'
}

# includes FILE...: what they include with quotes, "file header" a line.
includes() {
	awk 'match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
		split(substr($0, RSTART, RLENGTH), part, "\"")
		print FILENAME, part[2]
	}' "$@"
}

@test "layers: an include points to the same layer or down" {
	local -A rank=()
	local i layer files file inc bad=0
	for i in "${!LAYERS[@]}"; do rank[${LAYERS[i]}]=$i; done
	for layer in "${LAYERS[@]}"; do
		mapfile -t files < <(sources "$layer")
		while read -r file inc; do
			case $inc in
			*/*) ;;
			*) [ -e "${file%/*}/$inc" ] && continue ;;
			esac
			i=${rank[${inc%%/*}]-}
			if [ -z "$i" ] || [ "$i" -lt "${rank[$layer]}" ]; then
				echo "$file includes $inc"
				bad=1
			fi
		done < <(includes "${files[@]}")
	done
	[ $bad -eq 0 ]
}

@test "layers: every directory of libcommon is a layer" {
	local dir
	for dir in libcommon/*/; do
		dir=${dir#libcommon/}
		[[ " ${LAYERS[*]} " == *" ${dir%/} "* ]] || { echo "$dir"; return 1; }
	done
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

# wanted LAYER...: undefined symbols of the layers' objects, "file: symbol" a line.
wanted() {
	local files obj
	mapfile -t files < <(cd libcommon && find "$@" -name '*.c')
	for obj in "${files[@]/%.c/.o}"; do
		[ -e "$SAPIPE_BUILD/libcommon/$obj" ] || { echo "no $obj" >&2; return 1; }
	done
	(cd "$SAPIPE_BUILD/libcommon" && nm -A -u --format=posix "${files[@]/%.c/.o}") |
		sed 's|^\(.*\)\.o: \([^ ]*\).*|libcommon/\1.c: \2|'
}

@test "layers: ike, esp, sa and wire want no socket, clock, stream or exit" {
	local io='socket|socketpair|bind|connect|listen|accept4?|send(to|msg|mmsg)?|recv(from|msg|mmsg)?|setsockopt|getsockopt'
	io+='|open(at)?(64)?|read|write|readv|writev|ioctl|poll|ppoll|select|epoll_.*|ev_.*'
	local clock='time|gettimeofday|clock_gettime|ftime|nanosleep|usleep|sleep|alarm|timer_.*'
	local stdio='f?printf|vf?printf|puts|fputs|putchar|fputc|putc|fopen(64)?|fdopen|fread|fwrite|fflush|stdout|stderr|stdin|perror|syslog|getline'
	local ends='exit|_exit|_Exit|quick_exit|abort|err|errx|warn|warnx'
	local fortified='__(f|vf|v)?printf_chk|__(read|recv|recvfrom)_chk'
	wanted ike esp sa wire >"$BATS_TEST_TMPDIR/wanted"
	[ -s "$BATS_TEST_TMPDIR/wanted" ]
	grep -E ": ($io|$clock|$stdio|$ends|$fortified)\$" "$BATS_TEST_TMPDIR/wanted" | none
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
	mapfile -t files < <(sources crypto; sources esp)
	[ ${#files[@]} -gt 0 ]
	code "${files[@]}" | grep -E '\<(memcmp|bcmp|CRYPTO_memcmp)[ \t]*\(' | none
}

# _exit() is how a forked child ends; exit() and abort() end the caller.
@test "layers: library code outside cli neither prints nor exits" {
	local files
	mapfile -t files < <(find libcommon -name '*.[ch]' -not -path 'libcommon/cli/*')
	[ ${#files[@]} -gt 0 ]
	code "${files[@]}" |
		grep -E '\<(v?f?printf|f?puts|putchar|perror|errx?|warnx?|v?syslog|exit|abort)[ \t]*\(' | none
}
