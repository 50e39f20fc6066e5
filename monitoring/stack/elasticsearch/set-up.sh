#!/bin/sh
# Runs at each start: creates the policy and template that a data stream needs, and Kibana's objects.
set -eu

put() {
  curl --fail --silent --show-error --retry 10 --retry-connrefused --request PUT \
    --header "Content-Type: application/json" --data-binary "@$2" "$ELASTICSEARCH/$1"
}

put _ilm/policy/interview-worker-logs /config/elasticsearch/policy.json
put _index_template/interview-worker-logs /config/elasticsearch/template.json
