#!/bin/sh
# Starts a gateway in the first slot of /data that no other container holds: each has a spool of its own, on a volume that
# outlives it. The kernel's lock on the slot ends with the process, so whoever starts next drains what was left there.
# A spool of before there were slots is taken by the first slot that is free and has none.
set -eu
slots=${GATEWAY_SLOTS:-16}
root=${GATEWAY_ROOT:-/data}
n=1
while [ "$n" -le "$slots" ]; do
  mkdir -p "$root/$n"
  exec 9>"$root/$n/slot"
  if flock -n 9; then
    if [ -d "$root/spool" ]; then
      if [ ! -e "$root/$n/spool" ] && mv "$root/spool" "$root/$n/spool" 2>/dev/null; then
        echo "the spool $root/spool of an earlier version is drained as $root/$n/spool" >&2
      else
        echo "nothing drains $root/spool: it is of an earlier version, and $root/$n has a spool. End the gateways, move $root/spool to the spool of a slot that has none, as $root/$slots/spool, and start as many gateways" >&2
      fi
    fi
    export FIRN_DATA_DIR="$root/$n" FIRN_GATEWAY_SPOOL_DIR="$root/$n/spool"
    exec node "${1:-gateway/main.ts}"
  fi
  n=$((n + 1))
done
echo "all $slots slots under $root are held by other gateways: end one, or raise GATEWAY_SLOTS" >&2
exit 1
