-- Converts windows with a column for each attribute into windows with one JSON object. A merge with
-- an empty object omits nulls.
INSERT INTO window_items
SELECT source, generation, lane, "from", "to", status, expires_at, json_patch('{}', json_object(
    'epoch', epoch,
    'owner', owner,
    'lease_until', CASE status WHEN 'running' THEN lease_until END,
    'dispatched_until', CASE status WHEN 'dispatched' THEN lease_until END,
    'cursor', "cursor",
    'cursor_for', cursor_for,
    'page', page,
    'sink_position', sink_position,
    'records', records,
    'bytes', bytes,
    'rejected', rejected,
    'known', known,
    'oldest', oldest,
    'newest', newest,
    'ordered', json(CASE ordered WHEN 1 THEN 'true' WHEN 0 THEN 'false' END),
    'attempts', attempts,
    'deaths', deaths,
    'setbacks', setbacks,
    'restarts', restarts,
    'restarts_forgiven', restarts_forgiven,
    'remembered', json(CASE remembered WHEN 1 THEN 'true' WHEN 0 THEN 'false' END),
    'adopted', json(CASE adopted WHEN 1 THEN 'true' WHEN 0 THEN 'false' END),
    'runs', runs,
    'overruns', overruns,
    'unsent_after', unsent_after,
    'not_before', CASE WHEN status IN ('ready', 'parked') THEN not_before END,
    'split_at', split_at,
    'split_delivered', split_delivered,
    'slowest_page_ms', slowest_page_ms,
    'last_error', last_error,
    'created_at', created_at,
    'updated_at', updated_at,
    'done_at', done_at,
    'v', v
))
FROM windows;

DROP TABLE windows;
