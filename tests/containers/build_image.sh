#!/usr/bin/env bash
# Build a Docker image of Debian's PostgreSQL 15 without an image registry: debootstrap fills a
# folder from Debian's packages, docker import makes an image of it.
#
#     build_image.sh TAG FOLDER     FOLDER must not exist; it is left for the caller to delete
#
# The image takes what testcontainers' PostgresContainer gives: POSTGRES_USER, POSTGRES_PASSWORD
# and POSTGRES_DB, and server settings (-c name=value) as its command.
set -euo pipefail

tag=$1
root=$2

debootstrap --variant=minbase --include=postgresql-15 bookworm "$root"

# What Debian set up is not served, and what no server reads would only be copied around.
rm -rf "$root"/var/lib/postgresql/15 "$root"/var/cache/apt "$root"/var/lib/apt/lists \
    "$root"/usr/share/doc "$root"/usr/share/locale "$root"/usr/share/man

cat >"$root/usr/local/bin/serve" <<'SERVE'
#!/usr/bin/env bash
set -euo pipefail
data=/var/lib/postgresql/data
initdb --pgdata="$data" --username="$POSTGRES_USER" --pwfile=<(echo "$POSTGRES_PASSWORD") \
    --auth=scram-sha-256 --auth-local=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync
echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
if [ "$POSTGRES_DB" != postgres ]; then
    echo "create database \"$POSTGRES_DB\"" | postgres --single -j -D "$data" postgres
fi
exec postgres -D "$data" -c listen_addresses='*' "$@"
SERVE
chmod 755 "$root/usr/local/bin/serve"

tar --create --directory="$root" --one-file-system . |
    docker import \
        --change 'ENV PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/bin:/bin' \
        --change 'USER postgres' \
        --change 'EXPOSE 5432' \
        --change 'ENTRYPOINT ["/usr/local/bin/serve"]' \
        - "$tag"
