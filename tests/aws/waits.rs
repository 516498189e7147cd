//! A vendor that asks for patience gets it, and nobody is paid for waiting.

use anyhow::{Context, ensure};
use windlass_core::Timestamp;
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;
use windlass_core::time::{HOUR_MS, MINUTE_MS};
use windlass_tests::aws::deployment::{Deployment, Setup, WORKER};
use windlass_tests::aws::table::text;
use windlass_tests::vendor::Quirk;

use crate::vendors::Stock;

/// Ticks until everything is delivered once the wait is over.
const TICKS_MAX: usize = 10;
/// Ticks while the vendor wants to be left alone.
const TICKS_WAITING: usize = 5;
/// Windows at once, and so the workers that may ask before one of them is told to wait.
const IN_FLIGHT: usize = 2;

/// P5 polite: workers of one rate group share the vendor's budget.
#[tokio::test]
async fn an_hour_that_a_vendor_asks_for_is_stored_and_not_slept() -> anyhow::Result<()> {
    let vendor = Stock::google(4, 1, 20).start().await;
    vendor.set_quirk(Quirk::RetryAfter(3_600));
    let setup = Setup {
        max_in_flight: u32::try_from(IN_FLIGHT)?,
        ..Setup::default()
    };
    let deployment = Deployment::new("waits", vendor, setup).await?;
    deployment.apply().await?;
    let before = SystemClock.now();
    for tick in 0..TICKS_WAITING {
        deployment.tick().await?.expect_success()?;
        // One that slept for the hour would be killed by its timeout first.
        deployment.lambda.rest().await?;
        if tick == 0 {
            let gates = deployment.table.items("rate#").await?;
            let gate = gates.first().context("no wait is stored")?;
            let until: Timestamp = text(gate, "not_before")?.parse()?;
            ensure!(until >= before.plus_ms(HOUR_MS), "{gate:?}");
        }
        deployment.table.let_time_pass(MINUTE_MS).await?;
    }
    let invocations = deployment.lambda.invocations(WORKER)?;
    ensure!(
        (1..=IN_FLIGHT).contains(&invocations.len())
            && invocations.iter().all(|it| it.outcome.is_success()),
        "{invocations:?}"
    );
    let asked = deployment.vendor.log().asked();
    ensure!(
        asked <= IN_FLIGHT,
        "asked {asked} times although told to wait"
    );
    let windows = deployment.table.windows().await?;
    ensure!(
        windows.iter().all(|row| row.status == "ready"),
        "{windows:?}"
    );

    deployment.vendor.set_quirk(Quirk::None);
    deployment.table.let_time_pass(HOUR_MS).await?;
    deployment.until_caught_up(TICKS_MAX).await?;
    deployment.check_complete(0).await.map(drop)
}
