#!/bin/sh
# Writes fresh secrets to .env beside docker-compose.yml; refuses to replace secrets that are there.
set -eu
file="$(dirname "$0")/../../.env"
if [ -e "$file" ]; then
    echo "$file exists; its secrets open the data that they made, so it is left alone." >&2
    exit 1
fi
random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
{
    echo "TOLLWAY_MASTER_KEY=sk-$(random 24)"
    echo "TOLLWAY_SECRET=$(random 32)"
    echo "TOLLWAY_ENCRYPTION_KEY=$(random 32)"
    echo "TOLLWAY_DEMO_KEY=sk-$(random 16)"
    echo "MONGO_ROOT_PASSWORD=$(random 24)"
    echo "MONGO_TOLLWAY_PASSWORD=$(random 24)"
    echo "MONGO_KEYFILE=$(random 48)"
    for user in TOLLWAY EDGE AUTH GUARDRAILS ROUTER BILLING ADMIN PASSTHROUGH OPERATOR; do
        echo "NATS_PASSWORD_$user=$(random 24)"
    done
} > "$file"
echo "wrote $file"
