//! A vendor that asks for patience gets it, and nobody is paid for waiting.

use std::time::Duration;

use anyhow::ensure;
use windlass_core::time::{HOUR_MS, MINUTE_MS};
use windlass_tests::aws::deployment::{Deployment, ORCHESTRATOR, Setup, WORKER};
use windlass_tests::vendor::Quirk;

use crate::vendors::Stock;

const TICKS_MAX: usize = 50;
/// Ticks while the vendor wants to be left alone.
const TICKS_WAITING: usize = 5;
/// How long all workers together may take over being sent away.
const WORKED_MAX: Duration = Duration::from_secs(1);

/// P5 polite: workers of one rate group share the vendor's budget.
#[tokio::test]
async fn an_hour_that_a_vendor_asks_for_is_stored_and_not_slept() -> anyhow::Result<()> {
    let vendor = Stock::google(4, 1, 20).start().await;
    vendor.set_quirk(Quirk::RetryAfter(3_600));
    let setup = Setup {
        max_in_flight: 2,
        ..Setup::default()
    };
    let deployment = Deployment::new("waits", vendor, setup).await?;
    deployment.apply().await?;
    for _ in 0..TICKS_WAITING {
        deployment.tick().await?.expect_success()?;
        deployment.lambda.rest().await?;
        deployment.table.let_time_pass(MINUTE_MS).await?;
    }
    let invocations = deployment.lambda.invocations(WORKER)?;
    let worked: Duration = invocations.iter().map(|it| it.duration).sum();
    println!("{} workers, {worked:?}", invocations.len());
    ensure!(
        !invocations.is_empty() && worked < WORKED_MAX,
        "{worked:?}: {invocations:?}"
    );
    let asked = deployment.vendor.log().asked();
    ensure!(asked <= 2, "asked {asked} times although told to wait");
    let windows = deployment.table.windows().await?;
    ensure!(
        windows.iter().all(|row| row.status == "ready"),
        "{windows:?}"
    );

    deployment.vendor.set_quirk(Quirk::None);
    deployment.table.let_time_pass(HOUR_MS).await?;
    deployment.until_caught_up(TICKS_MAX).await?;
    deployment.check_complete(0).await?;
    let ticks = deployment.lambda.invocations(ORCHESTRATOR)?;
    ensure!(
        ticks.len() <= TICKS_WAITING + TICKS_MAX / 5,
        "{} ticks",
        ticks.len()
    );
    Ok(())
}
