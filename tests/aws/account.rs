//! Delivery to another account: the sink assumes a role for the stream and for the rejects.

use anyhow::ensure;
use windlass_tests::aws::calls::Call;
use windlass_tests::aws::deployment::{
    BUCKET, Deployment, OPERATOR_KEY, ORCHESTRATOR_KEYS, STREAM, Setup, WORKER_KEYS,
};

use crate::vendors::Stock;

const TICKS_MAX: usize = 50;
/// A role of the account that receives the records.
const ROLE: &str = "arn:aws:iam::000000000000:role/audit-writer";

/// Pulls into a stream that requires the role, and returns every call.
pub(crate) async fn pull_as_the_role(name: &str, record_bytes: usize) -> anyhow::Result<Vec<Call>> {
    let stock = Stock {
        record_bytes,
        ..Stock::google(1, 2, 10)
    };
    let deployment = Deployment::new(name, stock.start().await, Setup::default()).await?;
    let role = format!("stream: {STREAM}, role_arn: '{ROLE}', external_id: 'windlass-test'");
    deployment.reconfigure(&format!("stream: {STREAM}"), &role)?;
    deployment.apply().await?;
    deployment.until_caught_up(TICKS_MAX).await?;
    Ok(deployment.calls.all())
}

/// Fails unless `action` was called, and never with the worker's own keys.
fn only_as_the_role(calls: &[Call], action: &str) -> anyhow::Result<()> {
    let of_action: Vec<_> = calls.iter().filter(|call| call.action == action).collect();
    ensure!(!of_action.is_empty(), "nobody called {action}");
    let own = of_action
        .iter()
        .find(|call| call.caller.starts_with(WORKER_KEYS));
    ensure!(own.is_none(), "with the worker's own keys: {own:?}");
    Ok(())
}

#[tokio::test]
async fn only_stream_calls_use_other_account_role() -> anyhow::Result<()> {
    let calls = pull_as_the_role("role", 850).await?;
    only_as_the_role(&calls, "firehose:PutRecordBatch")?;
    let assumed: Vec<_> = calls
        .iter()
        .filter(|call| call.action == "sts:AssumeRole")
        .collect();
    ensure!(
        !assumed.is_empty() && assumed.iter().all(|call| call.on == ROLE),
        "{assumed:?}"
    );
    let own = [WORKER_KEYS, ORCHESTRATOR_KEYS, OPERATOR_KEY];
    let is_own = |call: &&Call| own.iter().any(|keys| call.caller.starts_with(keys));
    let mut state = calls
        .iter()
        .filter(|call| call.action.starts_with("dynamodb:"));
    ensure!(
        state.all(|call| is_own(&call)),
        "the state was touched in the role"
    );
    Ok(())
}

#[tokio::test]
async fn rejects_go_to_other_account() -> anyhow::Result<()> {
    let calls = pull_as_the_role("role-rejects", 1_100_000).await?;
    only_as_the_role(&calls, "s3:PutObject")?;
    let mut objects = calls.iter().filter(|call| call.action == "s3:PutObject");
    ensure!(
        objects.all(|call| call.on.starts_with(&format!("{BUCKET}/rejected/"))),
        "{objects:?}"
    );
    Ok(())
}
