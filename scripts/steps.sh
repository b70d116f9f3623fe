# shellcheck shell=bash
# Numbered steps with one log, and the few ways in which these scripts install things. Sourced, never run.
#
#   begin LOG TOTAL          start a log; TOTAL steps will follow
#   step TEXT                say which step this is
#   run ADVICE COMMAND...    run with all output in the log; a failure prints the log's end and ADVICE, and ends the script
#   fail TEXT ADVICE         end the script with a plain message
#   install_packages NAME... Debian packages, only if missing
#   make_venv, pip_install   a virtual environment and what goes into it
#
# Messages go to stderr, so that a script's stdout belongs to what it starts.

readonly LOG_LINES_SHOWN=15
readonly APT_LOCK_WAIT_S=600 # a fresh machine's first unattended upgrade holds the lock for minutes

# What building and running edge-agent takes; flite is the local server's voice.
# shellcheck disable=SC2034  # used by the scripts that source this file
PACKAGES_RUN=(ca-certificates flite gcc libasound2-dev libc6-dev libopus0 libsystemd-dev pkg-config python3-dev python3-venv)

step_number=0
step_total=0
log=/dev/null
ticker=

say() { printf '%s\n' "$*" >&2; }

fail() { # fail TEXT ADVICE
    stop_ticker
    say ""
    say "${0##*/}: $1"
    say "Next step: $2"
    exit 1
}

begin() { # begin LOG TOTAL
    log=$1
    step_total=$2
    step_number=0
    { mkdir -p "$(dirname "$log")" && : >"$log"; } 2>/dev/null ||
        fail "can't write $log" "run this as the owner of $(dirname "$log"), or as root"
    trap stop_ticker EXIT
    trap interrupted INT
}

interrupted() { # Ctrl-C is no failure of the step that it ends
    trap - INT
    stop_ticker
    say ""
    say "${0##*/}: interrupted; run this again to go on"
    kill -INT $$
}

step() { # step TEXT
    step_number=$((step_number + 1))
    say "[$step_number/$step_total] $1"
    printf '\n=== [%s/%s] %s\n' "$step_number" "$step_total" "$1" >>"$log"
}

start_ticker() { # counts the seconds of a long step, on a terminal only
    [[ -t 2 ]] || return 0
    (while sleep 1; do printf '\r      %d s ' "$((SECONDS - $1))" >&2; done) 9>&- &
    ticker=$!
}

stop_ticker() {
    [[ -n $ticker ]] || return 0
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    ticker=
    printf '\r\033[K' >&2
}

logged() { # logged COMMAND...: returns its status
    local status=0 started=$SECONDS
    printf '$ %s\n' "$*" >>"$log"
    start_ticker "$started"
    "$@" >>"$log" 2>&1 </dev/null 9>&- || status=$?
    stop_ticker
    printf -- '--- status %s after %s s\n' "$status" "$((SECONDS - started))" >>"$log"
    return "$status"
}

run() { # run ADVICE COMMAND...
    local advice=$1 status=0
    shift
    logged "$@" || status=$?
    [[ $status -eq 0 ]] && return
    say ""
    tail -n "$LOG_LINES_SHOWN" "$log" | sed 's/^/      | /' >&2
    fail "step $step_number failed (status $status); everything it printed is in $log" "$advice"
}

require_supported_machine() {
    [[ $(getconf LONG_BIT) == 64 ]] ||
        fail "this is a 32-bit system" "install the 64-bit edition of Debian 12/13 or Raspberry Pi OS"
    command -v apt-get >/dev/null ||
        fail "apt-get is missing: this is not Debian or Raspberry Pi OS" "use Debian 12/13 or Raspberry Pi OS"
}

as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

missing_packages() { # missing_packages NAME...: prints those that are not installed
    local name
    for name in "$@"; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || echo "$name"
    done
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet \
        -o DPkg::Lock::Timeout="$APT_LOCK_WAIT_S" -o Acquire::Retries=3 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

apt_update() { # the lists have a lock of their own, for which apt-get doesn't wait
    local attempt
    for attempt in 1 2 3 4 5 6; do
        [[ $attempt -eq 1 ]] || sleep 10
        apt_get update && return
    done
    return 1
}

install_packages() { # install_packages NAME...: fetches the package lists only if the first try fails
    local packages advice
    mapfile -t packages < <(missing_packages "$@")
    [[ ${#packages[@]} -gt 0 ]] || return 0
    if [[ $EUID -ne 0 ]]; then
        command -v sudo >/dev/null ||
            fail "these packages are missing and there is no sudo: ${packages[*]}" \
                "as root: apt-get install ${packages[*]}; then run this again"
        sudo true || fail "sudo refused" "run this again as root, or as a user who may use sudo"
    fi
    say "      ${packages[*]}"
    logged apt_get install --no-install-recommends "${packages[@]}" && return
    run "check the network connection and the clock (date), then run this again" apt_update
    advice="check the network connection and the free space (df -h /), run 'dpkg --configure -a' as root, then run this again"
    run "$advice" apt_get install --no-install-recommends "${packages[@]}"
}

wants_system_lgpio() { # the GPIO library has no wheel for Python >= 3.13; Raspberry Pi OS packages it
    local python=$1
    [[ $(uname -m) == aarch64 ]] || return 1
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 13))' || return 1
    apt-cache show python3-lgpio >/dev/null 2>&1
}

make_venv() { # make_venv PYTHON DIRECTORY: makes it, or brings an existing one in line
    local python=$1 directory=$2 options=() version
    version=$("$python" -c 'import sys; print(sys.version.split()[0])')
    if wants_system_lgpio "$python"; then
        install_packages python3-lgpio
        options+=(--system-site-packages)
    fi
    grep -qsx "version = $version" "$directory/pyvenv.cfg" && [[ -x $directory/bin/pip ]] || options+=(--clear)
    run "free some space (df -h), then run this again" "$python" -m venv "${options[@]}" "$directory"
}

pip_install() { # pip_install VENV ARGUMENT...: exactly what the lock names, from anywhere the machine's own pip settings say
    local venv=$1
    shift
    run "check the network connection and the clock (date), then run this again; what is there already is kept" \
        env -u PYTHONPATH -u PYTHONHOME PIP_USER=0 "$venv/bin/python" -m pip install --no-input --disable-pip-version-check \
        --progress-bar off --no-build-isolation "$@"
}

digest_of() { # digest_of TEXT FILE...: one value for the text, and the names and contents of the files
    local text=$1
    shift
    { printf '%s\n' "$text"; sha256sum "$@"; } | sha256sum | cut -d' ' -f1
}
