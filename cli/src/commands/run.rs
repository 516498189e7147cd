//! `windlass run`: the whole loop in this process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use windlass_core::clock::{Clock, Entropy};
use windlass_core::ids::SourceName;
use windlass_core::shard::Shard;
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_orchestrator::{Activity, SourceReport, TickReport};
use windlass_state::sqlite::SqliteStore;
use windlass_state::{StateError, StateStore};
use windlass_worker::{Observer, Seams, Stop};

use crate::args::RunArgs;
use crate::config::Config;
use crate::exit_code::ExitCode;
use crate::local::bars::Bars;
use crate::local::{Delivered, Ending, Engine, LocalOutfit, Meter, StateLock};
use crate::output::{Output, grouped, time};
use crate::signals::StopSignals;

/// Runs until stopped, or until caught up.
pub(crate) async fn run(path: &Path, args: &RunArgs, output: Output) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    let output = if config.writes_to_stdout() {
        output.aside()
    } else {
        output
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let outfit = LocalOutfit::build(&config, None, &clock, &entropy)?;
    let _lock = StateLock::take(&config.state)?;
    let store = SqliteStore::open(&config.state)?;
    let meter = Arc::new(Meter::default());
    let stop = Stop::default();
    stop_on_signals(&stop, output)?;
    stop_after(&stop, args.max_runtime, Arc::clone(&clock));
    let observer: Arc<dyn Observer> = Arc::<Meter>::clone(&meter);
    let seams = Seams {
        clock: Arc::clone(&clock),
        entropy,
        stop,
        observer: Some(observer),
    };
    let mut bars = Bars::new(&config, Arc::clone(&meter), output, clock.now());
    let engine = Engine::new(store.clone(), outfit, seams);
    let definitions: Vec<_> = config
        .sources
        .values()
        .map(|source| source.definition.clone())
        .collect();
    engine.apply(&definitions).await?;
    let ending = engine
        .run(args.until_caught_up, |report| {
            bars.update(report, clock.now());
        })
        .await?;
    drop(bars);
    summarize(&store, &meter, &ending, args.until_caught_up, output).await
}

async fn summarize(
    store: &SqliteStore,
    meter: &Meter,
    ending: &Ending,
    until_caught_up: bool,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    let mut sources = Vec::new();
    let reasons = blocked_reasons(store).await?;
    for source in &ending.report().sources {
        let delivered = meter.of(&source.source);
        let blocked = reasons.get(&source.source);
        text.push_str(&summary(source, delivered, blocked.map(String::as_str)));
        sources.push(json!({
            "source": source.source.as_str(),
            "complete_through": source.complete_through,
            "records": delivered.records,
            "pages": delivered.pages,
            "bytes": delivered.bytes,
            "rejected": delivered.rejected,
            "holes": source.holes,
            "blocked": blocked,
            "last_error": source.last_error,
            "error": source.error,
        }));
    }
    let unread = &ending.report().unread;
    for (shard, error) in unread {
        text.push_str(&format!("shard {shard} of the state: FAILED: {error}\n"));
    }
    let code = exit_code(ending, until_caught_up);
    let caught_up = matches!(ending, Ending::CaughtUp(_)) && code == ExitCode::Success;
    output.result(
        &json!({ "caught_up": caught_up, "sources": sources, "unread": unread_json(unread) }),
        || text,
    )?;
    Ok(code)
}

/// Why each blocked source is blocked. A shard that cannot be read has been reported as such.
async fn blocked_reasons(store: &SqliteStore) -> anyhow::Result<BTreeMap<SourceName, String>> {
    let mut reasons = BTreeMap::new();
    for shard in store.shards().await? {
        for record in store.sources(shard).await.unwrap_or_default() {
            let reason = record.blocked.map(|blocked| blocked.reason);
            reasons.extend(reason.map(|reason| (record.definition.name, reason)));
        }
    }
    Ok(reasons)
}

fn unread_json(unread: &[(Shard, StateError)]) -> serde_json::Value {
    let entries = unread.iter();
    let entries =
        entries.map(|(shard, error)| json!({ "shard": shard, "error": error.to_string() }));
    entries.collect()
}

/// What is said of one source at the end.
fn summary(source: &SourceReport, delivered: Delivered, blocked: Option<&str>) -> String {
    let name = &source.source;
    let mut text = format!(
        "{name}: complete through {}, {} records in {} pages",
        time(source.complete_through),
        grouped(delivered.records),
        grouped(delivered.pages)
    );
    if delivered.rejected > 0 {
        text.push_str(&format!(", {} rejected", grouped(delivered.rejected)));
    }
    if source.holes > 0 {
        text.push_str(&format!(
            ", {} holes (see `windlass windows {name} --status parked`)",
            source.holes
        ));
    }
    // A blocked source's last error is mostly why it is blocked.
    match (blocked, &source.error, &source.last_error) {
        (Some(problem), _, _) => text.push_str(&format!("\n  BLOCKED: {problem}")),
        (None, Some(problem), _) => text.push_str(&format!("\n  FAILED: {problem}")),
        (None, None, Some(error)) => text.push_str(&format!(", last error: {error}")),
        (None, None, None) => {}
    }
    text.push('\n');
    text
}

fn exit_code(ending: &Ending, until_caught_up: bool) -> ExitCode {
    let report: &TickReport = ending.report();
    let blocked = report
        .sources
        .iter()
        .any(|source| source.activity == Activity::Blocked);
    let holes = report.sources.iter().any(|source| source.holes > 0);
    match ending {
        Ending::Failed(_) => ExitCode::State,
        Ending::Stopped(_) if !until_caught_up => ExitCode::Success,
        Ending::CaughtUp(_) | Ending::AllBlocked(_) | Ending::Stopped(_) if blocked => {
            ExitCode::Blocked
        }
        Ending::Stopped(_) => ExitCode::Unfinished,
        Ending::CaughtUp(_) | Ending::AllBlocked(_) if holes => ExitCode::Holes,
        Ending::CaughtUp(_) | Ending::AllBlocked(_) => ExitCode::Success,
    }
}

/// Ctrl-C and SIGTERM stop the run at its next checkpoint; a second one stops it at once, which
/// loses nothing either, but leaves the next run pages to fetch again.
fn stop_on_signals(stop: &Stop, output: Output) -> anyhow::Result<()> {
    let mut signals = StopSignals::catch()?;
    let stop = stop.clone();
    tokio::spawn(async move {
        loop {
            signals.next().await;
            if stop.is_requested() {
                std::process::exit(i32::from(ExitCode::Unfinished as u8));
            }
            stop.request();
            output.note("stopping at the next checkpoint; once more to stop at once");
        }
    });
    Ok(())
}

fn stop_after(stop: &Stop, max_runtime: Option<Duration>, clock: Arc<dyn Clock>) {
    let Some(max_runtime) = max_runtime else {
        return;
    };
    let stop = stop.clone();
    tokio::spawn(async move {
        clock
            .sleep(i64::try_from(max_runtime.as_millis()).unwrap_or(i64::MAX))
            .await;
        stop.request();
    });
}
