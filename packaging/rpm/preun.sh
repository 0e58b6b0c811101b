# $1 is the number of versions that stay: 0 at a removal, 1 at an update.
if [ "$1" = 0 ]; then
    if command -v update-alternatives >/dev/null; then
        update-alternatives --remove nc /usr/bin/adieu
    fi
    if [ -d /run/systemd/system ]; then
        systemctl stop 'adieu-relay@*' 'adieu-receive@*' >/dev/null || :
    fi
fi
