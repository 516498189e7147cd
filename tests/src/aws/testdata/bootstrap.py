#!/usr/bin/env python3
"""A bootstrap controlled by its events, for the tests of the Lambda service."""
import http.client
import json
import os
import sys
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]


def ask(method, path, body=None):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(API)
    connection.request(method, "/2018-06-01/runtime/" + path, body)
    reply = connection.getresponse()
    return dict((name.lower(), value) for name, value in reply.getheaders()), reply.read()


if os.environ.get("REFUSES_TO_START"):
    ask("POST", "init/error", "it refuses to start")
    time.sleep(60)
print("starting", flush=True)
ran = 0
while True:
    headers, body = ask("GET", "invocation/next")
    ran += 1
    event = json.loads(body)
    request_id = headers["lambda-runtime-aws-request-id"]
    print(json.dumps({"level": "INFO", "event": event, "ran": ran}), file=sys.stderr, flush=True)
    time.sleep(event.get("sleep_ms", 0) / 1000)
    while "until" in event and not os.path.exists(event["until"]):
        time.sleep(0.005)
    if "exit" in event:
        sys.exit(event["exit"])
    if event.get("fail"):
        ask("POST", f"invocation/{request_id}/error", json.dumps({"errorType": "LogOnce.So"}))
        continue
    said = {
        "ran": ran,
        "process": os.getpid(),
        "left_ms": int(headers["lambda-runtime-deadline-ms"]) - int(time.time() * 1000),
        "headers": headers,
        "key": os.environ["AWS_ACCESS_KEY_ID"],
        "own": os.environ.get("OWN"),
    }
    ask("POST", f"invocation/{request_id}/response", json.dumps(said))
