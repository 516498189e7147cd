//! The requests of `windlass status` on a whole table, and its output for sources that it does not
//! read one by one.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use windlass_core::ids::{Timeline, WindowId};
use windlass_core::limits;
use windlass_core::shard::Shard;
use windlass_core::source::{BlockCause, BlockChange, Blocked, SourceDefinition};
use windlass_core::transition::{Cause, Event, Release};
use windlass_core::window::Window;
use windlass_state::StateStore;
use windlass_tests::aws::calls::Call;
use windlass_tests::aws::emulator::Emulator;
use windlass_tests::aws::state_proxy::Units;

use super::scene::{at, claim, definition, timeline};
use super::ticks::{Sent, tick};
use super::units::Counted;
use crate::operate::refused::{KEYS, windlass};

/// Sources of the large table: every shard has some.
const SOURCES: usize = 2_000;
/// Number of sources that are really applied and ticked; the others are copies of the last one.
const MADE: usize = 8;
/// Maximum number of items of a batch.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const BATCH: usize = 25;

/// A table of sources in rate groups of their own, each with one open window after the first tick.
struct Busy {
    counted: Counted,
    sources: Vec<SourceDefinition>,
    sent: Sent,
}

/// A source of a rate group of its own, with at most one open window.
fn named(number: usize) -> SourceDefinition {
    let mut source = definition(&format!("source-{number:05}"));
    source.policy.rate_group = format!("okta:{number}").parse().expect("a valid group");
    source.policy.max_open_windows = 1;
    source
}

impl Busy {
    async fn new() -> anyhow::Result<Self> {
        let busy = Self {
            counted: Counted::new().await,
            sources: (0..MADE).map(named).collect(),
            sent: Sent::default(),
        };
        for source in &busy.sources {
            busy.counted.store.apply_source(source, at(0)).await?;
        }
        busy.tick(60).await;
        Ok(busy)
    }

    /// Copies the items of the last source for further ones, up to `count` sources.
    async fn copy_up_to(&self, count: usize) -> anyhow::Result<()> {
        let emulator = Emulator::shared().await?;
        let table = &self.counted.table;
        let scan = json!({"TableName": table, "ConsistentRead": true});
        let all = emulator.call("DynamoDB_20120810.Scan", &scan).await?;
        let last = self.sources.last().context("some are made")?;
        let items = all["Items"].as_array().context("a scan without items")?;
        let items = items.iter().map(Value::to_string);
        let items: Vec<_> = items
            .filter(|item| item.contains(last.name.as_str()))
            .collect();
        ensure!(items.len() == 3, "source, marks and window: {items:#?}");
        let copies = (MADE..count).map(named).flat_map(|source| {
            let group = |source: &SourceDefinition| format!("\"{}\"", source.policy.rate_group);
            let shard = |source: &SourceDefinition| format!("#{}\"", source.shard());
            let copy = move |item: &String| {
                item.replace(last.name.as_str(), source.name.as_str())
                    .replace(&group(last), &group(&source))
                    .replace(&shard(last), &shard(&source))
            };
            items.iter().map(copy).collect::<Vec<_>>()
        });
        let copies: Vec<Value> = copies
            .map(|item| serde_json::from_str(&item))
            .collect::<Result<_, _>>()?;
        for batch in copies.chunks(BATCH) {
            let put = |item| json!({"PutRequest": {"Item": item}});
            let puts: Vec<_> = batch.iter().map(put).collect();
            let write = json!({"RequestItems": {table: puts}});
            emulator
                .call("DynamoDB_20120810.BatchWriteItem", &write)
                .await?;
        }
        let shards: Vec<_> = Shard::all().map(|shard| shard.to_string()).collect();
        let update = json!({
            "TableName": table,
            "Key": {"pk": {"S": "table"}, "sk": {"S": "schema"}},
            "UpdateExpression": "ADD shards :all",
            "ExpressionAttributeValues": {":all": {"NS": shards}},
        });
        emulator
            .call("DynamoDB_20120810.UpdateItem", &update)
            .await?;
        Ok(())
    }

    async fn tick(&self, minute: i64) {
        let report = tick(&self.counted.store, &self.sent, at(minute)).await;
        let failed = report.sources.iter().find(|source| source.error.is_some());
        assert_eq!(failed, None);
    }

    async fn window(&self, number: usize) -> anyhow::Result<Window> {
        let source = self.sources[number].name.clone();
        let timeline = Timeline {
            source,
            ..timeline()
        };
        let id = WindowId {
            timeline,
            from: at(0),
        };
        let window = self.counted.store.window(&id).await?;
        window.context("the first tick creates it")
    }

    /// Parks the first source's window, blocks the second source, and fails the third one's window.
    async fn trouble(&self) -> anyhow::Result<()> {
        let store = &self.counted.store;
        let parked = self.window(0).await?;
        let park = Event::Park {
            reason: "page 3 is not JSON".to_owned(),
            now: at(61),
        };
        store.decide(&parked, &park).await?;
        let blocked = Blocked::new("HTTP 401".to_owned(), BlockCause::Refused, at(62), at(62));
        let (source, block) = (&self.sources[1], BlockChange::Block(blocked));
        store
            .block_source(source.shard(), &source.name, 1, &block)
            .await?;
        for minute in [63, 64] {
            let failing = self.window(2).await?;
            let lease = store.claim(failing.id(), &claim(&failing, 1)).await?;
            let release = Release {
                cause: Cause::Outage,
                not_before: None,
                error: Some("HTTP 500".to_owned()),
                now: at(minute),
            };
            store.release(&lease, &release).await?;
            self.tick(minute).await;
        }
        Ok(())
    }

    /// The output of `windlass status ARGS`, with its number of requests and their units.
    async fn status(&self, args: &[&str]) -> anyhow::Result<(String, usize, Units)> {
        let state = format!("dynamodb:{}", self.counted.table);
        let uri = self.counted.proxy.uri();
        let place = ["status", "--state", &state, "--endpoint-url", &uri];
        let before = self.counted.calls.all().len();
        self.counted.proxy.take_consumed();
        let outcome = windlass(&[&place, args].concat(), &KEYS).await?;
        let units = self.counted.proxy.take_consumed();
        let calls = self.counted.calls.all().split_off(before);
        Ok((outcome.expect_success()?.stdout, requests(&calls), units))
    }
}

/// The number of `calls`; a query counts once, however often the client repeated it because of a
/// slow emulator.
fn requests(calls: &[Call]) -> usize {
    let (queries, others): (Vec<_>, Vec<_>) = calls
        .iter()
        .partition(|call| call.action == "dynamodb:Query");
    let partitions: BTreeSet<_> = queries.iter().map(|call| &call.key).collect();
    partitions.len() + others.len()
}

/// The entries of a status in JSON.
fn entries(status: &str) -> anyhow::Result<Vec<Value>> {
    let status: Value = serde_json::from_str(status)?;
    let sources = status["sources"].as_array();
    Ok(sources.context("no list of sources")?.clone())
}

/// Asserts the trouble of `entry` and its start.
fn assert_trouble(entry: &Value, trouble: &str, minute: i64) -> anyhow::Result<()> {
    let since = at(minute).to_string();
    ensure!(
        entry["trouble"] == trouble && entry["since"] == since.as_str(),
        "{trouble} since {since}: {entry:#}"
    );
    Ok(())
}

#[tokio::test]
async fn status_of_many_sources_stays_within_130_requests() -> anyhow::Result<()> {
    let busy = Busy::new().await?;
    busy.trouble().await?;
    busy.copy_up_to(SOURCES).await?;
    let (json, requests, units) = busy.status(&["--json"]).await?;
    println!("status of {SOURCES} sources with open windows: {requests} requests, {units:?}");
    ensure!(
        requests <= limits::LOOK_REQUESTS_MAX && units.write == 0.0,
        "{requests} requests, {units:?}"
    );
    let entries = entries(&json)?;
    ensure!(entries.len() == SOURCES);
    for entry in &entries {
        ensure!(entry["exact"] == false, "{entry:#}");
        ensure!(entry["running"] == Value::Null, "{entry:#}");
        ensure!(entry["open"] == 1, "{entry:#}");
    }
    ensure!(entries[0]["parked"] == 1 && entries[1]["parked"] == 0);
    assert_trouble(&entries[0], "parked", 61)?;
    assert_trouble(&entries[1], "blocked", 62)?;
    assert_trouble(&entries[2], "failing", 63)?;
    ensure!(
        entries[3..]
            .iter()
            .all(|entry| entry["trouble"] == Value::Null)
    );

    let (text, ..) = busy.status(&[]).await?;
    for line in [
        "source-00000 has had holes since 2026-01-01T01:01:00Z",
        "source-00001 is blocked since 2026-01-01T01:02:00Z: HTTP 401",
        "source-00002 has been failing since 2026-01-01T01:03:00Z",
        "2,000 sources are shown as of the last tick",
    ] {
        ensure!(text.contains(line), "`{line}` is not in {text}");
    }

    let named = ["source-00002", "--json"];
    let (json, requests, _) = busy.status(&named).await?;
    println!("status of one of them: {requests} requests");
    let one = self::entries(&json)?.remove(0);
    ensure!(
        one["exact"] == true && one["last_error"] == "HTTP 500",
        "{one:#}"
    );
    assert_trouble(&one, "failing", 63)
}

#[tokio::test]
async fn status_reads_few_sources_singly_within_130_requests() -> anyhow::Result<()> {
    let busy = Busy::new().await?;
    busy.trouble().await?;
    let (json, requests, units) = busy.status(&["--json"]).await?;
    println!("status of {MADE} sources with open windows: {requests} requests, {units:?}");
    ensure!(requests <= limits::LOOK_REQUESTS_MAX);
    let entries = entries(&json)?;
    ensure!(entries.iter().all(|entry| entry["exact"] == true));
    assert_trouble(&entries[0], "parked", 61)?;
    assert_trouble(&entries[1], "blocked", 62)?;
    assert_trouble(&entries[2], "failing", 63)?;
    ensure!(entries[2]["last_error"] == "HTTP 500");
    let (text, ..) = busy.status(&[]).await?;
    let failing = "source-00002 has been failing since 2026-01-01T01:03:00Z; \
                   the oldest open window (2026-";
    ensure!(text.contains(failing), "{text}");
    ensure!(text.contains(") will be retried: HTTP 500"), "{text}");
    ensure!(!text.contains("as of the last tick"), "{text}");
    Ok(())
}
