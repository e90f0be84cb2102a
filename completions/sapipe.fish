# fish completion for every tool of sapipe, from the tool's own option listing; a tool that does
# not answer completes nothing.

# Candidates for a value of that kind; fixed words are in small letters.
function __sapipe_value -a kind before cur
    for part in (string split '|' -- $kind)
        string match -qr '^[a-z0-9][a-z0-9-]*$' -- $part; and echo $before$part
    end
    switch $kind
        case '*PROPOSALS*'
            # the words of proposals, as in sapipe.bash
            set -l words aes128 aes192 aes256 aes128gcm16 aes192gcm16 aes256gcm16 aes128gcm12 aes192gcm12 aes256gcm12 aes128gcm8 \
                aes192gcm8 aes256gcm8 aes128ctr aes192ctr aes256ctr chacha20poly1305 3des des null sha1 sha256 sha384 \
                sha512 aesxcbc md5 sha256_96 modp2048 modp3072 modp4096 modp6144 modp8192 ecp256 ecp384 ecp521 curve25519 \
                modp1536 modp1024 modp768 modp1024s160 modp2048s224 modp2048s256 esn
            set -l done (string replace -r '[^,-]*$' '' -- $cur)
            for word in $words
                echo $before$done$word
            end
        case '*FILE*' '*SA*' '*CAPTURE*' '*PCAP*' '*.pcap*' '*CMD*'
            for path in (__fish_complete_path $cur)
                echo $before$path
            end
        case '*IFACE*'
            for name in (command ls /sys/class/net)
                echo $before$name
            end
        case '*TUNNEL*'
            for name in (sapipe list 2>/dev/null)
                echo $before$name
            end
        case '*DIR*'
            for path in (__fish_complete_directories $cur '')
                echo $before$path
            end
        case '*PEER*' '*HOST*' '*DEST*'
            for host in (__fish_print_hostnames)
                echo $before$host
            end
    end
end

function __sapipe
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    command -q $words[1]; or return 0
    set -l listing ($words[1] --list-options 2>/dev/null </dev/null)
    or return 0
    set -l prev $words[-1]
    set -l before ''
    set -l equals ''
    if string match -qr '^--[^=]+=' -- $cur
        set prev (string replace -r '=.*' '' -- $cur)
        set before $prev=
        set equals 1
        set cur (string replace -r '^[^=]*=' '' -- $cur)
    end
    set -l sub ''
    set -l has_subs ''
    for line in $listing
        set -l f (string split \t -- $line)
        test "$f[2]$f[3]$f[4]$f[5]" = ----; or continue
        set has_subs 1
        test -z "$sub"; and contains -- $f[1] $words[2..]; and set sub $f[1]
    end
    set -l candidates
    set -l positional ''
    for line in $listing
        set -l f (string split \t -- $line)
        if test -n "$sub"; and test "$f[4]" != '*'
            contains -- $sub (string split , -- $f[4]); or continue
        end
        switch $f[1]
            case '-*'
                test $f[1] = --tun; and set f[3] IFACE
                # a value that may be left out comes behind = alone
                if string match -q '=*' -- $f[3]; and test -z "$equals"
                    set f[3] -
                end
                if test "$f[3]" != -; and contains -- $prev $f[1] $f[2]
                    __sapipe_value (string replace -r '^=' '' -- $f[3]) $before $cur
                    return 0
                end
                if test "$f[5]" = -; and contains -- $f[1] $words
                    continue
                end
                set -a candidates $f[1]\t$f[6]
            case '<*'
                test -n "$positional"; or set positional $f[3]
            case '*'
                test -n "$sub"; or set -a candidates $f[1]\t$f[6]
        end
    end
    if string match -q -- '-*' $cur
        printf '%s\n' $candidates
    else if test -n "$has_subs"; and test -z "$sub"
        string match -v -- '-*' $candidates
    else if test -n "$positional"
        __sapipe_value $positional '' $cur
    end
    return 0
end

for tool in ike-initiate ike-respond esp-tun gre-tun nhrp-register nhrp-resolve nhrp-serve natd-probe dpd-ping vpnmon login-file login-radius login-ldap skeyid-calc sa-show sa-stat ike-trace sapipe
    complete -c $tool -f -a '(__sapipe)'
end
