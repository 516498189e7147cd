//! A worker that is stopped for longer than its lease, and then resumes.

use anyhow::{Context, ensure};
use windlass_tests::aws::deployment::{Deployment, Setup, WORKER};
use windlass_tests::aws::lambda::{Act, Chaos, Moment, Outcome, Strike};

use crate::vendors::Stock;

/// Records per page.
const PAGE: usize = 50;
const TICKS_MAX: usize = 200;

/// P4 fenced: a worker that lost its window cannot change it.
#[tokio::test]
async fn overtaken_worker_is_fenced_and_repeats_one_page() -> anyhow::Result<()> {
    let stock = Stock::google(1, 12, PAGE).latency_ms(100..=150);
    let setup = Setup {
        worker_timeout_ms: 120_000,
        ..Setup::default()
    };
    let deployment = Deployment::new("zombie", stock.start().await, setup).await?;
    deployment.apply().await?;
    // The claim, and the checkpoints of two pages.
    let moment = Moment::AfterCall {
        action: "dynamodb:UpdateItem".to_owned(),
        times: 3..=3,
    };
    let freeze = Strike {
        act: Act::Freeze,
        moment,
    };
    deployment
        .lambda
        .set_chaos(WORKER, Chaos::new(1).struck(100, 1, &[freeze]))?;
    deployment.until_caught_up(TICKS_MAX).await?;
    ensure!(
        deployment.lambda.frozen(WORKER)? == 1,
        "nobody stands still"
    );
    // One page because of the stop.
    let repeats = deployment.check_complete(PAGE).await?;
    let before = deployment.table.windows().await?;
    let pages = deployment.vendor.log().entries().len();

    let thawed = deployment.lambda.thaw(WORKER).await?;
    let zombie = thawed.first().context("nobody went on")?;
    ensure!(matches!(zombie.outcome, Outcome::Returned(_)), "{zombie:?}");
    ensure!(zombie.expect_success()?["fenced"] == 1, "{zombie:?}");
    // Its next write was fenced: the table is unchanged, and it requested no pages beyond the one
    // after the page in flight.
    ensure!(
        deployment.table.windows().await? == before,
        "it moved the window"
    );
    let asked = deployment.vendor.log().entries().len() - pages;
    ensure!(asked <= 1, "it asked for {asked} more pages");
    // Only the page in flight.
    let repeated = deployment.check_complete(2 * PAGE).await? - repeats;
    ensure!(
        repeated <= PAGE,
        "it delivered {repeated} records once more"
    );
    Ok(())
}
