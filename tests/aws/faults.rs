//! Trouble of every kind at once: workers that run out of time, are killed and lose their answers,
//! events that are lost and doubled, a table that throttles and forgets to reply, a stream that
//! takes only some of what it is sent.

use anyhow::ensure;
use windlass_tests::aws::deployment::{Deployment, STREAM, Setup, WORKER};
use windlass_tests::aws::lambda::{Act, Chaos, Moment, Outcome, Strike};
use windlass_tests::aws::state_proxy::{StateFault, StateFaults};
use windlass_tests::aws::streams::{CallFault, StreamFaults, StreamKind};

use crate::vendors::Stock;

/// Records a page.
const PAGE: usize = 100;
/// Kills, at most.
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

/// P2 resume: whatever stops a worker, its window goes on after its last checkpoint.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_every_kind_of_trouble_nothing_is_lost_and_little_comes_twice() -> anyhow::Result<()>
{
    let stock = Stock::google(8, 12, PAGE).latency_ms(150..=250);
    // A worker has about one second of work: the rest of its time is kept for the release.
    let setup = Setup {
        worker_timeout_ms: 11_000,
        event_age_ms: 2_000,
        dispatch_seconds: 3,
        ..Setup::default()
    };
    let deployment = Deployment::new("trouble", stock.start().await, setup).await?;
    deployment.apply().await?;
    let random = Strike {
        act: Act::Kill,
        moment: Moment::AfterMs(0..=1_500),
    };
    let strikes = [
        random,
        after("dynamodb:UpdateItem", 1..=4),
        after("firehose:PutRecordBatch", 1..=4),
    ];
    let chaos = Chaos::new(61).doubled(15).lost(10).delay_ms(0..=100);
    deployment
        .lambda
        .set_chaos(WORKER, chaos.struck(40, KILLS_MAX, &strikes))?;
    let kinds = [
        StateFault::Throttled,
        StateFault::Internal,
        StateFault::LostReply,
    ];
    deployment
        .proxy
        .set_faults(StateFaults::new(62, 10, &kinds).latency_ms(0..=10));
    let kinds = [CallFault::Unavailable, CallFault::LostReply];
    deployment
        .streams
        .set_faults(StreamFaults::new(63).entries(30).calls(4, &kinds));

    deployment.until_caught_up(TICKS_MAX).await?;

    let invocations = deployment.lambda.invocations(WORKER)?;
    let stopped = |outcome: &Outcome| !matches!(outcome, Outcome::Returned(_));
    let stops = invocations.iter().filter(|it| stopped(&it.outcome)).count();
    let lost_replies = deployment.streams.faults();
    let lost_replies = lost_replies
        .drawn()
        .get(&CallFault::LostReply)
        .copied()
        .unwrap_or(0);
    let repeats_max = PAGE * (stops + usize::try_from(lost_replies)?);
    let repeats = deployment.check_complete(repeats_max).await?;

    let tally = deployment.lambda.tally(WORKER)?;
    let usage = deployment.streams.usage(StreamKind::Firehose, STREAM);
    let drawn = deployment.proxy.faults();
    println!(
        "{stops} stops, {repeats} repeats; {tally:?}; {:?}; {usage:?}",
        drawn.drawn()
    );
    // Otherwise this would prove nothing.
    ensure!(
        stops >= 4 && tally.lost >= 2 && tally.doubled >= 2,
        "too calm: {tally:?}"
    );
    ensure!(
        usage.refused_entries >= 10 && drawn.drawn().len() == 3,
        "too calm: {usage:?}"
    );
    let windows = deployment.table.windows().await?;
    ensure!(
        windows.iter().all(|row| row.runs >= 2),
        "a window fitted one run: {windows:?}"
    );
    Ok(())
}
