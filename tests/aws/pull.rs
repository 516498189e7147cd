//! A pull without faults: everything arrives once, and the costs are printed.

use anyhow::ensure;
use windlass_tests::aws::deployment::{Deployment, ORCHESTRATOR, STREAM, Setup, WORKER};
use windlass_tests::aws::lambda::Invocation;
use windlass_tests::aws::streams::StreamKind;

use crate::vendors::Stock;

/// More than a pull without faults takes.
const TICKS_MAX: usize = 200;

async fn pull(name: &str, stock: Stock, setup: Setup) -> anyhow::Result<Deployment> {
    let records = stock.records();
    let kind = setup.kind;
    let deployment = Deployment::new(name, stock.start().await, setup).await?;
    deployment.apply().await?;
    deployment.until_caught_up(TICKS_MAX).await?;
    deployment.check_complete(0).await?;
    let lines = deployment.streams.lines(kind, STREAM)?;
    ensure!(lines.len() == records, "{} lines of {records}", lines.len());
    for function in [ORCHESTRATOR, WORKER] {
        let failed = deployment.lambda.failed_events(function)?;
        ensure!(failed.is_empty(), "{failed:?}");
    }
    let counted = deployment.metric(WORKER, "Records")?;
    ensure!(
        usize::try_from(counted)? == records,
        "{counted} records counted"
    );
    Ok(deployment)
}

/// The costs, for people; docs/COST.md has these figures.
fn report(deployment: &Deployment, kind: StreamKind) -> anyhow::Result<String> {
    let usage = deployment.streams.usage(kind, STREAM);
    let units = deployment.proxy.take_consumed();
    let mut report = format!(
        "state: {} write units, {} read units\n{kind:?}: {usage:?}\n",
        units.write, units.read
    );
    for function in [ORCHESTRATOR, WORKER] {
        let invocations = deployment.lambda.invocations(function)?;
        let billed_ms: u64 = invocations.iter().map(Invocation::billed_ms).sum();
        let init: Vec<_> = invocations.iter().filter_map(|it| it.init).collect();
        let rss_kb = invocations.iter().filter_map(|it| it.max_rss_kb).max();
        report.push_str(&format!(
            "{function}: {} invocations, {billed_ms} ms billed, {} starts (longest {:?}), {rss_kb:?} KB\n",
            invocations.len(),
            init.len(),
            init.iter().max(),
        ));
    }
    Ok(report)
}

/// P9 one engine: every store keeps one contract and every sink another, each checked by one suite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundred_thousand_records_arrive_once_each() -> anyhow::Result<()> {
    let stock = Stock::google(10, 10, 1_000);
    let deployment = pull("pull", stock, Setup::default()).await?;
    println!("{}", report(&deployment, StreamKind::Firehose)?);
    let usage = deployment.streams.usage(StreamKind::Firehose, STREAM);
    // 3 % for the bytes that are billed beyond the bytes sent.
    ensure!(usage.billed_bytes * 100 <= usage.bytes * 103, "{usage:?}");
    Ok(())
}

#[tokio::test]
async fn concurrent_ticks_plan_nothing_twice() -> anyhow::Result<()> {
    let vendor = Stock::google(6, 1, 20).start().await;
    let deployment = Deployment::new("two-ticks", vendor, Setup::default()).await?;
    deployment.apply().await?;
    for _ in 0..3 {
        let (one, other) = tokio::join!(deployment.tick(), deployment.tick());
        one?.expect_success()?;
        other?.expect_success()?;
        deployment.lambda.rest().await?;
    }
    deployment.until_caught_up(TICKS_MAX).await?;
    deployment.check_complete(0).await?;
    let windows = deployment.table.live_windows().await?;
    ensure!(windows.iter().all(|row| row.runs == 1), "{windows:?}");
    let invocations = deployment.lambda.invocations(WORKER)?;
    ensure!(invocations.len() <= windows.len(), "{invocations:?}");
    Ok(())
}

#[tokio::test]
async fn pull_into_kinesis_is_complete() -> anyhow::Result<()> {
    let setup = Setup {
        kind: StreamKind::Kinesis,
        ..Setup::default()
    };
    let deployment = pull("kinesis", Stock::google(3, 4, 250), setup).await?;
    let entries = deployment.streams.entries(StreamKind::Kinesis, STREAM);
    ensure!(
        entries.iter().all(|entry| entry.partition_key.is_some()),
        "no partition key"
    );
    Ok(())
}
