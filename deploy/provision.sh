#!/usr/bin/env bash
# Make a site's own certificate authority, a certificate for each party and a token for each edge node.
#   deploy/provision.sh FOLDER NODE...      e.g. deploy/provision.sh deploy/certs edge-1 edge-2
# Writes ca, broker, coordinator, api and one pair per NODE, NODE.env with the token that the node shows the
# coordinator, and store-password. It says how to let the node in. Run again with more nodes: what exists is kept.
# FOLDER/ca.key signs everything: keep it off the machines that run.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
folder=$1; shift
mkdir -p "$folder"
cd "$folder"
umask 077

if [ ! -f ca.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt \
    -days 3650 -subj "/CN=vedette site CA" -addext "basicConstraints=critical,CA:TRUE" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
fi

certify() { # NAME  EXTENDED_KEY_USAGE  SUBJECT_ALT_NAMES
  [ -f "$1.crt" ] && return
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" \
    -subj "/CN=$1" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$1.crt" -days 825 -extfile <(
    echo "basicConstraints=critical,CA:FALSE"
    echo "extendedKeyUsage=$2"
    echo "subjectAltName=$3"
  ) 2>/dev/null
  rm "$1.csr"
  echo "$1"
}

certify broker serverAuth "DNS:broker,DNS:localhost,IP:127.0.0.1"
certify api serverAuth "DNS:fleet,DNS:localhost,IP:127.0.0.1"
certify coordinator clientAuth "DNS:coordinator"
for node in "$@"; do
  [[ "$node" =~ ^[a-z0-9][a-z0-9_-]{0,62}$ ]] || { echo "provision: a node is named like edge-1, got '$node'" >&2; exit 2; }
  case "$node" in
    ca | broker | api | coordinator) echo "provision: '$node' is a name of Vedette's own; give the node another" >&2; exit 2 ;;
  esac
  certify "$node" clientAuth "DNS:$node"
  if [ ! -f "$node.env" ]; then
    token=$(openssl rand -hex 32)
    echo "VEDETTE_COORDINATOR_TOKEN=$token" >"$node.env"
    echo "vedette-fleet node add CONFIG $node --sha256 $(printf %s "$token" | openssl dgst -sha256 -r | cut -d' ' -f1)"
  fi
done
[ -f store-password ] || openssl rand -hex 32 >store-password  # of the coordinator's database
# Containers read their key as a user of their own, through a mount of that one file; on this machine the folder is shut.
chmod 644 ./*.crt ./*.key store-password
chmod 600 ca.key ./*.env
chmod 700 .
