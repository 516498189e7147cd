use super::*;
use crate::aws::emulator::post;
use crate::aws::http;
use crate::aws::refusals::Refusal;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{HeaderMap, Uri};

const KB: usize = 1024;

async fn streams() -> Streams {
    let streams = Streams::start(Calls::default(), Refusals::default())
        .await
        .unwrap();
    streams.create(StreamKind::Firehose, "audit");
    streams.create(StreamKind::Kinesis, "audit");
    streams.create_bucket("rejects");
    streams
}

fn signature() -> HeaderValue {
    HeaderValue::from_static("AWS4-HMAC-SHA256 Credential=AKIAX/20261120/us-east-1/x/aws4_request")
}

/// Puts `records` into the stream `name`, and returns status and response.
async fn put(
    streams: &Streams,
    kind: StreamKind,
    name: &str,
    records: &[Vec<u8>],
) -> anyhow::Result<(StatusCode, Value)> {
    let record = |data: &Vec<u8>| json!({"Data": STANDARD.encode(data), "PartitionKey": "k"});
    let records: Vec<_> = records.iter().map(record).collect();
    let (target, field) = match kind {
        StreamKind::Firehose => ("Firehose_20150804.PutRecordBatch", "DeliveryStreamName"),
        StreamKind::Kinesis => ("Kinesis_20131202.PutRecords", "StreamName"),
    };
    let mut request = post(target, &json!({field: name, "Records": records}))?;
    request.headers.insert(AUTHORIZATION, signature());
    let response = http::send(streams.server.address(), request).await?;
    Ok((response.status, serde_json::from_slice(&response.body)?))
}

/// Lines of `bytes` bytes, each with its number at the end.
fn lines(entries: usize, bytes: usize) -> Vec<Vec<u8>> {
    let line = |number: usize| {
        let number = format!("{number:03}\n");
        ("x".repeat(bytes - number.len()) + &number).into_bytes()
    };
    (0..entries).map(line).collect()
}

#[tokio::test]
async fn accepted_records_keep_order_and_billed_size() {
    let streams = streams().await;
    for (kind, step) in [
        (StreamKind::Firehose, 5 * 1024),
        (StreamKind::Kinesis, 25 * 1024),
    ] {
        let (status, response) = put(&streams, kind, "audit", &lines(3, 6_000))
            .await
            .unwrap();
        assert_eq!(status, StatusCode::OK, "{response}");
        let delivered = streams.lines(kind, "audit").unwrap();
        assert_eq!(delivered.len(), 3);
        assert!(delivered[2].ends_with("02"));
        let usage = streams.usage(kind, "audit");
        assert_eq!((usage.entries, usage.bytes), (3, 18_000));
        assert_eq!(usage.billed_bytes, 3 * 6_000_u64.div_ceil(step) * step);
    }
}

#[tokio::test]
async fn call_beyond_limit_is_rejected_whole() {
    let streams = streams().await;
    let firehose = StreamKind::Firehose;
    let kinesis = StreamKind::Kinesis;
    for (kind, entries, bytes, taken) in [
        (firehose, 500, 10, true),
        (firehose, 501, 10, false),
        (firehose, 1, 1_000 * KB, true),
        (firehose, 1, 1_000 * KB + 1, false),
        // Three mebibytes are four in base64.
        (firehose, 4, 768 * KB, true),
        (firehose, 4, 769 * KB, false),
        (kinesis, 500, 10, true),
        (kinesis, 501, 10, false),
        // The partition key is one byte of the entry.
        (kinesis, 1, 1_024 * KB - 1, true),
        (kinesis, 1, 1_024 * KB, false),
        (kinesis, 5, 1_024 * KB - 1, true),
        (kinesis, 6, 900 * KB, false),
    ] {
        let before = streams.entries(kind, "audit").len();
        let (status, response) = put(&streams, kind, "audit", &lines(entries, bytes))
            .await
            .unwrap();
        let came = streams.entries(kind, "audit").len() - before;
        let expected = if taken {
            (StatusCode::OK, entries)
        } else {
            (StatusCode::BAD_REQUEST, 0)
        };
        assert_eq!(
            (status, came),
            expected,
            "{kind:?} {entries} x {bytes}: {response}"
        );
    }
}

#[tokio::test]
async fn failed_entries_are_named_inside_http_200() {
    let streams = streams().await;
    streams.set_faults(StreamFaults::new(7).entries(30));
    let sent = lines(500, 10);
    let (status, response) = put(&streams, StreamKind::Firehose, "audit", &sent)
        .await
        .unwrap();
    assert_eq!(status, StatusCode::OK);
    let results = response["RequestResponses"].as_array().unwrap();
    let delivered = streams.entries(StreamKind::Firehose, "audit");
    let mut delivered = delivered.iter();
    for (result, line) in results.iter().zip(&sent) {
        if result.get("RecordId").is_some() {
            assert_eq!(delivered.next().unwrap().data, line);
        }
    }
    assert!(delivered.next().is_none());
    let failed = streams.faults().failed_entries();
    assert_eq!(response["FailedPutCount"], failed);
    assert!((100..200).contains(&failed), "{failed}");
}

#[tokio::test]
async fn call_can_be_rejected_or_lose_response() {
    let streams = streams().await;
    let one = lines(1, 10);
    for (fault, applied) in [(CallFault::Unavailable, 0), (CallFault::LostResponse, 1)] {
        streams.set_faults(StreamFaults::new(1).calls(100, &[fault]));
        let before = streams.entries(StreamKind::Kinesis, "audit").len();
        let response = put(&streams, StreamKind::Kinesis, "audit", &one).await;
        let came = streams.entries(StreamKind::Kinesis, "audit").len() - before;
        assert_eq!(came, applied, "{fault:?}");
        assert_eq!(
            response.is_err(),
            fault == CallFault::LostResponse,
            "{fault:?}"
        );
        assert_eq!(streams.faults().drawn()[&fault], 1);
    }
}

#[tokio::test]
async fn missing_and_denied_streams_return_service_errors() {
    let streams = streams().await;
    let one = lines(1, 10);
    let (status, response) = put(&streams, StreamKind::Firehose, "other", &one)
        .await
        .unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(response["__type"], "ResourceNotFoundException");
    let refusals = &streams.shared.refusals;
    refusals.refuse("firehose:PutRecordBatch", Refusal::AccessDenied);
    let (_, response) = put(&streams, StreamKind::Firehose, "audit", &one)
        .await
        .unwrap();
    let said = response["message"].as_str().unwrap();
    assert!(
        said.contains("firehose:PutRecordBatch on resource: "),
        "{said}"
    );
    assert!(said.contains(":deliverystream/audit "), "{said}");
    assert!(streams.entries(StreamKind::Firehose, "audit").is_empty());
    let calls = streams.shared.calls.all();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].caller, "AKIAX");
}

async fn put_object(streams: &Streams, path: &str, body: &str, hash: &'static str) -> HttpResponse {
    let name = HeaderName::from_static("x-amz-content-sha256");
    let headers = [
        (name, HeaderValue::from_static(hash)),
        (AUTHORIZATION, signature()),
    ];
    let request = HttpRequest {
        method: Method::PUT,
        uri: path.parse::<Uri>().unwrap(),
        headers: HeaderMap::from_iter(headers),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    http::send(streams.server.address(), request).await.unwrap()
}

#[tokio::test]
async fn object_is_stored_without_chunk_frames() {
    let streams = streams().await;
    let framed = "3;chunk-signature=0f\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:x\r\n\r\n";
    let plain = put_object(
        &streams,
        "/rejects/a%20b/c%3Dd.jsonl?x-id=PutObject",
        "plain",
        "0f",
    );
    assert_eq!(plain.await.status, StatusCode::OK);
    let hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    assert_eq!(
        put_object(&streams, "/rejects/s", framed, hash)
            .await
            .status,
        StatusCode::OK
    );
    let torn = put_object(&streams, "/rejects/t", &framed[..24], hash).await;
    assert_eq!(torn.status, StatusCode::BAD_REQUEST);
    let objects = streams.objects("rejects");
    assert_eq!(objects.len(), 2);
    assert_eq!(objects["a b/c=d.jsonl"], "plain");
    assert_eq!(objects["s"], "abcde");
    let missing = put_object(&streams, "/no-such/s", "x", "0f").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(String::from_utf8_lossy(&missing.body).contains("NoSuchBucket"));
}
