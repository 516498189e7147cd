//! A vendor's requested wait is obeyed, and no invocation is billed for it.

use anyhow::{Context, ensure};
use windlass_core::Timestamp;
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;
use windlass_core::time::{HOUR_MS, MINUTE_MS};
use windlass_tests::aws::deployment::{Deployment, Setup, WORKER};
use windlass_tests::aws::table::text;
use windlass_tests::vendor::Quirk;

use crate::vendors::Stock;

/// Maximum number of ticks from the end of the wait to full delivery.
const TICKS_MAX: usize = 10;
/// Number of ticks during the requested wait.
const TICKS_WAITING: usize = 5;
/// Windows in flight, and so the workers that may send a request before the wait is known.
const IN_FLIGHT: usize = 2;

/// P5 polite: workers of a rate group share one request rate, and a long wait is stored, not slept.
#[tokio::test]
async fn hour_long_wait_is_stored_not_slept() -> anyhow::Result<()> {
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
        // A worker that slept for the hour would first be killed by its timeout.
        deployment.lambda.rest().await?;
        if tick == 0 {
            let cooldowns = deployment.table.items("rate#").await?;
            let cooldown = cooldowns.first().context("no wait is stored")?;
            let until: Timestamp = text(cooldown, "not_before")?.parse()?;
            ensure!(until >= before.plus_ms(HOUR_MS), "{cooldown:?}");
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
