#!/usr/bin/env bash
# Empties a deployment before it is deleted: stops ticks, waits until no worker holds a window, and waits until
# Firehose has written every record. Records that still wait in Firehose or in the Kinesis stream count as delivered,
# and would be lost with the stack. The script only reads facts from AWS and guesses nothing: an unreadable one ends it
# with an error. It may be stopped and started again at any time.
#
#     infra/drain.sh STACK
#
# Needs version 2 of the AWS command line, credentials and AWS_REGION. DRAIN_POLL_SECONDS is the polling interval.
set -euo pipefail

POLL_SECONDS="${DRAIN_POLL_SECONDS:-60}"
# Maximum time that Firehose buffers records before it writes a file (BufferSeconds), and maximum delay of CloudWatch.
BUFFER_SECONDS_MAX=900
METRICS_LATE_SECONDS=900
QUIET_SECONDS=$((BUFFER_SECONDS_MAX + METRICS_LATE_SECONDS))

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

[[ $# -eq 1 && -n "$1" ]] || fail 'usage: infra/drain.sh STACK'
stack="$1"

# at SECONDS: that instant in the format of AWS. The two forms of `date` are GNU's and BSD's.
at() {
    date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$1" +%Y-%m-%dT%H:%M:%SZ
}

# metric NAMESPACE NAME DIMENSION VALUE STATISTIC SECONDS: its largest datapoint in the last SECONDS, without a
# fraction; empty if there is none.
metric() {
    local now points
    now="$(date +%s)"
    points="$(aws cloudwatch get-metric-statistics --namespace "$1" --metric-name "$2" \
        --dimensions "Name=$3,Value=$4" --statistics "$5" --period 60 \
        --start-time "$(at $((now - $6)))" --end-time "$(at "$now")" \
        --query "Datapoints[].$5" --output text)" || fail "cannot read the metric $2 of $4"
    tr -s '\t ' '\n' <<<"$points" | sed -e 's/\..*//' -e '/^None$/d' -e '/^$/d' | sort -n | tail -n 1
}

resources="$(aws cloudformation list-stack-resources --stack-name "$stack" \
    --query 'StackResourceSummaries[].[LogicalResourceId,PhysicalResourceId]' --output text)" ||
    fail "cannot read the stack $stack"
# resource LOGICAL-ID: its name; empty if the stack does not have it.
resource() {
    awk -v id="$1" '$1 == id { print $2 }' <<<"$resources"
}
orchestrator="$(resource OrchestratorFunction)"
firehose="$(resource Firehose)"
kinesis="$(resource RecordsStream)"
[[ -n "$orchestrator" ]] || fail "$stack is no stack of infra/template.yaml: it has no OrchestratorFunction"

stop_ticks() {
    aws lambda put-function-concurrency --function-name "$orchestrator" --reserved-concurrent-executions 0 \
        --query ReservedConcurrentExecutions --output text >/dev/null || fail "cannot stop $orchestrator"
    printf 'no further tick: %s may not run any more\n' "$orchestrator"
}

# The number of windows in flight: dispatched or running, with a lease that has not expired.
held_windows() {
    aws dynamodb scan --table-name "$table" --consistent-read --select COUNT \
        --filter-expression 'begins_with(pk, :window) AND (lease_until > :now OR dispatched_until > :now)' \
        --expression-attribute-values "{\":window\":{\"S\":\"window#\"},\":now\":{\"S\":\"$(at "$(date +%s)")\"}}" \
        --query Count --output text
}

wait_for_workers() {
    table="$(aws cloudformation describe-stacks --stack-name "$stack" \
        --query "Stacks[0].Outputs[?OutputKey=='StateTableName'].OutputValue" --output text)" ||
        fail "cannot read the outputs of $stack"
    [[ -n "$table" && "$table" != None ]] || fail "$stack has no output StateTableName"
    local held
    while true; do
        held="$(held_windows)" || fail "cannot read the table $table"
        [[ "$held" =~ ^[0-9]+$ ]] || fail "the table $table said: $held"
        ((held > 0)) || break
        printf '%d windows are held by workers\n' "$held"
        sleep "$POLL_SECONDS"
    done
    printf 'no worker holds a window of %s\n' "$table"
}

# The reason why delivery is still active; empty if it is quiet. Runs in a subshell, which an error ends.
busy() {
    local value name
    if [[ -n "$kinesis" ]]; then
        value="$(metric AWS/Kinesis IncomingRecords StreamName "$kinesis" Sum "$QUIET_SECONDS")" || exit 1
        ((${value:-0} == 0)) || { printf 'records came into %s within the last %d s' "$kinesis" "$QUIET_SECONDS"; return; }
        value="$(metric AWS/Firehose KinesisMillisBehindLatest DeliveryStreamName "$firehose" Maximum "$METRICS_LATE_SECONDS")" || exit 1
        ((${value:-0} == 0)) || { printf '%s is %d ms behind in reading %s' "$firehose" "$value" "$kinesis"; return; }
        value="$(metric AWS/Firehose DataReadFromKinesisStream.Records DeliveryStreamName "$firehose" Sum "$QUIET_SECONDS")" || exit 1
    else
        value="$(metric AWS/Firehose IncomingRecords DeliveryStreamName "$firehose" Sum "$QUIET_SECONDS")" || exit 1
    fi
    ((${value:-0} == 0)) || { printf '%s took records within the last %d s' "$firehose" "$QUIET_SECONDS"; return; }
    # Nothing arrived for longer than the buffering time, so every record still held is older than that.
    for name in DeliveryToS3.DataFreshness BackupToS3.DataFreshness; do
        value="$(metric AWS/Firehose "$name" DeliveryStreamName "$firehose" Maximum "$METRICS_LATE_SECONDS")" || exit 1
        ((${value:-0} < BUFFER_SECONDS_MAX)) || { printf '%s holds records that are %d s old (%s)' "$firehose" "$value" "$name"; return; }
    done
}

wait_for_delivery() {
    if [[ -z "$firehose" ]]; then
        printf '%s has no stream of its own; what it delivered to stays\n' "$stack"
        return
    fi
    local why
    while true; do
        why="$(busy)" || exit 1
        [[ -n "$why" ]] || break
        printf '%s\n' "$why"
        sleep "$POLL_SECONDS"
    done
    printf '%s has written everything that it took\n' "$firehose"
}

stop_ticks
wait_for_workers
wait_for_delivery
printf '%s is drained: deleting it loses no record\n' "$stack"
