# shellcheck shell=bash
# bash completion for every tool of sapipe. What there is to complete comes from the tool itself,
# by its option listing; a tool that does not answer completes nothing.

# The words of proposals; tests/docs.bats holds them against those that the tools know.
_sapipe_algorithms="aes128 aes192 aes256 aes128gcm16 aes192gcm16 aes256gcm16 aes128gcm12 aes192gcm12 aes256gcm12 aes128gcm8
	aes192gcm8 aes256gcm8 aes128ctr aes192ctr aes256ctr chacha20poly1305 3des des null sha1 sha256 sha384
	sha512 aesxcbc md5 sha256_96 modp2048 modp3072 modp4096 modp6144 modp8192 ecp256 ecp384 ecp521 curve25519
	modp1536 modp1024 modp768 modp1024s160 modp2048s224 modp2048s256 esn"

# _sapipe_value KIND CURRENT: candidates for a value called KIND in the listing.
_sapipe_value() {
	local kind=$1 cur=$2 words='' part
	local IFS='|'
	for part in $kind; do
		# fixed words are in small letters, names of what to put there in capitals
		[[ $part =~ ^[a-z0-9][a-z0-9-]*$ ]] && words+="$part"$'\n'
	done
	IFS=$'\n'
	[ -z "$words" ] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	case $kind in
	*PROPOSALS*)
		IFS=$' \t\n'
		compopt -o nospace 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -P "${cur%"${cur##*[,-]}"}" -W "$_sapipe_algorithms" -- "${cur##*[,-]}")
		;;
	*FILE* | *SA* | *CAPTURE* | *PCAP* | *.pcap* | *CMD*)
		compopt -o filenames 2>/dev/null
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
		;;
	*IFACE*) mapfile -t COMPREPLY < <(cd /sys/class/net 2>/dev/null && compgen -W "$(printf '%s\n' *)" -- "$cur") ;;
	*TUNNEL*) mapfile -t COMPREPLY < <(compgen -W "$(sapipe list 2>/dev/null)" -- "$cur") ;;
	*DIR*)
		compopt -o filenames 2>/dev/null
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur")
		;;
	*PEER* | *HOST* | *DEST*)
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -A hostname -- "$cur")
		;;
	esac
}

_sapipe() {
	local listing line name letter arg subs flags i
	local cur=${COMP_WORDS[COMP_CWORD]} prev='' sub='' has_subs='' positional='' equals=''
	local -a given=() words=() commands=()

	COMPREPLY=()
	listing=$("${COMP_WORDS[0]}" --list-options 2>/dev/null </dev/null) || return 0
	# --name=value comes as three words
	((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
	if [ "$cur" = = ]; then
		cur='' equals=1
	elif [ "$prev" = = ] && ((COMP_CWORD > 1)); then
		prev=${COMP_WORDS[COMP_CWORD - 2]} equals=1
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		given+=("${COMP_WORDS[i]}")
	done
	while IFS=$'\t' read -r name letter arg subs flags _; do
		[ "$letter$arg$subs$flags" = ---- ] || continue
		has_subs=1
		for line in "${given[@]}"; do
			[ "$line" = "$name" ] && [ -z "$sub" ] && sub=$name
		done
	done <<<"$listing"
	while IFS=$'\t' read -r name letter arg subs flags _; do
		if [ -n "$sub" ] && [ "$subs" != '*' ] && [[ ,$subs, != *,$sub,* ]]; then
			continue
		fi
		case $name in
		-*)
			# a value that may be left out comes behind = alone
			[[ $arg != =* || -n $equals ]] || arg=-
			arg=${arg#=}
			[ "$name" != --tun ] || arg=IFACE
			if [ "$arg" != - ] && { [ "$prev" = "$name" ] || [ "$prev" = "$letter" ]; }; then
				_sapipe_value "$arg" "$cur"
				return 0
			fi
			if [ "$flags" = - ]; then
				for line in "${given[@]}"; do
					[ "$line" = "$name" ] || [ "$line" = "$letter" ] && continue 2
				done
			fi
			words+=("$name")
			;;
		'<'*) [ -n "$positional" ] || positional=$arg ;;
		*) commands+=("$name") ;;
		esac
	done <<<"$listing"
	local IFS=$'\n'
	if [[ $cur == -* ]]; then
		:
	elif [ -n "$has_subs" ] && [ -z "$sub" ]; then
		words=("${commands[@]}")
	elif [ -n "$positional" ]; then
		_sapipe_value "$positional" "$cur"
		return 0
	fi
	mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
}

complete -F _sapipe ike-initiate ike-respond esp-tun gre-tun nhrp-register nhrp-resolve nhrp-serve natd-probe dpd-ping vpnmon \
	login-file login-radius login-ldap skeyid-calc sa-show sa-stat ike-trace sapipe
