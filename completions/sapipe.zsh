#compdef ike-initiate ike-respond esp-tun gre-tun nhrp-register nhrp-resolve nhrp-serve natd-probe dpd-ping vpnmon login-file login-radius login-ldap skeyid-calc sa-show sa-stat ike-trace sapipe
# zsh completion for every tool of sapipe, from the tool's own option listing; a tool that does
# not answer completes nothing.

# The words of proposals, as in sapipe.bash.
_sapipe_proposals() {
	local -a words
	words=(aes128 aes192 aes256 aes128gcm16 aes192gcm16 aes256gcm16 aes128gcm12 aes192gcm12 aes256gcm12 aes128gcm8
		aes192gcm8 aes256gcm8 aes128ctr aes192ctr aes256ctr chacha20poly1305 3des des null sha1 sha256 sha384
		sha512 aesxcbc md5 sha256_96 modp2048 modp3072 modp4096 modp6144 modp8192 ecp256 ecp384 ecp521 curve25519
		modp1536 modp1024 modp768 modp1024s160 modp2048s224 modp2048s256 esn)
	compset -P '*[,-]'
	compadd -S '' -a words
}

# What completes a value of that kind: fixed words are in small letters.
_sapipe_action() {
	local -a fixed
	fixed=(${(M)${(s:|:)1}:#[a-z0-9][a-z0-9-]#})
	case $1 in
	*PROPOSALS*) REPLY=_sapipe_proposals ;;
	*FILE*|*SA*|*CAPTURE*|*PCAP*|*.pcap*|*CMD*) REPLY=_files ;;
	*IFACE*) REPLY='compadd -- /sys/class/net/*(N:t)' ;;
	*TUNNEL*) REPLY='compadd -- ${(f)"$(sapipe list 2>/dev/null)"}' ;;
	*DIR*) REPLY='_files -/' ;;
	*PEER*|*HOST*|*DEST*) REPLY=_hosts ;;
	*) REPLY=' ' ;;
	esac
	(( $#fixed )) && [[ $REPLY == ' ' ]] && REPLY="($fixed)"
}

_sapipe() {
	setopt localoptions extendedglob
	local listing line sub= REPLY text star
	local -a lines f specs subs

	listing=$($words[1] --list-options 2>/dev/null </dev/null) || return 1
	lines=("${(@f)listing}")
	for line in $lines; do
		f=("${(@ps:\t:)line}")
		[[ $f[2]$f[3]$f[4]$f[5] == ---- ]] || continue
		subs+=("$f[1]:$f[6]")
		[[ -z $sub && -n ${words[(r)$f[1]]} ]] && sub=$f[1]
	done
	for line in $lines; do
		f=("${(@ps:\t:)line}")
		[[ -n $sub && $f[4] != '*' && ,$f[4], != *,$sub,* ]] && continue
		text=${f[6]//(#m)[\[\]:\\]/\\$MATCH}
		star=
		[[ $f[5] == *repeat* ]] && star='*'
		case $f[1] in
		-*)
			[[ $f[1] == --tun ]] && f[3]=IFACE
			_sapipe_action ${f[3]#=}
			if [[ $f[3] == '='* ]]; then
				# a value that may be left out comes behind = alone
				specs+=("$star$f[1]=-[$text]::${${f[3]#=}//:/\\:}:$REPLY")
			elif [[ $f[3] == - ]]; then
				specs+=("$star$f[1][$text]")
				[[ $f[2] != - ]] && specs+=("$star$f[2][$text]")
			else
				specs+=("$star$f[1]=[$text]:${f[3]//:/\\:}:$REPLY")
				[[ $f[2] != - ]] && specs+=("$star$f[2]+[$text]:${f[3]//:/\\:}:$REPLY")
			fi
			;;
		\<*)
			_sapipe_action $f[3]
			specs+=("$star:${f[3]//:/\\:}:$REPLY")
			;;
		esac
	done
	if (( $#subs )) && [[ -z $sub ]]; then
		if [[ $PREFIX != -* ]]; then
			_describe command subs
			return
		fi
		specs=(${specs:#(\*|):*})
	elif (( $#subs )); then
		specs=(": :($sub)" $specs)
	fi
	_arguments -S $specs
}

_sapipe "$@"
