# The world of one block of commands, in namespaces of its own: sh world.sh DIRECTORY. See tests/recipes.rs.
#
# DIRECTORY has: hosts, the names of the world; bin/, the programs that the recipes name; work/, where they run; home/; and
# steps/, the lines in their order. A step *.serve listens and is started in the background; the next one replaces it. A step
# *.world does so too and stays. A step *.default stays until the first *.serve. Any other step runs to its end, which is to
# have the exit status in the file *.status.
set -eu
world=$1

ip link set lo up
ip address add 192.0.2.1/32 dev lo

# An /etc without the machine's own services, and nothing in the folders that recipes write to.
mkdir -p "$world/etc/systemd/system" "$world/etc/alternatives"
for name in passwd group services protocols ld.so.cache ld.so.conf alternatives/nc alternatives/awk; do
    if [ -e "/etc/$name" ]; then cp -a "/etc/$name" "$world/etc/$name"; fi
done
cp "$world/hosts" "$world/etc/hosts"
echo 'hosts: files' > "$world/etc/nsswitch.conf"
mount --bind "$world/etc" /etc
for folder in /srv /run /var/log; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /var/log/adieu /srv/backups /srv/copies /etc/adieu
echo 'a passphrase of many words' > /etc/adieu/secret
chmod 600 /etc/adieu/secret

PATH=$world/bin:$PATH HOME=$world/home SSL_CERT_FILE=$world/ca.pem WORLD=$world
export PATH HOME SSL_CERT_FILE WORLD
cd "$world/work"

listeners() { cat /proc/net/tcp /proc/net/tcp6 | grep -c ' 0A ' || true; }

fail() {
    echo "$(cat "$1")"
    echo "$2"
    cat "$1.said"
    exit 1
} >&2

# Starts a step and waits until it listens.
start() {
    before=$(listeners)
    setsid sh "$1" < /dev/null > "$1.out" 2> "$1.said" &
    started=$!
    tries=0
    until grep -q 'listening on' "$1.said" 2> /dev/null || [ "$(listeners)" -gt "$before" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ] || ! kill -0 "$started" 2> /dev/null; then fail "$1" 'does not listen:'; fi
        sleep 0.05
    done
}

# Whether a process of this group lives.
lives() { cat /proc/[0-9]*/stat | awk -v group="$1" '$3 != "Z" && $5 == group { found = 1 } END { exit !found }'; }

# Stops the group of a process, and waits for the end of all that are in it: who is left would still listen.
stop() {
    for process in $1; do
        kill -s TERM -- "-$process" || true
        wait "$process" || true
        while lives "$process"; do sleep 0.01; done
    done
} 2> /dev/null

defaults=''
serving=''
for step in "$world"/steps/*; do
    case $step in
        *.default) start "$step"; defaults="$defaults $started" ;;
        *.world) start "$step" ;;
        *.serve) stop "$defaults $serving"; defaults=''; start "$step"; serving=$started ;;
        *.run)
            status=0
            timeout 60 sh -e "$step" < /dev/null > "$step.out" 2> "$step.said" || status=$?
            if [ "$status" != "$(cat "${step%.run}.status")" ]; then fail "$step" "exit status $status:"; fi
            ;;
    esac
done
