//! Every kind of fault at once: workers that time out, are killed and lose their responses; events
//! that are lost and duplicated; a table that throttles and drops responses; a stream that accepts
//! only part of its input.

use anyhow::ensure;
use windlass_tests::aws::deployment::{Deployment, STREAM, Setup, WORKER};
use windlass_tests::aws::lambda::{Act, Chaos, Moment, Outcome, Strike};
use windlass_tests::aws::state_proxy::{StateFault, StateFaults};
use windlass_tests::aws::streams::{CallFault, StreamFaults, StreamKind};
use windlass_tests::vendor::Shape;

use crate::vendors::Stock;

/// Records per page.
const PAGE: usize = 100;
/// Maximum number of kills.
const KILLS_MAX: u32 = 12;
const TICKS_MAX: usize = 400;

fn after(action: &str, times: std::ops::RangeInclusive<usize>) -> Strike {
    Strike {
        act: Act::Kill,
        moment: Moment::AfterCall {
            action: action.to_owned(),
            times,
        },
    }
}

/// Pulls through all faults, checks the delivered records, and returns the fault counts.
async fn pull_through_trouble(seed: u64, stock: Stock, kind: StreamKind) -> anyhow::Result<String> {
    // A worker has about one second of work: the rest of its time is reserved for the release.
    let setup = Setup {
        kind,
        worker_timeout_ms: 11_000,
        event_age_ms: 60_000,
        dispatch_seconds: 120,
        ..Setup::default()
    };
    let deployment = Deployment::new("trouble", stock.start().await, setup).await?;
    deployment.apply().await?;
    make_trouble(&deployment, seed, kind)?;

    deployment.until_caught_up(TICKS_MAX).await?;

    let invocations = deployment.lambda.invocations(WORKER)?;
    let stopped = |outcome: &Outcome| {
        matches!(
            outcome,
            Outcome::Killed | Outcome::TimedOut | Outcome::Failed(_)
        )
    };
    let stops = invocations.iter().filter(|it| stopped(&it.outcome)).count();
    let drawn = deployment.streams.faults();
    let without_response =
        [CallFault::LostResponse, CallFault::Timeout].map(|kind| drawn.drawn().get(&kind));
    let without_response: u32 = without_response.into_iter().flatten().sum();
    let repeats_max = PAGE * (stops + usize::try_from(without_response)?);
    let repeats = deployment.check_complete(repeats_max).await?;

    let tally = deployment.lambda.tally(WORKER)?;
    let usage = deployment.streams.usage(kind, STREAM);
    let state = deployment.proxy.faults();
    let summary = format!(
        "{stops} stops, {without_response} puts without an answer, {repeats} repeats; {tally:?}; {:?}; {usage:?}",
        state.drawn()
    );
    // With fewer faults, the test would prove nothing.
    ensure!(
        stops >= 4 && tally.lost >= 2 && tally.doubled >= 2,
        "too calm: {tally:?}"
    );
    ensure!(
        usage.refused_entries >= 10 && state.drawn().len() == 4,
        "too calm: {usage:?}, {:?}",
        state.drawn()
    );
    let windows = deployment.table.live_windows().await?;
    let again = windows.iter().filter(|row| row.runs >= 2).count();
    ensure!(again >= 4, "most windows fitted one run: {windows:?}");
    Ok(summary)
}

fn make_trouble(deployment: &Deployment, seed: u64, kind: StreamKind) -> anyhow::Result<()> {
    let put = match kind {
        StreamKind::Firehose => "firehose:PutRecordBatch",
        StreamKind::Kinesis => "kinesis:PutRecords",
    };
    let random = Strike {
        act: Act::Kill,
        moment: Moment::AfterMs(0..=1_500),
    };
    let strikes = [
        random,
        after("dynamodb:UpdateItem", 1..=4),
        after(put, 1..=4),
    ];
    let chaos = Chaos::new(seed)
        .doubled(15)
        .lost(15)
        .without_response(5)
        .delay_ms(0..=100);
    let chaos = chaos.struck(40, KILLS_MAX, &strikes);
    deployment.lambda.set_chaos(WORKER, chaos)?;
    let kinds = [
        StateFault::Throttled,
        StateFault::Conflict,
        StateFault::Internal,
        StateFault::LostResponse,
    ];
    let state = StateFaults::new(seed, 10, &kinds).latency_ms(0..=10);
    deployment.proxy.set_faults(state);
    let kinds = [
        CallFault::Unavailable,
        CallFault::LostResponse,
        CallFault::Timeout,
    ];
    let stream = StreamFaults::new(seed).entries(30).calls(5, &kinds);
    deployment.streams.set_faults(stream);
    Ok(())
}

/// P2 resume: whatever stops a worker, its window resumes after its last checkpoint.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newest_first_pull_into_firehose_survives_faults() -> anyhow::Result<()> {
    let stock = Stock::google(8, 12, PAGE).latency_ms(150..=250);
    println!(
        "{}",
        pull_through_trouble(61, stock, StreamKind::Firehose).await?
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oldest_first_pull_into_kinesis_survives_faults() -> anyhow::Result<()> {
    let stock = Stock {
        shape: Shape::Okta,
        ..Stock::google(8, 12, PAGE).latency_ms(150..=250)
    };
    println!(
        "{}",
        pull_through_trouble(62, stock, StreamKind::Kinesis).await?
    );
    Ok(())
}
