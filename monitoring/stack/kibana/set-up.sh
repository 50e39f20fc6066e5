#!/bin/sh
# Runs at each start; replaces existing objects.
set -eu

curl --fail --silent --show-error --retry 10 --retry-connrefused --request POST \
  --header "kbn-xsrf: set-up" --form file=@/config/kibana/objects.ndjson \
  "$KIBANA/api/saved_objects/_import?overwrite=true"
