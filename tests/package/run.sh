#!/usr/bin/env bash
# The Debian package, as an operator meets it: tests/package/run.sh
#
# Builds it, installs a version before it, lets that relay take a message that it cannot deliver yet, upgrades, delivers the
# message, removes and purges. As root, on a machine that may be changed: it installs a package, adds a user, and removes both.
# Needs debhelper, swaks and what building the relay needs. Where systemd does not run, the relay is started as its unit says:
# its user, its one capability, and a socket on which it tells that it is ready.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly ROOT=$PWD
readonly WORK=$(mktemp -d)
readonly PORT=2625 NEXT_HOP=2626
export DEBIAN_FRONTEND=noninteractive

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# claim TEXT COMMAND...: the command must succeed.
claim() {
  local text=$1
  shift
  "$@" >"$WORK/claim" 2>&1 || {
    cat "$WORK/claim" >&2
    fail "$text"
  }
  echo "ok: $text"
}

# within SECONDS COMMAND...: until it succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

clean_up() {
  jobs -p | xargs --no-run-if-empty kill 2>/dev/null || true
  pkill -TERM -u mm4relay -x mm4relay 2>/dev/null || true
  dpkg --purge mm4relay >/dev/null 2>&1 || true
  rm -rf "$WORK"
}
trap clean_up EXIT

[[ $(id -u) == 0 ]] || fail 'root is needed: a package is installed'
[[ ! -e /etc/mm4relay && ! -e /var/lib/mm4relay ]] || fail 'a relay is installed on this machine already: /etc/mm4relay or /var/lib/mm4relay is there'

build() {
  (cd host/program && dpkg-buildpackage --build=binary --no-sign -d) >"$WORK/build.log" 2>&1 || {
    tail -40 "$WORK/build.log" >&2
    fail 'the package cannot be built'
  }
  mkdir -p target/debian
  mv host/mm4relay*_*.deb target/debian/
  rm -f host/mm4relay_*.buildinfo host/mm4relay_*.changes
}

# The same content under an earlier version: there is no release before the first one.
make_earlier() {
  dpkg-deb -R "$NEW" "$WORK/earlier"
  sed -i 's/^Version: .*/Version: 0.0.9/' "$WORK/earlier/DEBIAN/control"
  dpkg-deb --build --root-owner-group "$WORK/earlier" "$WORK/mm4relay_0.0.9.deb" >/dev/null
}

configure() {
  cat >/etc/mm4relay/relay.toml <<TOML
include = ["conf.d/*.toml"]

[relay]
name = "relay.mms.example"
domains = ["mms.mnc001.mcc999.gprs"]
listen = ["127.0.0.1:$PORT", "127.0.0.1:25"]
spool = "/var/lib/mm4relay/spool"
TOML
  cat >/etc/mm4relay/conf.d/10-peers.toml <<TOML
[[peer]]
name = "operator-a"
domains = ["mms.mnc003.mcc999.gprs"]
hosts = ["127.0.0.1:9"]
from = ["127.0.0.1"]

[[peer]]
name = "operator-b"
domains = ["mms.mnc002.mcc999.gprs"]
hosts = ["127.0.0.1:$NEXT_HOP"]
retry = { first = "1 s" }
TOML
  cat >/etc/mm4relay/conf.d/20-plugins.toml <<TOML
[[plugin]]
name = "charging"
file = "/usr/share/mm4relay/plugins/charging.wasm"
grants = ["charging"]
TOML
}

# As the unit starts it, with a service manager that listens.
start() {
  python3 - "$WORK/notify" "$WORK/told" <<'PY' &
import os, socket, sys
path, told = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if os.path.exists(path):
    os.unlink(path)
listener.bind(path)
os.chmod(path, 0o777)
while True:
    with open(told, "ab", buffering=0) as file:
        file.write(listener.recv(4096) + b"\n")
PY
  chmod 755 "$WORK"
  within 5 test -S "$WORK/notify" || fail 'no socket to tell'
  : >"$WORK/told"
  env NOTIFY_SOCKET="$WORK/notify" WATCHDOG_USEC=3000000 \
    setpriv --reuid mm4relay --regid mm4relay --clear-groups --no-new-privs \
    --inh-caps -all,+net_bind_service --ambient-caps -all,+net_bind_service --bounding-set -all,+net_bind_service \
    /usr/bin/mm4relay run --config /etc/mm4relay/relay.toml >"$WORK/out" 2>>"$WORK/log" &
  relay=$!
  within 120 grep -q '^READY=1' "$WORK/told" || {
    cat "$WORK/log" >&2
    fail 'the relay does not say that it is ready'
  }
}

stop() {
  kill -TERM "$relay"
  wait "$relay" || fail 'the relay does not end well'
  grep -q '^STOPPING=1' "$WORK/told" || fail 'the relay does not say that it stops'
}

# What waits for the next hop, as the relay's own door says it: a command that fails is no empty queue.
queue_of_next_hop() {
  mm4relay queue list --config /etc/mm4relay/relay.toml --peer operator-b
}

queue_holds_one() {
  local queue
  queue=$(queue_of_next_hop) && grep -q 'operator-b  waiting' <<<"$queue"
}

queue_is_empty() {
  local queue
  queue=$(queue_of_next_hop) && grep -q '^no such message in the queue' <<<"$queue"
}

build
readonly NEW=$(ls target/debian/mm4relay_*.deb)
make_earlier
size=$(stat -c %s "$NEW")
echo "package: $((size / 1000000)) MB, installed program: $(dpkg-deb --fsys-tarfile "$NEW" | tar -tv ./usr/bin/mm4relay | awk '{print int($3 / 1000000)}') MB"

claim 'the version before can be installed' dpkg -i "$WORK/mm4relay_0.0.9.deb"
claim 'the program says its version and its commit' bash -c "mm4relay --version | grep -Eq '^mm4relay [0-9.]+ \\([0-9a-f]{7,}'"
claim 'its page of the manual is there' test -s /usr/share/man/man1/mm4relay-queue.1.gz
claim 'bash completes its commands' bash -c 'source /usr/share/bash-completion/completions/mm4relay && complete -p mm4relay'
claim 'nobody else can look into the folder of its spool' test "$(stat -c '%U %a' /var/lib/mm4relay)" = 'mm4relay 700'
claim 'the configuration that it comes with is right' setpriv --reuid mm4relay --regid mm4relay --clear-groups mm4relay check --config /etc/mm4relay/relay.toml
claim 'systemd understands the unit' systemd-analyze verify /lib/systemd/system/mm4relay.service
claim 'systemd finds the unit well confined' systemd-analyze security --offline=yes --threshold=25 /lib/systemd/system/mm4relay.service

configure
mm4relay sample list | awk 'NR == 1 { print $1 }' >"$WORK/name"
claim 'a message to test with comes with the program' mm4relay sample write "$(<"$WORK/name")" --to "$WORK/sample"
claim 'a configuration in several files is right' setpriv --reuid mm4relay --regid mm4relay --clear-groups mm4relay check --config /etc/mm4relay/relay.toml
start
claim 'it listens on port 25 without being root' grep -q 'listening on 127.0.0.1:25' "$WORK/out"
claim 'it says again and again that it lives' within 10 grep -q '^WATCHDOG=1' "$WORK/told"
# Without POSIXLY_CORRECT, a number's plus sign begins an option.
claim 'a message is taken' env POSIXLY_CORRECT=1 swaks --silent 2 --server 127.0.0.1:25 --from +15555550100/TYPE=PLMN@mms.mnc003.mcc999.gprs \
  --to +15555550199/TYPE=PLMN@mms.mnc002.mcc999.gprs --data "@$WORK/sample/message.eml"
claim 'and waits, because its next hop is down' within 10 queue_holds_one
: >"$WORK/told"
kill -HUP "$relay"
claim 'a reload is told, and its end' within 60 bash -c "grep -q '^RELOADING=1' '$WORK/told' && grep -q '^READY=1' '$WORK/told'"
stop

claim 'it can be upgraded' dpkg -i "$NEW"
claim 'the configuration is as the operator wrote it' grep -q "127.0.0.1:$PORT" /etc/mm4relay/relay.toml
"$ROOT/target/release/mm4relay" peer --listen "127.0.0.1:$NEXT_HOP" >"$WORK/peer" 2>&1 &
peer=$!
start
claim 'what the version before took is delivered' within 60 queue_is_empty
stop
kill "$peer"

claim 'it can be removed' dpkg -r mm4relay
claim 'a removal leaves spool and configuration' test -e /var/lib/mm4relay/spool -a -e /etc/mm4relay/relay.toml
claim 'it can be purged' dpkg --purge mm4relay
claim 'a purge takes the configuration that came with it' test ! -e /etc/mm4relay/relay.toml
claim 'and conf.d with it' test ! -e /etc/mm4relay
claim 'and leaves what holds messages' test -e /var/lib/mm4relay/spool
rm -rf /var/lib/mm4relay /etc/mm4relay
deluser --quiet mm4relay >/dev/null 2>&1 || true
echo 'passed'
