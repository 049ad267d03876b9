#!/bin/bash
# An installation as an admin has it: scripts/install in place, svscan over the service
# directories, mail in and out, svc. Runs as root in a mount, network and process namespace of its
# own (tests/suite/install.rs): what it writes to /etc, /var and /home is gone afterwards, port 25
# is free.
set -eu
top=$1

step() { echo "step: $*"; }
fail() {
	echo "FAILED: $*"
	tail -n 30 /var/log/qmail/current /var/log/qmail/smtpd/current 2>/dev/null || true
	exit 1
}
# until COMMAND... : looks every 50 ms for at most 30 s
until_true() {
	local tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || fail "waited in vain for: $*"
		sleep 0.05
	done
}
entries() { find "$1" -mindepth 1 -maxdepth 1 | wc -l; }
logged() { grep -q -- "$1" /var/log/qmail/current; }
count() { grep -c -- "$1" /var/log/qmail/current || true; }
arrived() { grep -rlq -- "^Subject: $1\$" /home/alice/Maildir/new; }
as_alice() { setpriv --reuid=6001 --regid=6001 --clear-groups env HOME=/home/alice USER=alice "$@"; }
send_mail() { printf 'To: %s\nSubject: %s\n\nhello\n' "$1" "$2" | as_alice /var/qmail/bin/qmail-inject; }

# --- the machine -------------------------------------------------------------------------------
# Overlays, since the source tree may itself be below one of these.
mount -t tmpfs -o mode=755 tmpfs /mnt
for dir in etc var home; do
	mkdir -p "/mnt/$dir/upper" "/mnt/$dir/work"
	mount -t overlay overlay \
		-o "lowerdir=/$dir,upperdir=/mnt/$dir/upper,workdir=/mnt/$dir/work" "/$dir"
done
rm -rf /var/qmail /var/log/qmail /var/service /home/alice
mount -t proc proc /proc
ip link set lo up
echo 'alice:x:6001:6001::/home/alice:/bin/sh' >>/etc/passwd
echo 'alice:x:6001:' >>/etc/group
mkdir -p /home/alice/Maildir/tmp /home/alice/Maildir/new /home/alice/Maildir/cur
chown -R 6001:6001 /home/alice

step install
"$top/scripts/install" --hostname mx.test.example --profile debug >/mnt/installed 2>&1 ||
	{ cat /mnt/installed; fail install; }
grep -q 'ln -s /var/qmail/supervise/qmail-send' /mnt/installed || fail "no word on how to start it"

step owners
wrong=0
while read -r type path owner group mode count; do
	case $type in d | f | p | x) ;; *) continue ;; esac
	found=$(stat -c '%U %G %a' "/var/qmail/$path")
	if [ "$found" != "$owner $group ${mode#0}" ]; then
		echo "/var/qmail/$path is $found, not $owner $group $mode"
		wrong=1
	fi
	[ "$type" != d ] || [ -z "$count" ] || [ "$(entries "/var/qmail/$path")" = "$count" ] ||
		fail "$path is not split in $count"
done <"$top/queue-layout/hier"
[ "$wrong" = 0 ] || fail owners
[ "$(stat -c '%U %G' /var/log/qmail)" = "qmaill nofiles" ] || fail "the log's owner"

step start
mkdir /var/service
ln -s /var/qmail/supervise/qmail-send /var/qmail/supervise/qmail-smtpd /var/service/
svscan /var/service >/mnt/svscan 2>&1 &
until_true logged 'status: local 0/10 remote 0/20'
until_true svok /var/service/qmail-smtpd

step inject
send_mail alice@mx.test.example injected
until_true arrived injected
until_true logged 'end msg'
echo "log:"
tai64nlocal </var/log/qmail/current | grep -v 'status: local 0' | head -n 6
[ "$(ps -o user= -p "$(pgrep -x qmail-send)")" = qmails ] || fail "qmail-send's account"
[ "$(ps -o user= -p "$(pgrep -x qmail-clean)")" = qmailq ] || fail "qmail-clean's account"
[ "$(ps -o user= -p "$(pgrep -x qmail-rspawn)")" = qmailr ] || fail "qmail-rspawn's account"
[ "$(ps -o user= -p "$(pgrep -x qmail-lspawn)")" = root ] || fail "qmail-lspawn's account"
[ "$(stat -c '%U %a' /home/alice/Maildir/new/*)" = "alice 600" ] || fail "the mail's owner"

step smtp
smtp() { # smtp RECIPIENT SUBJECT
	exec 3<>/dev/tcp/127.0.0.1/25
	printf 'HELO me\r\nMAIL FROM:<a@far.example>\r\nRCPT TO:<%s>\r\nDATA\r\nSubject: %s\r\n\r\nhello\r\n.\r\nQUIT\r\n' \
		"$1" "$2" >&3
	timeout 30 cat <&3
	exec 3<&-
}
until_true bash -c 'exec 3<>/dev/tcp/127.0.0.1/25'
smtp alice@mx.test.example by-smtp | grep -q '^250 ok [0-9]* qp' || fail "no acknowledgement"
until_true arrived by-smtp
smtp bob@elsewhere.example relayed | grep -q '^553 ' || fail "an open relay"
[ "$(ps -o user= -p "$(pgrep -x qmail-tcpserver)")" = qmaild ] || fail "the listener's account"
grep -q 'invoked from network' /home/alice/Maildir/new/* || fail "who invoked qmail-queue"

step postmaster
send_mail postmaster@mx.test.example for-postmaster
until_true grep -rlq 'Subject: for-postmaster' /var/qmail/alias/Maildir/new

step "svc -h"
echo second.example >>/var/qmail/control/locals
svc -h /var/service/qmail-send
# supervise passes the signal on in its own time; what is sent before it arrives goes elsewhere.
heard() { send_mail alice@second.example after-hup && sleep 0.2 && arrived after-hup; }
until_true heard

step "svc -a"
chmod 1755 /home/alice
send_mail alice@mx.test.example after-alarm
until_true logged 'deferral: .*sticky'
chmod 0755 /home/alice
svc -a /var/service/qmail-send
until_true arrived after-alarm

step "install refuses while it runs"
code=0
"$top/scripts/install" --hostname mx.test.example --profile debug >/mnt/refused 2>&1 || code=$?
[ "$code" = 111 ] || fail "install went on ($code)"
grep -q 'qmail-send is running' /mnt/refused || fail "install does not say why"

step "svc -t"
before=$(pgrep -x qmail-send)
svc -t /var/service/qmail-send
until_true logged 'status: exiting'
restarted() { pgrep -x qmail-send | grep -qvx "$before"; }
until_true restarted
send_mail alice@mx.test.example after-term
until_true arrived after-term

step "svc -d"
svc -d /var/service/qmail-send
until_true bash -c 'svstat /var/service/qmail-send | grep -q ": down"'
[ -z "$(pgrep -x 'qmail-(send|clean|lspawn|rspawn)')" ] || fail "somebody still runs"
send_mail alice@mx.test.example while-down
[ "$(entries /var/qmail/queue/todo)" = 1 ] || fail "the queue does not hold the mail"

step "install again"
echo mine >/var/qmail/control/me
"$top/scripts/install" --hostname other.example --profile debug >/mnt/again 2>&1 ||
	{ cat /mnt/again; fail "second install"; }
[ "$(cat /var/qmail/control/me)" = mine ] || fail "a control file was overwritten"
echo mx.test.example >/var/qmail/control/me
[ "$(entries /var/qmail/queue/todo)" = 1 ] || fail "the queue was touched"

step "svc -u"
svc -u /var/service/qmail-send
until_true arrived while-down

step stop
svc -dx /var/service/qmail-send /var/service/qmail-smtpd
rm /var/service/*
gone() { ! pgrep -x 'qmail-send|qmail-tcpserver'; }
until_true gone
[ "$(count 'oh no')" = 0 ] || fail "a daemon was lost"

step uninstall
"$top/scripts/uninstall" >/mnt/uninstalled || { cat /mnt/uninstalled; fail uninstall; }
[ ! -e /var/qmail/bin/qmail-queue ] || fail "programs are left"
[ ! -e /var/qmail/supervise ] || fail "services are left"
[ -d /var/qmail/queue/mess/22 ] || fail "the queue is gone"
[ -e /var/qmail/control/me ] || fail "a control file is gone"
[ -e /var/qmail/alias/.qmail-root ] || fail "alias is gone"
echo "all steps done"
