#!/bin/sh
# Makes the secrets that compose.yaml reads, each once; what exists is left alone. The folder keeps others out; the files in it must
# be readable for the containers' users.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets

word() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
keep() { # name, content
  [ -s "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"
  chmod 644 "secrets/$1"
}

keep postgres_password "$(word)"
keep redis_password "$(word)"
keep turn_secret "$(word)"
keep hearthline_secret_key "$(word)$(word)"
keep metrics_token "$(word)"
keep freeswitch_event_password "$(word)"
keep freeswitch_lines_key "$(word)"
keep hearthline_database_url "postgresql://hearthline:$(cat secrets/postgres_password)@127.0.0.1:5432/hearthline"
keep hearthline_redis_url "redis://:$(cat secrets/redis_password)@127.0.0.1:6379/0"
keep redis.conf "bind * -::*
requirepass $(cat secrets/redis_password)
appendonly yes
appendfsync everysec
maxmemory 512mb
maxmemory-policy noeviction
dir /data
"
