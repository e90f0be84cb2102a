#!/usr/bin/env bats
# The option table of each tool is what its --help, man page and completions say; and the
# conventions that every tool keeps.
# shellcheck disable=SC2016 # for the inner shell to expand
# shards: 3
bats_require_minimum_version 1.5.0
load lib/common

teardown() { stop_background; }

setup() {
	cd "$SAPIPE_TOP" || return 1
	TOOLS=()
	for main in cmd/*/main.c cmd/sapipe/sapipe.sh; do
		main=${main%/*}
		TOOLS+=("${main#cmd/}")
	done
	need "${TOOLS[@]}"
}

# page TOOL: its man page.
page() {
	local p
	for p in man/"$1".[18]; do
		[ -e "$p" ] && echo "$p" && return
	done
	echo "no man page of $1" >&2
	return 1
}

# listed TOOL: long options of the table.
listed() {
	"$1" --list-options | cut -f1 | grep -e '^--' | sort
}

# in_page TOOL: long options that have an item in the man page; Fl -[no-]x is two.
in_page() {
	sed -n 's/^\.It \(Xo \)\{0,1\}Fl \(.*\)/Fl \2/p; s/^\.Fl \(.*-no-.*\)/Fl \1/p' "$(page "$1")" |
		grep -oE 'Fl -[a-z0-9][a-z0-9-]*|Fl -\[no-\][a-z0-9-]*' |
		sed -e 's/^Fl -/--/' | sed -e '/\[no-\]/{s/\[no-\]//p;s/^--/--no-/}' | sort -u
}

# same TOOL WHAT A B: two lists of options are equal, else says how they differ.
same() {
	local d
	d=$(diff <(echo "$3") <(echo "$4") | grep '^[<>]') || return 0
	printf '%s: only in its table (<) or only in its %s (>):\n%s\n' "$1" "$2" "$d"
	return 1
}

@test "each tool lists its options in lines of six fields" {
	local t
	for t in "${TOOLS[@]}"; do
		run -0 --separate-stderr "$t" --list-options
		[ -z "$stderr" ]
		awk -F'\t' -v t="$t" 'NF != 6 { print t ": " $0; bad = 1 }
			{ for (i = 1; i <= NF; i++) if ($i == "") { print t ": empty field: " $0; bad = 1 } }
			END { exit bad }' <<<"$output"
	done
}

@test "--help and -h say the same on stdout and exit 0" {
	local t
	for t in "${TOOLS[@]}"; do
		run -0 --separate-stderr "$t" --help
		[ -z "$stderr" ]
		[ "$output" = "$("$t" -h)" ]
		[[ $output == "usage: $t "* ]] || { echo "$t: ${lines[0]}"; return 1; }
	done
}

@test "the options of --help are those of the table" {
	local t help
	for t in "${TOOLS[@]}"; do
		help=$("$t" --help | grep -oE '^  (-., |    )--(\[no-\])?[a-z0-9-]+' | sed 's/^.\{6\}//' |
			sed -e '/\[no-\]/{s/\[no-\]//p;s/^--/--no-/}' | sort)
		same "$t" help "$(listed "$t")" "$help"
	done
}

@test "no line of --help is wider than 80 columns" {
	local t
	for t in "${TOOLS[@]}"; do
		"$t" --help | awk -v t="$t" 'length > 80 { print t ": " $0; bad = 1 } END { exit bad }'
	done
}

@test "the options of the man page are those of the table" {
	local t rc=0
	for t in "${TOOLS[@]}"; do
		page "$t" >/dev/null || { rc=1; continue; }
		same "$t" page "$(listed "$t")" "$(in_page "$t")" || rc=1
	done
	[ "$rc" -eq 0 ]
}

@test "letters of the man page are those of the table" {
	local t long letter p rc=0
	for t in "${TOOLS[@]}"; do
		p=$(page "$t") || { rc=1; continue; }
		while IFS=$'\t' read -r long letter _; do
			[ "$letter" = - ] && continue
			grep -qE "^\.It (.* , )?Fl ${letter#-}( .*)? , Fl ${long#-}( |$)" "$p" ||
				{ echo "$p: no .It Fl ${letter#-} , Fl ${long#-}"; rc=1; }
		done < <("$t" --list-options)
	done
	[ "$rc" -eq 0 ]
}

@test "each man page has synopsis, exit status and examples" {
	local t s p rc=0
	for t in "${TOOLS[@]}"; do
		p=$(page "$t") || { rc=1; continue; }
		for s in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES; do
			grep -qx ".Sh $s" "$p" || { echo "$p: no section $s"; rc=1; }
		done
	done
	[ "$rc" -eq 0 ]
}

@test "NAME of the man page says what --help says, and README says it too" {
	local t what rc=0
	for t in "${TOOLS[@]}"; do
		what=$("$t" --help | awk '!/^(usage:|  )/ { print; exit }')
		grep -qxF ".Nd $what" "$(page "$t")" || { echo "$(page "$t"): NAME is not: $what"; rc=1; }
		grep -qF "| \`$t\` | $what" README.md || { echo "README.md: $t is not: $what"; rc=1; }
	done
	[ "$rc" -eq 0 ]
}

@test "mandoc has no complaint about any page" {
	run -0 mandoc -T lint -W warning man/*.[1-8]
	# One backslash at the end of a line joins it with the next line: an example needs \e there.
	run ! grep -nE '[^\\]\\$' man/*.[1-8]
	[ -z "$output" ]
}

@test "each Xr of our own pages leads to a page" {
	local name sec rc=0
	while read -r name sec; do
		case $name in
		ike-* | esp-* | sa-* | sapipe | skeyid-* | natd-* | dpd-* | vpnmon)
			[ -e "man/$name.$sec" ] || { echo "no man/$name.$sec"; rc=1; } ;;
		esac
	done < <(sed -nE 's/^\.Xr ([^ ]+) ([0-9]).*/\1 \2/p' man/*.[1-8] | sort -u)
	[ "$rc" -eq 0 ]
}

@test "sapipe(7) introduces every tool" {
	local t rc=0
	for t in "${TOOLS[@]}"; do
		grep -qE "^\.It Xr $t [18]$" man/sapipe.7 || { echo "not in sapipe(7): $t"; rc=1; }
	done
	[ "$rc" -eq 0 ]
}

@test "-V and --version say tool and version" {
	local t
	for t in "${TOOLS[@]}"; do
		run -0 --separate-stderr "$t" -V
		[[ $output =~ ^"$t (sapipe) "[0-9]+\.[0-9]+[0-9.]*$ ]] || { echo "$output"; return 1; }
		[ "$output" = "$("$t" --version)" ]
	done
}

@test "an unknown option is exit 2 with one line and a hint" {
	local t
	for t in "${TOOLS[@]}"; do
		run -2 --separate-stderr "$t" --nonsense </dev/null
		one_error
		[[ $stderr == "$t: unknown option --nonsense"*$'\n'hint:* ]] || { echo "$stderr"; return 1; }
	done
}

@test "long options are not abbreviated, and the hint names the one that was meant" {
	local t
	for t in "${TOOLS[@]}"; do
		run -2 --separate-stderr "$t" --versio </dev/null
		stderr_has "did you mean --version?"
		run -2 --separate-stderr "$t" --hlep </dev/null
		stderr_has "did you mean --help?"
	done
}

@test "what follows an unknown option's = is not repeated: it may be a secret" {
	local t
	for t in "${TOOLS[@]}"; do
		run -2 --separate-stderr "$t" --psk-fiel=hunter2 </dev/null
		[[ $stderr != *hunter2* ]]
	done
}

@test "a flag given twice is exit 2" {
	local t long arg flags
	for t in "${TOOLS[@]}"; do
		while IFS=$'\t' read -r long _ arg _ flags _; do
			[[ $long == --[a-z]* && $flags != *repeat* ]] || continue
			# those two end the tool at once
			case $long in --help | --version) continue ;; esac
			[ "$arg" = - ] || continue
			run -2 --separate-stderr "$t" "$long" "$long" </dev/null
			stderr_has "$long: given twice"
		done < <("$t" --list-options)
	done
}

@test "no arguments, no input: no tool crashes, hangs or exits beyond 4" {
	local t rc
	for t in "${TOOLS[@]}"; do
		rc=0
		timeout 10 "$t" </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/err" || rc=$?
		[ $rc -le 4 ] || { echo "$t: exit $rc"; cat "$BATS_TEST_TMPDIR/err"; return 1; }
		[ $rc -eq 0 ] || grep -q "^$t: " "$BATS_TEST_TMPDIR/err" ||
			{ echo "$t: exit $rc without a word"; return 1; }
	done
}

@test "a report that cannot be written is exit 3" {
	local t
	for t in "${TOOLS[@]}"; do
		run -3 --separate-stderr bash -c '"$1" -h >/dev/full' - "$t"
		stderr_has "$t: cannot write to standard output"
		run -3 --separate-stderr bash -c '"$1" -h >&-' - "$t"
		stderr_has "$t: cannot write to standard output"
	done
}

@test "a letter is the same option in every tool" {
	local t
	for t in "${TOOLS[@]}"; do
		"$t" --list-options | awk -F'\t' '$2 != "-" { print $2, $1 }'
	done | sort -u | awk '{ if ($1 == last) { print "both " $0 " and " name; bad = 1 }
		last = $1; name = $2 } END { exit bad }'
}

@test "only the calculator has options for a secret on the command line" {
	local t
	for t in "${TOOLS[@]}"; do
		[ "$t" = skeyid-calc ] && continue
		# The key of GRE is a number in clear in each packet.
		"$t" --list-options | awk -F'\t' -v t="$t" '
			$1 ~ /(psk|password|secret|key)/ && $1 != "--rekey" && t " " $1 != "gre-tun --key" && $3 != "-" && $3 !~ /FILE|^[a-z|0-9]+$/ {
				print t ": " $1 " " $3; bad = 1 } END { exit bad }'
	done
}

@test "bash, zsh and fish complete every tool" {
	local t
	for t in "${TOOLS[@]}"; do
		grep -q "^#compdef .*\b$t\b" completions/sapipe.zsh
		sed -n '/^complete -F/,$p' completions/sapipe.bash | grep -qw -- "$t"
		grep -q "^for tool in .*\b$t\b" completions/sapipe.fish
	done
}

# bash_completes WORD...: what bash offers for the last word.
bash_completes() {
	bash -c 'source completions/sapipe.bash
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sapipe
		[ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' - "$@"
}

@test "bash offers the options of the table" {
	local t
	for t in "${TOOLS[@]}"; do
		same "$t" completion "$(listed "$t")" "$(bash_completes "$t" -- | sort)"
	done
}

@test "bash completes values, subcommands and files, and is silent about what it does not know" {
	need skeyid-calc
	run -0 bash_completes skeyid-calc k
	[ "$output" = keymat ]
	run -0 bash_completes skeyid-calc skeyid --auth = xauth
	[ "$output" = xauth-psk$'\n'xauth-rsa ]
	run -0 bash_completes skeyid-calc natd --auth ''
	[[ $output != *xauth* ]]
	run -0 bash_completes ike-initiate --esp aes256-sha1,aes128-sha256
	[ "$output" = aes256-sha1,aes128-sha256$'\n'aes256-sha1,aes128-sha256_96 ]
	run -0 bash_completes esp-tun --tun l
	[ "$output" = lo ]
	run -0 bash_completes no-such-tool --
	[ -z "$output" ]
}

@test "fish offers the options of the table" {
	command -v fish >/dev/null || skip "no fish"
	local t offered
	for t in "${TOOLS[@]}"; do
		offered=$(HOME=$BATS_TEST_TMPDIR timeout 20 fish --no-config -c \
			"source completions/sapipe.fish; complete -C '$t --'" | cut -f1 | sort)
		same "$t" completion "$(listed "$t")" "$offered"
	done
	HOME=$BATS_TEST_TMPDIR timeout 20 fish --no-config -c "source completions/sapipe.fish; complete -C 'esp-tun --tun l'" |
		cut -f1 | grep -x lo
}

@test "zsh offers the options of the table" {
	command -v zsh >/dev/null || skip "no zsh"
	local t offered
	for t in "${TOOLS[@]}"; do
		offered=$(timeout 20 zsh -fc '
			_arguments() { print -rl -- "$@" }
			_describe() { }
			words=("$1" --) PREFIX=--
			source completions/sapipe.zsh' - "$t" |
			grep -oE '^\*?--[a-z0-9-]+' | tr -d '*' | sort)
		same "$t" completion "$(listed "$t")" "$offered"
	done
}

# Without another build: its flags would differ, and tests beside this one run the tools. No compiler proves it.
NO_BUILD=(-s -o all CC=false)

@test "install puts tools, pages and completions where shells and man look" {
	local t d=$BATS_TEST_TMPDIR/root p=/usr
	run -0 make "${NO_BUILD[@]}" install DESTDIR="$d" PREFIX="$p" B="${SAPIPE_BUILD#"$SAPIPE_TOP"/}"
	for t in "${TOOLS[@]}"; do
		[ -x "$d$p/bin/$t" ]
		[ -e "$d$p/share/bash-completion/completions/$t" ]
		[ -e "$d$p/share/fish/vendor_completions.d/$t.fish" ]
	done
	[ -e "$d$p/share/zsh/site-functions/_sapipe" ]
	[ -e "$d$p/share/man/man7/sapipe.7" ]
	[ "$(sed -n 's/.*parts=\(\/.*\)/\1/p' "$d$p/bin/sapipe")" = "$p/share/sapipe" ]
	diff -r -x sa-state.cddl "$d$p/share/sapipe" "$SAPIPE_BUILD/sapipe.d"
	run -0 make -s uninstall DESTDIR="$d" PREFIX="$p"
	run -0 find "$d" ! -type d
	[ -z "$output" ]
}

@test "install as root creates the user sapipe once, and never into DESTDIR" {
	local d=$BATS_TEST_TMPDIR/root b=$BATS_TEST_TMPDIR/bin args
	mkdir "$b"
	printf '#!/bin/sh\necho 0\n' >"$b/id"
	printf '#!/bin/sh\n[ -e "%s/made" ]\n' "$d" >"$b/getent"
	# shellcheck disable=SC2016 # the stub expands it
	printf '#!/bin/sh\necho "$@" >>"%s/made"\n' "$d" >"$b/useradd"
	chmod +x "$b"/*
	args=("${NO_BUILD[@]}" install PREFIX="$d" B="${SAPIPE_BUILD#"$SAPIPE_TOP"/}")
	mkdir "$d"
	PATH=$b:$PATH run -0 make "${args[@]}" DESTDIR="$d/into"
	[ ! -e "$d/made" ]
	PATH=$b:$PATH run -0 make "${args[@]}"
	PATH=$b:$PATH run -0 make "${args[@]}"
	run -0 cat "$d/made"
	[ "$output" = "--system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sapipe" ]
}

# example FILE FIRST-LINE: the literal block of a page that starts with that line.
example() {
	awk -v first="$2" '/^\.Bd/ { on = 0; n = 1; next } /^\.Ed/ { on = 0 }
		n == 1 { n = 0; on = ($0 == first) } on' "$1" | sed 's/\\e$/\\/'
}

@test "ike-respond accepts the peers file of its man page" {
	local d=$BATS_TEST_TMPDIR f
	example man/ike-respond.8 '[defaults]' >"$d/peers.ini"
	grep -q '^psk-file = ' "$d/peers.ini"
	while read -r f; do
		echo "secret of $f" >"$d/$f"
		chmod 600 "$d/$f"
	done < <(sed -n 's/^psk-file = //p' "$d/peers.ini")
	chmod 600 "$d/peers.ini"
	f=127.0.0.1:$((20000 + RANDOM % 10000))
	background respond ike-respond --peers "$d/peers.ini" --listen "$f"
	eventually 10 eval 'ss -Huln "src $f" | grep -q .' || { cat "$d/respond.err"; return 1; }
	kill "${BG[respond]}"
	ended respond
	[ ! -s "$d/respond.err" ] || { cat "$d/respond.err"; return 1; }
	# and one that it refuses, with file and line, once a key is misspelled
	sed -i '0,/^remote-ts/s//remote-st/' "$d/peers.ini"
	run -2 --separate-stderr ike-respond --peers "$d/peers.ini"
	one_error
	[[ $stderr =~ peers\.ini:[0-9]+:\ unknown\ key\ \'remote-st\' ]]
}

@test "the completions know every word of proposals" {
	local shell word
	{
		for word in "--esp x-sha1" "--esp aes128-x" "--ike aes128-sha1-x"; do
			# shellcheck disable=SC2086 # words
			ike-initiate --psk-file absent $word 192.0.2.1 2>&1 | sed -n 's/.*; known: //p' | tr ', ' '\n'
		done
		echo esn
	} | sed '/^$/d' | sort -u >"$BATS_TEST_TMPDIR/known"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/known")" -gt 30 ]
	for shell in bash zsh fish; do
		while read -r word; do
			grep -qE "(^|[^a-z0-9_])$word([^a-z0-9_]|\$)" completions/sapipe.$shell ||
				{ echo "$shell: no $word"; return 1; }
		done <"$BATS_TEST_TMPDIR/known"
	done
	# and no others
	diff "$BATS_TEST_TMPDIR/known" <(bash -c 'source completions/sapipe.bash; printf "%s\n" $_sapipe_algorithms' | sort -u)
}
