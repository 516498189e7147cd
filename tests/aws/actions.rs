//! The functions' calls against their policies: no call without a permission, and no permission
//! without a call.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};
use windlass_core::time::Timestamp;
use windlass_tests::aws::calls::Call;
use windlass_tests::aws::deployment::{
    BUCKET, Deployment, ORCHESTRATOR_KEYS, SecretStore, Setup, WORKER_KEYS,
};
use windlass_tests::aws::streams::StreamKind;
use windlass_tests::timeline::BOUND_MS;
use windlass_tests::vendor::{Fault, Faults, Quirk};

use crate::account::pull_as_the_role;
use crate::template::policies::{Function, called_actions};
use crate::vendors::Stock;

/// More than any test here takes, including the parking of a window.
const TICKS_MAX: usize = 300;

/// The calls of both functions.
#[derive(Debug, Default)]
struct Called {
    orchestrator: Vec<Call>,
    worker: Vec<Call>,
}

impl Called {
    fn add(&mut self, deployment: &Deployment) {
        self.orchestrator
            .extend(deployment.calls.of(ORCHESTRATOR_KEYS));
        self.worker.extend(deployment.calls.of(WORKER_KEYS));
    }
}

/// The actions that `calls` need permissions for. A split is a transaction, which is not an action
/// of its own: its parts and marks are put, its window is updated.
fn actions(calls: &[Call]) -> BTreeSet<String> {
    let actions = calls.iter().map(|call| call.action.as_str());
    let actions = actions.flat_map(|action| match action {
        "dynamodb:TransactWriteItems" => vec!["dynamodb:PutItem", "dynamodb:UpdateItem"],
        other => vec![other],
    });
    actions.map(str::to_owned).collect()
}

/// Pulls records that are too large for a stream: they are rejected.
async fn pull_what_is_too_large(called: &mut Called) -> anyhow::Result<()> {
    let stock = Stock {
        record_bytes: 1_100_000,
        ..Stock::google(1, 1, 5)
    };
    let deployment = Deployment::new("large", stock.start().await, Setup::default()).await?;
    deployment.apply().await?;
    deployment.until_caught_up(TICKS_MAX).await?;
    ensure!(
        !deployment.streams.objects(BUCKET).is_empty(),
        "nothing was rejected"
    );
    called.add(&deployment);
    Ok(())
}

/// Pulls from a vendor that requests waits, and whose first window never ends: the window parks,
/// and later ones are done while it is in `behind`. The secret is in the other store.
async fn pull_what_is_difficult(called: &mut Called) -> anyhow::Result<()> {
    let vendor = Stock::google(4, 2, 20).start().await;
    let (from, end) = (
        vendor.timeline().span().from(),
        vendor.timeline().span().to(),
    );
    vendor.set_quirk(Quirk::StuckToken(from.plus_ms(BOUND_MS / 2)));
    vendor.set_faults(Faults::new(5, 100, &[Fault::Rate]));
    let setup = Setup {
        secret: SecretStore::ParameterStore,
        // One window at a time, so that a worker looks for the next one.
        max_in_flight: 1,
        ..Setup::default()
    };
    let deployment = Deployment::new("difficult", vendor, setup).await?;
    let end_of = |end: Timestamp| format!("end: {end}");
    deployment.reconfigure(&end_of(end), &end_of(from.plus_ms(BOUND_MS)))?;
    deployment.apply().await?;
    deployment.tick().await?.expect_success()?;
    deployment.lambda.rest().await?;
    deployment.vendor.set_faults(Faults::none());
    until(&deployment, "parked", 1).await?;
    deployment.configure(&deployment.yaml())?;
    deployment.apply().await?;
    until(&deployment, "done", 3).await?;
    called.add(&deployment);
    Ok(())
}

/// Ticks until `count` windows have this status.
async fn until(deployment: &Deployment, status: &str, count: usize) -> anyhow::Result<()> {
    for _ in 0..TICKS_MAX {
        let windows = deployment.table.windows().await?;
        if windows.iter().filter(|row| row.status == status).count() >= count {
            return Ok(());
        }
        deployment.table.let_time_pass(BOUND_MS).await?;
        deployment.tick().await?;
        deployment.lambda.rest().await?;
    }
    let windows = deployment.table.windows().await?;
    bail!(
        "not {count} {status}: {windows:#?}\n{}",
        deployment.trouble()?
    )
}

async fn pull_into_kinesis(called: &mut Called) -> anyhow::Result<()> {
    let setup = Setup {
        kind: StreamKind::Kinesis,
        ..Setup::default()
    };
    let vendor = Stock::google(1, 1, 20).start().await;
    let deployment = Deployment::new("other-stream", vendor, setup).await?;
    deployment.apply().await?;
    deployment.until_caught_up(TICKS_MAX).await?;
    called.add(&deployment);
    Ok(())
}

#[tokio::test]
async fn policies_allow_exactly_the_calls_made() -> anyhow::Result<()> {
    let mut called = Called::default();
    pull_what_is_too_large(&mut called).await?;
    pull_what_is_difficult(&mut called).await?;
    let allowed = |function, parameters: &[_]| called_actions(function, parameters);
    assert_eq!(
        actions(&called.orchestrator),
        allowed(Function::Orchestrator, &[])
    );
    assert_eq!(actions(&called.worker), allowed(Function::Worker, &[]));

    let elsewhere = pull_as_the_role("elsewhere", 850).await?;
    let mut worker: Vec<_> = called.worker.clone();
    worker.retain(|call| !["firehose:PutRecordBatch", "s3:PutObject"].contains(&&*call.action));
    worker.extend(
        elsewhere
            .into_iter()
            .filter(|call| call.caller.starts_with(WORKER_KEYS)),
    );
    let role = [
        ("IngestPath", "existing"),
        ("ExistingStreamName", "audit"),
        (
            "LoggingAccountRoleArn",
            "arn:aws:iam::222222222222:role/audit",
        ),
        ("RejectsPlace", "s3://central/rejects"),
    ];
    assert_eq!(actions(&worker), allowed(Function::Worker, &role));

    called
        .worker
        .retain(|call| call.action != "firehose:PutRecordBatch");
    pull_into_kinesis(&mut called).await?;
    let kinesis = [
        ("IngestPath", "existing"),
        ("ExistingStreamKind", "kinesis"),
        ("ExistingStreamName", "audit"),
    ];
    assert_eq!(actions(&called.worker), allowed(Function::Worker, &kinesis));
    Ok(())
}
