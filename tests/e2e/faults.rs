//! Faults: every kind at once, and a vendor whose paging never ends.

use std::collections::BTreeSet;

use anyhow::ensure;
use windlass_core::limits;
use windlass_tests::fault_proxy::{Cut, FaultProxy};
use windlass_tests::timeline::BOUND_MS;
use windlass_tests::vendor::{Faults, Quirk, Shape};
use windlass_tests::windlass::{Project, Pull, exit};

use crate::scene::{Scene, check_complete};

/// Percentage of requests that fail in the vendor; as many again fail in the network.
const FAULTS_PERCENT: u8 = 10;

async fn pull_through_trouble(shape: Shape, seed: u64) -> anyhow::Result<()> {
    let vendor = Scene::new(shape, 4, 40)
        .seed(seed)
        .latency_ms(0..=5)
        .start()
        .await;
    vendor.set_faults(Faults::new(seed, FAULTS_PERCENT, shape.faults()));
    let proxy = FaultProxy::start(vendor.address(), seed, FAULTS_PERCENT).await?;
    let project = Project::new(Pull {
        base_url: proxy.uri(),
        ..Pull::of(&vendor)
    })?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await?;
    // With fewer faults, the test would prove nothing.
    let faults = vendor.faults();
    ensure!(
        faults.drawn().len() + 2 >= shape.faults().len(),
        "too calm: {:?}",
        faults.drawn()
    );
    let cuts: BTreeSet<Cut> = proxy.cuts().into_iter().collect();
    ensure!(
        cuts.len() == Cut::ALL.len(),
        "the network was too good: {cuts:?}"
    );
    Ok(())
}

/// P1 complete: every settled record a vendor returns since `start` is delivered at least once.
#[tokio::test]
async fn newest_first_pull_through_faults_is_exact() -> anyhow::Result<()> {
    pull_through_trouble(Shape::Google, 51).await
}

#[tokio::test]
async fn oldest_first_pull_through_faults_is_exact() -> anyhow::Result<()> {
    pull_through_trouble(Shape::Okta, 52).await
}

/// The middle one of three windows never ends: it becomes a gap after a bounded number of requests,
/// its neighbors are delivered, and the exit code reports the gap.
async fn park_what_never_ends(shape: Shape) -> anyhow::Result<()> {
    let vendor = Scene::new(shape, 3, 5).start().await;
    let from = vendor.timeline().span().from();
    let middle = from.plus_ms(BOUND_MS);
    vendor.set_quirk(Quirk::StuckToken(middle.plus_ms(BOUND_MS / 2)));
    let project = Project::new(Pull::of(&vendor))?;
    project.run(&[]).await?.expect_failure(exit::HOLES, &[])?;

    let status = project.status().await?;
    ensure!(
        (status.complete_through, status.holes) == (middle, 1),
        "{status:?}"
    );
    let log = vendor.log();
    let requests: usize = log
        .fetches_by_window()
        .iter()
        .filter(|(window, _)| {
            let start = window.from.parse::<windlass_core::Timestamp>();
            start.is_ok_and(|start| (start.ms_since(middle)).abs() < BOUND_MS / 2)
        })
        .map(|(_, pages)| pages)
        .sum();
    // Page one, the page that returns its own token, and a prefetched one.
    let passes = usize::try_from(limits::RESTARTS_MAX)? + 1;
    ensure!(
        (passes..=3 * passes).contains(&requests),
        "{requests} requests in {passes} passes"
    );

    let delivered = project.compare(&vendor)?;
    let outside: Vec<String> = vendor
        .timeline()
        .expected()
        .filter(|event| event.time < middle || event.time >= middle.plus_ms(BOUND_MS))
        .map(|event| shape.id_of(event))
        .collect();
    let lost_outside = delivered
        .lost
        .iter()
        .filter(|id| outside.contains(id))
        .count();
    ensure!(
        lost_outside == 0 && delivered.duplicated.is_empty(),
        "{delivered}"
    );
    Ok(())
}

#[tokio::test]
async fn endless_page_token_parks_window() -> anyhow::Result<()> {
    park_what_never_ends(Shape::Google).await
}

#[tokio::test]
async fn self_referencing_next_link_parks_window() -> anyhow::Result<()> {
    park_what_never_ends(Shape::Okta).await
}
