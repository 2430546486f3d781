#!/bin/sh
# Takes one feature, or everything, back to legacy. Needs a POSIX shell and curl; on the machine itself not even the
# admin port: then the latch is written into the state page, which every worker looks at before each decision.
#
#   rollback.sh [FEATURE]
#
# BANYAN_ADMIN       http://host:port of the admin port; default: what the running gateway noted in the state folder
# BANYAN_TOKEN       the token; or BANYAN_TOKEN_FILE; default: <state folder>/admin-token
# BANYAN_STATE_DIR   the state folder; default: var
# BANYAN_REASON      why, for the ledger
#
# Exit code: 0 done; 1 refused; 2 could not tell, or used wrongly (such as an unknown feature).
set -u

case ${1-} in
    -h | --help)
        sed -n '2,/^set -u/s/^# \{0,1\}//p' "$0"
        exit 0 ;;
esac

feature=${1-}
state=${BANYAN_STATE_DIR:-var}
user=$(id -un 2>/dev/null || id -u)
reason=${BANYAN_REASON-}
case $reason in *[![:space:]]*) ;; *) reason="rollback.sh, run by $user" ;; esac
LC_ALL=C
export LC_ALL

say() { printf '%s\n' "$*"; }
fail() {
    code=$1
    shift
    printf 'rollback.sh: %s\n' "$*" >&2
    exit "$code"
}

[ $# -le 1 ] || fail 2 "expected one feature, or nothing for everything; --help says more"
case $feature in -*) fail 2 "there is no option $feature; --help says more" ;; esac

known() { sed -n 's/^feature \(.*\) [0-9]*$/\1,/p' "$state/state.page.offsets" 2>/dev/null | tr '\n' ' ' | sed 's/, $//'; }

# Checked before anybody is asked: in an address `..` would mean everything, and so would an empty variable.
if [ $# -eq 1 ]; then
    case $feature in
        '' | [!a-z0-9]* | *[!a-z0-9_-]*) fail 2 "there is no feature '$feature'; known features: $(known)" ;;
    esac
    [ ${#feature} -le 64 ] || fail 2 "there is no feature of so long a name; known features: $(known)"
fi
refusal=

# A text as the inside of a JSON string: quotes and backslashes escaped, other control characters made spaces.
json() { printf '%s' "$1" | tr '\000-\037\177' ' ' | sed 's/[\\"]/\\&/g'; }

# The value of a text key in the gateway's note: "admin": "http://127.0.0.1:8081"
noted() { sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$state/runtime" 2>/dev/null | head -n 1; }

# What the admin port says in words: $body is a problem document.
detail() { say "$body" | sed "s/\\\\\"/'/g" | sed -n 's/.*"detail"[^"]*"\([^"]*\)".*/\1/p'; }

over_http() {
    admin=${BANYAN_ADMIN:-$(noted admin)}
    [ -n "$admin" ] && command -v curl >/dev/null 2>&1 || return 2
    if [ -z "${BANYAN_TOKEN-}" ]; then
        BANYAN_TOKEN=$(cat "${BANYAN_TOKEN_FILE:-$state/admin-token}" 2>/dev/null) || return 2
    fi
    path=/api/v1/rollback
    [ -z "$feature" ] || path=/api/v1/features/$feature/rollback
    curl -sS --noproxy '*' --connect-timeout 0.5 --max-time 0.5 -o /dev/null "$admin/healthz" 2>/dev/null || return 2
    # The token goes in by standard input: on a command line every user of the machine could read it.
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$BANYAN_TOKEN" | curl -sS --noproxy '*' --max-time 10 \
        -K - -X POST -H 'Content-Type: application/json' -w '\n%{http_code}' \
        --data-binary "{\"reason\": \"$(json "$reason")\", \"by\": \"$(json "$user")\"}" "$admin$path") || return 2
    status=${answer##*
}
    body=${answer%
*}
    case $status in
        200)
            # What is said of other machines must not pass for this one's.
            others=$(say "$body" | sed -n 's/.*"elsewhere"[[:space:]]*:[[:space:]]*\({[^}]*}\).*/\1/p')
            body=$(say "$body" | sed 's/"elsewhere"[[:space:]]*:[[:space:]]*{[^}]*}//')
            seconds=$(say "$body" | sed -n 's/.*"seconds"[[:space:]]*:[[:space:]]*\([0-9.eE+-]*\).*/\1/p')
            workers=$(say "$body" | sed -n 's/.*"workers"[[:space:]]*:[[:space:]]*\([0-9]*\).*/\1/p')
            say "${feature:-everything}: rolled back; $workers workers have it after $seconds s"
            case $others in *'"complete":false'*) say "not every other machine has confirmed it yet" ;; esac
            case $body in *'"complete":false'*) fail 2 "not every worker has confirmed it" ;; esac
            return 0 ;;
        409) fail 1 "$(detail)" ;;
        404 | 422) fail 2 "$(detail)" ;;
        # Whoever may write the page of this machine needs nobody's leave.
        *) refusal="the admin port answered $status: $(detail)"
            say "rollback.sh: the admin port answered $status; going on without it" >&2; return 2 ;;
    esac
}

offset() { sed -n 's/^'"$1"' \([0-9][0-9]*\)$/\1/p' "$state/state.page.offsets" | head -n 1; }

offset_of_feature() {
    while read -r kind name at; do
        if [ "$kind" = feature ] && [ "$name" = "$feature" ]; then say "$at"; fi
    done < "$state/state.page.offsets"
}

# $1 bytes in printf's octal notation, $2 where. conv=notrunc: the rest of the page stays; it is every worker's memory.
poke() { printf "%b" "$1" | dd of="$state/state.page" bs=1 seek="$2" conv=notrunc 2>/dev/null; }

# $2 bytes of the page from $1 on, as decimal numbers.
peek() { dd if="$state/state.page" bs=1 skip="$1" count="$2" 2>/dev/null | od -An -v -tu1; }

# The latch at $1, moved on to the next odd number: odd is rolled back, and who restores sees that it has moved.
latched() {
    number=$(peek "$1" 1)
    printf '\\0%03o' $(((number + 1 + number % 2) % 256))
}

# The latch stamp, which makes every worker look again: the number that is there, plus one; eight bytes, lowest first.
raised_stamp() {
    carry=1
    for byte in $(peek "$1" 8); do
        byte=$((byte + carry))
        carry=$((byte / 256))
        printf '\\0%03o' $((byte % 256))
    done
}

# The latch before the stamp: whoever sees the new stamp finds the latch.
roll_back() { poke "$(latched "$latch")" "$latch" && poke "$(raised_stamp "$stamp")" "$stamp"; }

on_this_machine() {
    [ -w "$state/state.page" ] && [ -r "$state/state.page.offsets" ] || {
        [ -z "$refusal" ] || fail 1 "$refusal"
        fail 2 "nobody answers on the admin port, and there is no state page in $state (BANYAN_STATE_DIR)"
    }
    stamp=$(offset stamp)
    if [ -n "$feature" ]; then latch=$(offset_of_feature); else latch=$(offset everything); fi
    [ -n "$stamp" ] || fail 2 "$state/state.page.offsets cannot be used"
    [ -n "$latch" ] || fail 2 "there is no feature '$feature'; known features: $(known)"
    roll_back || fail 2 "the state page cannot be written"
    # A restore that had looked just before may have overwritten it.
    [ $(($(peek "$latch" 1) % 2)) -eq 1 ] || roll_back || fail 2 "the state page cannot be written"
    [ $(($(peek "$latch" 1) % 2)) -eq 1 ] || fail 2 "the state page in $state does not hold what is written to it"
    say "${feature:-everything}: rolled back directly on this machine; it holds from each worker's next request on"
}

over_http || on_this_machine
